/** The steps that both ways of binding a session have in common, whatever their proofs are. */
import { answerChallenge, bindKey } from "../engine/binding.ts";
import type { NewKey } from "../engine/binding.ts";
import type { SessionRef } from "../engine/ports.ts";
import type { DeviceBinding, SessionRecord, SessionSummary } from "../engine/record.ts";
import { serializeCookie } from "../http/cookie.ts";
import type { CookieReading } from "../http/cookie.ts";
import { encodeBase64Url } from "../tokens/base64url.ts";
import { NONCE_BYTES } from "../tokens/dbsc/mark.ts";
import type { Mark, MarkKind, MarkPlace } from "../tokens/dbsc/mark.ts";
import { isSignedBy } from "../tokens/dbsc/proof.ts";
import type { SignedText } from "../tokens/dbsc/proof.ts";
import type { ProofFlaw } from "../tokens/dbsc/words.ts";
import type { DbscRules } from "./binding-rules.ts";
import type { Core } from "./core.ts";
import { subjectOf } from "./events.ts";

export function nonce(core: Core): string {
  return encodeBase64Url(core.entropy.bytes(NONCE_BYTES));
}

/** A mark of this instant, for the key that the session has by now. */
export async function freshMark(
  core: Core,
  kind: MarkKind,
  record: SessionSummary,
): Promise<string> {
  const { marks } = await core.keys(record.tenant);
  const count = record.binding?.proofs ?? 0;
  return marks.make(kind, placeOf(record), { at: core.now(), count, nonce: nonce(core) });
}

/** @returns the record as bound to the key; `undefined` when it takes none, or not this one. */
export async function takeKey(
  core: Core,
  session: SessionRef,
  key: NewKey,
): Promise<SessionRecord | undefined> {
  let bound = false;
  const stored = await core.decide(session, "bind", ({ stored: { record }, ...loaded }) => {
    const next = loaded.judgement.state === "locked" ? undefined : bindKey(record, key, loaded.now);
    bound = next !== undefined;
    return next === record ? undefined : next;
  });
  if (!bound) return undefined;
  const { tier, thumbprint } = key;
  core.emit("session-bound", { ...subjectOf(stored.record), tier, thumbprint });
  return stored.record;
}

/** Use a challenge up, once the stored key has signed for it. */
export async function useChallenge(
  core: Core,
  record: SessionRecord,
  proof: SignedText & { readonly challenge: string },
): Promise<SessionRecord | ProofFlaw> {
  const { marks } = await core.keys(record.tenant);
  const { binding } = record;
  const challenge = await marks.read("refresh", placeOf(record), proof.challenge);
  if (challenge === undefined) return "challenge";
  if (binding === undefined || !(await isSignedBy(proof, binding.key))) return "signature";
  let open = false;
  const stored = await core.decide(record, "prove", ({ stored: now, ...loaded }) => {
    const same = now.record.binding?.thumbprint === binding.thumbprint;
    const next = same ? answerChallenge(now.record, challenge, loaded.now) : undefined;
    open = next !== undefined;
    return next;
  });
  return open ? stored.record : "challenge_used";
}

/** A bound cookie from now on, as `Set-Cookie` has it, and when it ends. */
export async function boundCookie(
  core: Core,
  { cookie }: DbscRules,
  record: SessionRecord,
): Promise<{ readonly line: string; readonly at: number; readonly now: number }> {
  const { marks } = await core.keys(record.tenant);
  const now = core.now();
  const at = Math.min(now + core.policyOf(record).boundTokenTtlMs, record.absoluteExpiresAt);
  const mark = { at, count: record.binding?.proofs ?? 0, nonce: nonce(core) };
  const value = await marks.make("cookie", placeOf(record), mark);
  return { line: serializeCookie(cookie, value, { maxAgeMs: at - now }), at, now };
}

/** Why a request of a bound session is not taken for the device's. */
export type UnprovenWhy = "missing" | "conflict" | "foreign" | "expired";

/** What the bound cookie of a request says. No I/O; one MAC. */
export async function readBoundCookie(
  core: Core,
  { record, now }: { readonly record: SessionSummary; readonly now: number },
  reading: CookieReading,
): Promise<Mark | UnprovenWhy> {
  if (reading.kind !== "value") return reading.kind === "absent" ? "missing" : "conflict";
  const mark = await (
    await core.keys(record.tenant)
  ).marks.read("cookie", placeOf(record), reading.value);
  if (mark === undefined) return "foreign";
  return now < mark.at ? mark : "expired";
}

/** Whoever listens learns which flaw it was; the outside does not. */
export function refuseProof(
  core: Core,
  session: SessionRef & { readonly subject: string | null },
  why: ProofFlaw,
  stage: "register" | "refresh",
): void {
  const { tenant, id, subject } = session;
  const who = { tenant, session: id, ...(subject === null ? {} : { subject }) };
  core.emit("proof-refused", { ...who, why, stage });
}

function placeOf(record: {
  readonly tenant: string;
  readonly id: string;
  readonly binding?: DeviceBinding;
}): MarkPlace {
  const { tenant, id, binding } = record;
  return { tenant, id, thumbprint: binding?.thumbprint };
}
