/** The platform on web runtimes (workers, Deno, browsers): every primitive is a promise. */
import type { Digest } from "../engine/ports.ts";

export { entropy } from "./entropy.ts";
export { hostTime } from "./host-time.ts";
export { privateFiles } from "./no-files.ts";
export { systemClock } from "./system-clock.ts";
export { timers } from "./timers.ts";

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const TAG_BITS = 128;
const EMPTY: Uint8Array = new Uint8Array(0);

/** By identity, as on Node: importing costs more than the HMAC itself. */
const hmacKeys: WeakMap<Uint8Array, Promise<Key>> = new WeakMap();

function hmacKey(key: Uint8Array): Promise<Key> {
  const known = hmacKeys.get(key);
  if (known !== undefined) return known;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const made = crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  hmacKeys.set(key, made);
  return made;
}

function cipherKey(key: Uint8Array, use: "encrypt" | "decrypt"): Promise<Key> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [use]);
}

function cipher(nonce: Uint8Array, aad: Uint8Array) {
  return {
    name: "AES-GCM",
    iv: nonce,
    additionalData: aad,
    tagLength: TAG_BITS,
  };
}

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
    const imported = await cipherKey(key, "encrypt");
    const sealed = await crypto.subtle.encrypt(cipher(nonce, aad), imported, plain);
    return new Uint8Array(sealed);
  },

  async open(key, nonce, sealed, aad) {
    const imported = await cipherKey(key, "decrypt");
    try {
      const plain = await crypto.subtle.decrypt(cipher(nonce, aad), imported, sealed);
      return new Uint8Array(plain);
    } catch {
      return undefined;
    }
  },
};
