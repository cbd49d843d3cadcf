/** What logs, metrics and traces carry instead of a session id. */
import type { MaybePromise } from "../engine/ports.ts";
import type { KeyRing } from "./key-ring.ts";
import { oneField, shortHash } from "./keyed-text.ts";

/**
 * The `sid_ref` of a session: 16 characters that tell its lines apart and lead nowhere without the
 * key. A new primary secret gives new references.
 */
export function sidRef(ring: KeyRing, id: string): MaybePromise<string> {
  return shortHash(ring.primaryHmac("log", oneField(id)));
}
