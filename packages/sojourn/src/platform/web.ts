/** The platform on web runtimes (workers, Deno, browsers): every primitive is a promise. */
import type { Base64Url, Cipher, Digest } from "../engine/ports.ts";

export { entropy } from "./entropy.ts";
export { hostTime } from "./host-time.ts";
export { privateFiles } from "./no-files.ts";
export { errandOf } from "./own-errand.ts";
export { systemClock } from "./system-clock.ts";
export { timers } from "./timers.ts";

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const TAG_BITS = 128;
const encoder = new TextEncoder();
const EMPTY: Uint8Array = new Uint8Array(0);

/** By identity, as on Node: importing costs more than the HMAC itself. */
const hmacKeys: WeakMap<Uint8Array, Key> = new WeakMap();

async function hmacKey(key: Uint8Array): Promise<Key> {
  const known = hmacKeys.get(key);
  if (known !== undefined) return known;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const made = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  hmacKeys.set(key, made);
  return made;
}

function cipherKey(key: Uint8Array, uses: ("encrypt" | "decrypt")[]): Promise<Key> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, uses);
}

function cipher(nonce: Uint8Array, aad: Uint8Array) {
  return {
    name: "AES-GCM",
    iv: nonce,
    additionalData: aad,
    tagLength: TAG_BITS,
  };
}

/** `atob` takes more than it saves, and `Uint8Array.fromBase64` is not everywhere yet. */
export const base64Url: Base64Url | undefined = undefined;

export const digest: Digest = {
  async hmac(key, message) {
    return new Uint8Array(await crypto.subtle.sign("HMAC", await hmacKey(key), message));
  },

  async hkdf(secret, info, length) {
    const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
    const algorithm = { name: "HKDF", hash: "SHA-256", salt: EMPTY, info: info };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, length * 8));
  },

  async seal(key, nonce, plain, aad) {
    return sealWith(await cipherKey(key, ["encrypt"]), nonce, plain, aad);
  },

  async open(key, nonce, sealed, aad) {
    return openWith(await cipherKey(key, ["decrypt"]), nonce, sealed, aad);
  },
};

/** Of bytes, or of a text as UTF-8. */
export async function sha256(message: Uint8Array | string): Promise<Uint8Array> {
  const bytes = typeof message === "string" ? encoder.encode(message) : message;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Only the key itself is kept: some runtimes forbid a promise of another request. */
export function cipherOf(bytes: Uint8Array): Cipher {
  let key: Key | undefined;
  const ready = async (): Promise<Key> => (key ??= await cipherKey(bytes, ["encrypt", "decrypt"]));
  return {
    seal: async (nonce, plain, aad) => sealWith(await ready(), nonce, plain, aad),
    open: async (nonce, sealed, aad) => openWith(await ready(), nonce, sealed, aad),
  };
}

async function sealWith(
  key: Key,
  nonce: Uint8Array,
  plain: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.encrypt(cipher(nonce, aad), key, plain));
}

async function openWith(
  key: Key,
  nonce: Uint8Array,
  sealed: Uint8Array,
  aad: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt(cipher(nonce, aad), key, sealed));
  } catch {
    return undefined;
  }
}
