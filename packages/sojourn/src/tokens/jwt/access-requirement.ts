/** What a resource asks of the login behind a token: RFC 9470. Pure: `now` is an argument. */
import { requirementProblems, satisfiesAcr } from "../../engine/assurance.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import type { AccessClaims } from "./access-claims.ts";

export interface AccessRequirement {
  /** At least this level of ours (`aal1` to `aal3`), or exactly this class. */
  readonly acr?: string;
  /** Span in milliseconds since a factor was last given (`auth_time`); inclusive. */
  readonly maxAgeMs?: number;
  /** All of these methods (RFC 8176). */
  readonly amr?: readonly string[];
}

/** What of a requirement is not met; a token without the claim does not meet it. */
export type AccessUnmet = AccessRequirement;

const SECOND_MS = 1_000;
/** Goes into a quoted list of names with spaces between. */
const ACR = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** A misspelt requirement would be met by everybody, and nobody would notice. */
export function requireProblems(given: AccessRequirement | undefined): ConfigProblem[] {
  if (given === undefined) return [];
  const { amr, ...rest } = given;
  const problems = requirementProblems(rest, "require");
  if (typeof given.acr === "string" && !ACR.test(given.acr)) {
    problems.push({ path: "require.acr", message: "takes one class, without spaces and quotes" });
  }
  const texts = amr === undefined || (Array.isArray(amr) && amr.length > 0 && amr.every(isText));
  if (!texts) problems.push({ path: "require.amr", message: "takes a list of methods" });
  for (const field of ["factors", "elevated"]) {
    const message = "is not in tokens: ask for acr, maxAgeMs or amr";
    if (Object.hasOwn(rest, field)) problems.push({ path: `require.${field}`, message });
  }
  return problems;
}

/** @returns `undefined` when all is met. */
export function unmetByClaims(
  claims: AccessClaims,
  { acr, maxAgeMs, amr }: AccessRequirement,
  now: number,
): AccessUnmet | undefined {
  const given = claims.amr ?? [];
  const unmet = {
    ...(acr !== undefined && !satisfiesAcr(claims.acr, acr) ? { acr } : {}),
    ...(maxAgeMs !== undefined && !isFresh(claims, maxAgeMs, now) ? { maxAgeMs } : {}),
    ...(amr?.every((method) => given.includes(method)) === false ? { amr } : {}),
  };
  return Object.keys(unmet).length === 0 ? undefined : unmet;
}

/** Parameters of the challenge. RFC 9470 section 3: it has none for methods. */
export function challengeOf({ acr, maxAgeMs }: AccessUnmet): string {
  const parts = ['error="insufficient_user_authentication"'];
  if (acr !== undefined) parts.push(`acr_values="${acr}"`);
  if (maxAgeMs !== undefined) parts.push(`max_age="${Math.floor(maxAgeMs / SECOND_MS)}"`);
  return parts.join(", ");
}

/** A fresh factor is the person's own: whoever acts for somebody has none. */
function isFresh(
  { act, auth_time: authTime }: AccessClaims,
  maxAgeMs: number,
  now: number,
): boolean {
  return act === undefined && authTime !== undefined && now - authTime * SECOND_MS <= maxAgeMs;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
