/** The platform on Node (and Bun): every primitive is synchronous. */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from "node:crypto";
import type { Digest } from "../engine/ports.ts";
import { hmacOneShot } from "./hmac-one-shot.ts";

export { entropy } from "./entropy.ts";
export { hostTime } from "./host-time.ts";
export { privateFiles } from "./private-files.ts";
export { systemClock } from "./system-clock.ts";
export { timers } from "./timers.ts";

const CIPHER = "aes-256-gcm";
const TAG_BYTES = 16;
const EMPTY: Uint8Array = new Uint8Array(0);

/** A `KeyObject` made on the spot saves 10 µs per cipher on Node 24 against key bytes. */
export const digest: Digest = {
  hmac: hmacOneShot,

  hkdf(secret, info, length) {
    return new Uint8Array(hkdfSync("sha256", createSecretKey(secret), EMPTY, info, length));
  },

  seal(key, nonce, plain, aad) {
    const cipher = createCipheriv(CIPHER, createSecretKey(key), nonce);
    cipher.setAAD(aad);
    const sealed = new Uint8Array(plain.length + TAG_BYTES);
    sealed.set(cipher.update(plain));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plain.length);
    return sealed;
  },

  open(key, nonce, sealed, aad) {
    if (sealed.length < TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, createSecretKey(key), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(end));
    const plain = new Uint8Array(decipher.update(sealed.subarray(0, end)));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  },
};
