/**
 * Session ids: region (1 byte), bucket (2), random (15), printed as 24 characters. The bucket puts
 * all sessions of a subject side by side in a store that is split; it is a keyed 16-bit hash, so it
 * names nobody, and its key never rotates because the place of a stored session never may.
 */
import { ArgumentError } from "../engine/errors.ts";
import type { Digest, Entropy, MaybePromise } from "../engine/ports.ts";
import { decodeGroups, encodeBase64Url } from "./base64url.ts";
import { encodeFields } from "./fields.ts";
import { chain } from "./maybe-promise.ts";

const ID_BYTES = 18;
const BUCKET_START = 1;
const BUCKET_MAX = 0xffff;
const REGION_MAX = 0xff;

/**
 * The bucket of a subject, 0–65535, the same for ever.
 * @param bucketKey The installation's 32 bytes; decode them once, they are remembered by identity.
 */
export function bucketOf(
  digest: Digest,
  bucketKey: Uint8Array,
  tenant: string,
  subject: string,
): MaybePromise<number> {
  return chain(digest.hmac(bucketKey, encodeFields([tenant, subject])), readBucket);
}

export interface SessionPlace {
  /** 0–255, default 0. */
  readonly region?: number;
  /** 0–65535; an anonymous session leaves it out and gets a random one. */
  readonly bucket?: number;
}

/** A fresh session id: 24 base64url characters, 120 of the 144 bits random. Not a secret. */
export function newSessionId(entropy: Entropy, place: SessionPlace = {}): string {
  const { region = 0, bucket } = place;
  requireWithin("region", region, REGION_MAX);
  const bytes = entropy.bytes(ID_BYTES);
  bytes[0] = region;
  if (bucket !== undefined) {
    requireWithin("bucket", bucket, BUCKET_MAX);
    bytes[BUCKET_START] = bucket >> 8;
    bytes[BUCKET_START + 1] = bucket;
  }
  return encodeBase64Url(bytes);
}

/** The bucket inside an id, 0–65535. @throws {ArgumentError} when the text is no session id. */
export function bucketFromId(id: string): number {
  const bytes = new Uint8Array(ID_BYTES);
  if (id.length * 3 !== ID_BYTES * 4 || !decodeGroups(id, 0, bytes)) {
    throw new ArgumentError("id", "is no session id (24 base64url characters)");
  }
  return readBucket(bytes.subarray(BUCKET_START));
}

function readBucket(bytes: Uint8Array): number {
  return ((bytes[0] as number) << 8) | (bytes[1] as number);
}

function requireWithin(path: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new ArgumentError(path, `is not a whole number from 0 to ${max}`);
}
