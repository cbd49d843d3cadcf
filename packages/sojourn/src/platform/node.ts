/** The platform on Node (and Bun): every primitive is synchronous. */
import {
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  hkdfSync,
} from "node:crypto";
import { Buffer } from "node:buffer";
import type { Base64Url, Cipher, Digest } from "../engine/ports.ts";
import { hmacOneShot } from "./hmac-one-shot.ts";

export { entropy } from "./entropy.ts";
export { hostTime } from "./host-time.ts";
export { privateFiles } from "./private-files.ts";
export { errandOf } from "./shared-errand.ts";
export { systemClock } from "./system-clock.ts";
export { timers } from "./timers.ts";

const CIPHER = "aes-256-gcm";
const TAG_BYTES = 16;
const EMPTY: Uint8Array = new Uint8Array(0);

/** `Buffer` reads other spellings, too: what it read is written again and compared. */
export const base64Url: Base64Url | undefined = {
  encode: (bytes) => viewOf(bytes).toString("base64url"),
  decode(text) {
    const bytes = Buffer.from(text, "base64url");
    if (bytes.toString("base64url") !== text) return undefined;
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  },
};

function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** A `KeyObject` made on the spot saves 10 µs per cipher on Node 24 against key bytes. */
export const digest: Digest = {
  hmac: hmacOneShot,

  hkdf(secret, info, length) {
    return new Uint8Array(hkdfSync("sha256", createSecretKey(secret), EMPTY, info, length));
  },

  seal(key, nonce, plain, aad) {
    return sealWith(createSecretKey(key), nonce, plain, aad);
  },

  open(key, nonce, sealed, aad) {
    return openWith(createSecretKey(key), nonce, sealed, aad);
  },
};

/** Of bytes, or of a text as UTF-8. 1 µs, where Web Crypto asks another thread for 60 µs. */
export function sha256(message: Uint8Array | string): Uint8Array | Promise<Uint8Array> {
  return new Uint8Array(hash("sha256", message, "buffer"));
}

/** Saves another 4 µs per call. */
export function cipherOf(key: Uint8Array): Cipher {
  const made = createSecretKey(key);
  return {
    seal: (nonce, plain, aad) => sealWith(made, nonce, plain, aad),
    open: (nonce, sealed, aad) => openWith(made, nonce, sealed, aad),
  };
}

function sealWith(
  key: KeyObject,
  nonce: Uint8Array,
  plain: Uint8Array,
  aad: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(aad);
  const sealed = new Uint8Array(plain.length + TAG_BYTES);
  sealed.set(cipher.update(plain));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plain.length);
  return sealed;
}

function openWith(
  key: KeyObject,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = new Uint8Array(decipher.update(sealed.subarray(0, end)));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}
