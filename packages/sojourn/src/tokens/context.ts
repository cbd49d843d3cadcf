/** Client contexts as a record keeps them: comparable, and unreadable without the key. */
import { invariant } from "../engine/invariant.ts";
import type { MaybePromise } from "../engine/ports.ts";
import type { KeyRing } from "./key-ring.ts";
import { oneField, shortHash } from "./keyed-text.ts";
import { chain } from "./maybe-promise.ts";

/** The fingerprint of a client context under the primary key: 16 characters. */
export function fingerprintOf(ring: KeyRing, context: string): MaybePromise<string> {
  return shortHash(ring.primaryHmac("context", oneField(context)));
}

/**
 * The fingerprint of a context in the spelling that `known` has of it. After a rotation of secrets
 * a record still holds the old key's fingerprint; compared with the new key's, an honest client
 * would look like another one.
 *
 * @returns the member of `known` that is this context under any key, else the primary's
 * fingerprint. One hash per secret at most, and one when the primary's is known.
 */
export function fingerprintLike(
  ring: KeyRing,
  context: string,
  known: readonly (string | undefined)[],
): MaybePromise<string> {
  return chain(fingerprintOf(ring, context), (primary) =>
    known.every((kept) => kept === undefined || kept === primary)
      ? primary
      : chain(spellingAmong(ring, context, { known, from: 1 }), (found) => found ?? primary),
  );
}

/** Fingerprints are no secrets to their reader, so they are looked up and not compared blindly. */
function spellingAmong(
  ring: KeyRing,
  context: string,
  search: { readonly known: readonly (string | undefined)[]; readonly from: number },
): MaybePromise<string | undefined> {
  const kid = ring.kids[search.from];
  if (kid === undefined) return undefined;
  const hash = ring.hmac("context", kid, oneField(context));
  invariant(hash !== undefined, "a ring has the keys it lists");
  return chain(shortHash(hash), (text) =>
    search.known.includes(text)
      ? text
      : spellingAmong(ring, context, { known: search.known, from: search.from + 1 }),
  );
}
