/**
 * Bytes in an encrypted text that travels through somebody else's hands: AES-256-GCM under a key of
 * the hour, so that no number of texts wears a key out (2^32 random nonces each). Tenant, cookie
 * name, purpose and number of chunks are bound to it.
 *
 *   `sj1e_` ‖ chunks (1 digit) ‖ key id (4 hexadecimal digits) ‖ base64url(hour ‖ nonce ‖ box)
 */
import { base64Url, cipherOf } from "#platform";
import { invariant } from "../../engine/invariant.ts";
import type { Base64Url, Cipher, Entropy, MaybePromise } from "../../engine/ports.ts";
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
const HOUR_MS = 3_600_000;
const HOUR_BYTES = 3;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BOX_AT: number = HOUR_BYTES + NONCE_BYTES;
/** Ciphers that are kept ready: some hours under some secrets. */
const CIPHERS_MAX = 32;

const text: Base64Url = base64Url ?? {
  encode: (bytes) => encodeBase64Url(bytes),
  decode: decodeBase64Url,
};

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
  /** By key id and hour; the oldest first. */
  readonly #ciphers: Map<number, Cipher> = new Map();
  /** By number of chunks, from 1. */
  readonly #bound: readonly Uint8Array[];

  constructor(parts: EnvelopeParts) {
    this.#parts = parts;
    this.#kids = new Map(parts.ring.kids.map((kid) => [formatKid(kid), kid]));
    const counts = Array.from({ length: CHUNKS_MAX + 1 }, (_, count) => String(count));
    this.#bound = counts.map((count) => encodeFields([PURPOSE, parts.tenant, parts.name, count]));
  }

  /** @returns the chunks, or `undefined` when they would be more than `chunksMax`. */
  seal(
    plain: Uint8Array,
    chunksMax: number,
    now: number,
  ): MaybePromise<readonly string[] | undefined> {
    const count = chunkCount(textChars(plain.length));
    if (count > Math.min(chunksMax, CHUNKS_MAX)) return undefined;
    const { ring, entropy } = this.#parts;
    const hour = Math.floor(now / HOUR_MS);
    const nonce = entropy.bytes(NONCE_BYTES);
    const sealed = chain(this.#cipher(ring.primary, hour), (cipher) => {
      this.#keep(ring.primary, hour, cipher);
      return cipher.seal(nonce, plain, this.#boundTo(count));
    });
    return chain(sealed, (box) => {
      const body = new Uint8Array(BOX_AT + box.length);
      body.set([hour >> 16, hour >> 8, hour]);
      body.set(nonce, HOUR_BYTES);
      body.set(box, BOX_AT);
      return splitChunks(
        SEALED_PREFIX + String(count) + formatKid(ring.primary) + text.encode(body),
      );
    });
  }

  /** @returns `undefined` for anything but chunks that were sealed together, for this place. */
  open(chunks: readonly string[]): MaybePromise<Uint8Array | undefined> {
    const joined = joinChunks(chunks);
    const kid = joined === undefined ? undefined : this.#kids.get(joined.slice(KID_AT, BODY_AT));
    if (joined === undefined || kid === undefined) return undefined;
    const body = text.decode(joined.slice(BODY_AT));
    if (body === undefined || body.length < BOX_AT + TAG_BYTES) return undefined;
    const [high = 0, middle = 0, low = 0] = body;
    const hour = (high << 16) | (middle << 8) | low;
    const nonce = body.subarray(HOUR_BYTES, BOX_AT);
    const bound = this.#boundTo(chunks.length);
    return chain(this.#cipher(kid, hour), (cipher) =>
      chain(cipher.open(nonce, body.subarray(BOX_AT), bound), (plain) => {
        // An hour that somebody made up is not worth a place.
        if (plain !== undefined) this.#keep(kid, hour, cipher);
        return plain;
      }),
    );
  }

  #cipher(kid: number, hour: number): MaybePromise<Cipher> {
    const known = this.#ciphers.get(placeOf(kid, hour));
    if (known !== undefined) return known;
    const { ring, tenant } = this.#parts;
    const key = ring.derive("seal", kid, encodeFields([PURPOSE, tenant, String(hour)]));
    invariant(key !== undefined, "a ring has the keys it lists");
    return chain(key, cipherOf);
  }

  #keep(kid: number, hour: number, cipher: Cipher): void {
    const place = placeOf(kid, hour);
    if (this.#ciphers.has(place)) return;
    this.#ciphers.set(place, cipher);
    for (const oldest of this.#ciphers.keys()) {
      if (this.#ciphers.size <= CIPHERS_MAX) return;
      this.#ciphers.delete(oldest);
    }
  }

  #boundTo(count: number): Uint8Array {
    return this.#bound[count] as Uint8Array;
  }
}

function placeOf(kid: number, hour: number): number {
  return kid * 2 ** (8 * HOUR_BYTES) + hour;
}

/** Characters of the text over so many bytes. */
function textChars(plainBytes: number): number {
  return BODY_AT + Math.ceil(((BOX_AT + plainBytes + TAG_BYTES) * 4) / 3);
}
