/**
 * Challenges of passkeys: kept nowhere until they are used. Each says under a keyed hash what for
 * and whom and until when it is good, so that any process can judge it; the first use is noted for
 * all of them.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { ReplayCache } from "sojourn";

/** `register` and `step-up` are bound to the session they were asked on. */
export type Ceremony = "sign-in" | "register" | "step-up";

const LIFE_MS = 2 * 60 * 1_000;
const LABEL = "sojourn-server/1/console-challenge";
const NONCE_BYTES = 18;
const TIME_BYTES = 6;
const MAC_BYTES = 24;
const BYTES = TIME_BYTES + NONCE_BYTES + MAC_BYTES;

export class Challenges {
  readonly #keys: readonly Buffer[];
  readonly #used: ReplayCache;

  constructor(secrets: readonly string[], used: ReplayCache) {
    this.#keys = secrets.map((secret) => createHmac("sha256", secret).update(LABEL).digest());
    this.#used = used;
  }

  /** @param about The session's id, or nothing. */
  make(ceremony: Ceremony, about: string, now: number): Buffer<ArrayBuffer> {
    const head = Buffer.alloc(TIME_BYTES + NONCE_BYTES);
    head.writeUIntBE(now + LIFE_MS, 0, TIME_BYTES);
    randomBytes(NONCE_BYTES).copy(head, TIME_BYTES);
    const [key] = this.#keys;
    if (key === undefined) throw new RangeError("no secret");
    return Buffer.concat([head, macOf(key, ceremony, about, head)]);
  }

  /** True once, and only for what it was made for. @throws {StoreUnavailableError} */
  async take(text: string, ceremony: Ceremony, about: string, now: number): Promise<boolean> {
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length !== BYTES || bytes.toString("base64url") !== text) return false;
    const head = bytes.subarray(0, BYTES - MAC_BYTES);
    const mac = bytes.subarray(BYTES - MAC_BYTES);
    const until = head.readUIntBE(0, TIME_BYTES);
    const ours = this.#keys.some((key) => timingSafeEqual(macOf(key, ceremony, about, head), mac));
    if (!ours || now >= until) return false;
    return this.#used.claim(`console ${head.toString("base64url")}`, until, now);
  }
}

function macOf(key: Buffer, ceremony: Ceremony, about: string, head: Buffer): Buffer {
  const hash = createHmac("sha256", key).update(`${ceremony}\n${about}\n`).update(head);
  return hash.digest().subarray(0, MAC_BYTES);
}
