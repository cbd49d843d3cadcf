/** The session-bound anti-forgery value. What a page shows is a masked form of it, see `http/`. */
import { equalText } from "../engine/equal.ts";
import { invariant } from "../engine/invariant.ts";
import type { MaybePromise, SessionRef } from "../engine/ports.ts";
import { encodeBase64Url } from "./base64url.ts";
import { encodeFields } from "./fields.ts";
import type { KeyRing } from "./key-ring.ts";
import { chain } from "./maybe-promise.ts";

/** 32 bytes, the same for the whole session and primary key. */
export function csrfValue(ring: KeyRing, ref: SessionRef): MaybePromise<Uint8Array> {
  return ring.primaryHmac("csrf", encodeFields([ref.tenant, ref.id]));
}

/** True when the bytes are the session's value under any key of the ring. All keys are tried. */
export function verifyCsrfValue(
  ring: KeyRing,
  ref: SessionRef,
  presented: Uint8Array,
): MaybePromise<boolean> {
  const message = encodeFields([ref.tenant, ref.id]);
  const text = encodeBase64Url(presented);
  return ring.kids.reduce<MaybePromise<boolean>>((before, kid) => {
    const value = ring.hmac("csrf", kid, message);
    invariant(value !== undefined, "a ring has the keys it lists");
    return chain(before, (found) =>
      chain(value, (bytes) => equalText(encodeBase64Url(bytes), text) || found),
    );
  }, false);
}
