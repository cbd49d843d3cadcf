/**
 * Bytes in an encrypted text that travels through somebody else's hands: AES-256-GCM under a key of
 * its own for each text, made from a root secret and a random salt, so that no number of texts
 * wears a key out. Tenant, cookie name, purpose and number of chunks are bound to it.
 *
 *   `sj1e_` ‖ chunks (1 digit) ‖ key id (4 hexadecimal digits) ‖ base64url(salt ‖ nonce ‖ box)
 */
import { invariant } from "../../engine/invariant.ts";
import type { Entropy, MaybePromise } from "../../engine/ports.ts";
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { encodeFields } from "../fields.ts";
import { formatKid } from "../key-ring.ts";
import type { KeyRing } from "../key-ring.ts";
import { chain } from "../maybe-promise.ts";
import { chunkCount, CHUNKS_MAX, joinChunks, SEALED_PREFIX, splitChunks } from "./chunks.ts";

/** Another layout of what is inside is another purpose. */
const PURPOSE = "sealed-session/1";
const KID_AT: number = SEALED_PREFIX.length + 1;
const BODY_AT: number = KID_AT + 4;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BOX_AT: number = SALT_BYTES + NONCE_BYTES;

export interface EnvelopeParts {
  readonly ring: KeyRing;
  readonly entropy: Entropy;
  readonly tenant: string;
  /** Of the first cookie, prefix included. */
  readonly name: string;
}

export class Envelope {
  readonly #parts: EnvelopeParts;
  readonly #kids: ReadonlyMap<string, number>;
  readonly #keys: Map<number, MaybePromise<Uint8Array>> = new Map();
  /** By number of chunks, from 1. */
  readonly #bound: readonly Uint8Array[];

  constructor(parts: EnvelopeParts) {
    this.#parts = parts;
    this.#kids = new Map(parts.ring.kids.map((kid) => [formatKid(kid), kid]));
    const counts = Array.from({ length: CHUNKS_MAX + 1 }, (_, count) => String(count));
    this.#bound = counts.map((count) => encodeFields([PURPOSE, parts.tenant, parts.name, count]));
  }

  /** @returns the chunks, or `undefined` when they would be more than `chunksMax`. */
  seal(plain: Uint8Array, chunksMax: number): MaybePromise<readonly string[] | undefined> {
    const { ring, entropy } = this.#parts;
    const count = chunkCount(textChars(plain.length));
    if (count > Math.min(chunksMax, CHUNKS_MAX)) return undefined;
    const random = entropy.bytes(BOX_AT);
    const nonce = random.slice(SALT_BYTES);
    const key = this.#keyFor(ring.primary, random.slice(0, SALT_BYTES));
    const sealed = chain(key, (key) => ring.digest.seal(key, nonce, plain, this.#boundTo(count)));
    return chain(sealed, (box) => {
      const body = new Uint8Array(BOX_AT + box.length);
      body.set(random);
      body.set(box, BOX_AT);
      const head = SEALED_PREFIX + String(count) + formatKid(ring.primary);
      return splitChunks(head + encodeBase64Url(body));
    });
  }

  /** @returns `undefined` for anything but chunks that were sealed together, for this place. */
  open(chunks: readonly string[]): MaybePromise<Uint8Array | undefined> {
    const text = joinChunks(chunks);
    const kid = text === undefined ? undefined : this.#kids.get(text.slice(KID_AT, BODY_AT));
    if (text === undefined || kid === undefined) return undefined;
    const body = decodeBase64Url(text.slice(BODY_AT));
    if (body === undefined || body.length < BOX_AT + TAG_BYTES) return undefined;
    const nonce = body.subarray(SALT_BYTES, BOX_AT);
    const box = body.subarray(BOX_AT);
    const bound = this.#boundTo(chunks.length);
    return chain(this.#keyFor(kid, body.slice(0, SALT_BYTES)), (key) =>
      this.#parts.ring.digest.open(key, nonce, box, bound),
    );
  }

  #keyFor(kid: number, salt: Uint8Array): MaybePromise<Uint8Array> {
    const { digest } = this.#parts.ring;
    return chain(this.#tenantKey(kid), (key) => digest.hmac(key, salt));
  }

  #tenantKey(kid: number): MaybePromise<Uint8Array> {
    const known = this.#keys.get(kid);
    if (known !== undefined) return known;
    const { ring, tenant } = this.#parts;
    const made = ring.derive("seal", kid, encodeFields([PURPOSE, tenant]));
    invariant(made !== undefined, "a ring has the keys it lists");
    return chain(made, (key) => {
      this.#keys.set(kid, key);
      return key;
    });
  }

  #boundTo(count: number): Uint8Array {
    return this.#bound[count] as Uint8Array;
  }
}

/** Characters of the text over so many bytes. */
function textChars(plainBytes: number): number {
  return BODY_AT + Math.ceil(((BOX_AT + plainBytes + TAG_BYTES) * 4) / 3);
}
