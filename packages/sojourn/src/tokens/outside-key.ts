/**
 * Session ids for credentials of other systems: the same key gives the same id in every process,
 * so that whoever comes second meets what is there. Needs the installation's bucket key; without
 * it nobody can tell which outside key an id came from.
 */
import type { Digest, MaybePromise } from "../engine/ports.ts";
import { encodeFields } from "./fields.ts";
import { chain } from "./maybe-promise.ts";
import { newSessionId } from "./session-id.ts";
import type { SessionPlace } from "./session-id.ts";

/** Sets these hashes apart from the buckets, which are made with the same key. */
const LABEL = "sojourn/1/outside";

export interface OutsideKey {
  /** Who asks, e.g. `"express-session"`: equal keys of two purposes are two sessions. */
  readonly purpose: string;
  readonly tenant: string;
  /** Any text of any length: hashed, never kept. */
  readonly key: string;
}

/**
 * The id of the session that stands for an outside key: 24 base64url characters. 3 µs.
 *
 * @param bucketKey The installation's 32 bytes.
 * @param place With the subject's bucket for a session that will have a subject; without it the
 * bucket is derived from the key, which is the form of anonymous sessions.
 */
export function outsideSessionId(
  digest: Digest,
  bucketKey: Uint8Array,
  outside: OutsideKey,
  place: SessionPlace = {},
): MaybePromise<string> {
  const { purpose, tenant, key } = outside;
  const mac = digest.hmac(bucketKey, encodeFields([LABEL, purpose, tenant, key]));
  return chain(mac, (bytes) => newSessionId({ bytes: (length) => bytes.slice(0, length) }, place));
}
