/**
 * The bound cookie beside a sealed copy: a copy of a device-bound session is worth nothing without
 * it, as the session's own token is (`bound-requests.ts`).
 */
import { BOUND_GRACE_MS, isShownByCookie } from "../../engine/binding.ts";
import type { MaybePromise } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { readMark } from "../../tokens/dbsc/mark.ts";
import type { KeyRing } from "../../tokens/key-ring.ts";
import { chain } from "../../tokens/maybe-promise.ts";

/** What of a request shows its device. */
export interface DeviceProof {
  readonly ring: KeyRing;
  /** Absent where there was none, or two that differ. */
  readonly boundCookie: string | undefined;
  readonly now: number;
}

/** True for sessions that are bound to no device, and where the request shows it. No I/O. */
export function showsDevice(
  { tenant, id, binding }: SessionSummary,
  { ring, boundCookie, now }: DeviceProof,
): MaybePromise<boolean> {
  if (!isShownByCookie(binding) || now - binding.boundAt < BOUND_GRACE_MS) return true;
  if (boundCookie === undefined) return false;
  const place = { tenant, id, thumbprint: binding.thumbprint };
  const mark = readMark(ring, "cookie", place, boundCookie);
  return chain(mark, (made) => made !== undefined && now < made.at);
}
