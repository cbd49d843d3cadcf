/**
 * Sessions in which somebody else acts as the subject: known by both names, short, and never good
 * for what asks for the person themselves.
 */
import { unmetBy } from "./assurance.ts";
import type { Requirement, Unmet } from "./assurance.ts";
import { SojournError } from "./errors.ts";
import type { Assurance, SessionRecord } from "./record.ts";

/** Longest life of such a session, in milliseconds, where the policy does not set a shorter one. */
export const IMPERSONATION_MS = 3_600_000;

/**
 * What is missing for a requirement. A factor given just now, several of them, and elevation are
 * the person's own: whoever acts for somebody has none of these.
 */
export function unmetIn(
  { assurance, actor }: { readonly assurance: Assurance; readonly actor?: string | undefined },
  required: Requirement,
  now: number,
): Unmet | undefined {
  const unmet = unmetBy(assurance, required, now);
  const own = actor === undefined ? undefined : personal(required);
  return own === undefined ? unmet : { ...unmet, ...own };
}

function personal({ maxAgeMs, factors, elevated }: Requirement): Unmet | undefined {
  if (maxAgeMs === undefined && factors === undefined && elevated !== true) return undefined;
  return {
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(factors === undefined ? {} : { factors }),
    ...(elevated === true ? { elevated } : {}),
  };
}

/** @throws {SojournError} `ERR_IMPERSONATED` where somebody acts as the subject. */
export function refuseActor({ actor }: Pick<SessionRecord, "actor">): void {
  if (actor === undefined) return;
  const message = "somebody acts as this subject: factors are the person's own to give";
  throw new SojournError("ERR_IMPERSONATED", message);
}
