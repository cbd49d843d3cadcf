/**
 * What a bound session is worth to one request: the bound cookie must be there, and be of this
 * session and key. And the offer to bind one, which goes out with the answer to a login.
 */
import { BOUND_GRACE_MS, mayBind } from "../engine/binding.ts";
import type { MaybePromise } from "../engine/ports.ts";
import type { Assurance, DeviceBinding, SessionRecord } from "../engine/record.ts";
import { readCookie } from "../http/cookie.ts";
import { encodeBase64Url } from "../tokens/base64url.ts";
import { readSkipped, registrationHeader, SKIPPED_HEADER } from "../tokens/dbsc/headers.ts";
import { NONCE_BYTES } from "../tokens/dbsc/mark.ts";
import { handleOf } from "../protocol/words.ts";
import type { DbscRules, Enforcement } from "./binding-rules.ts";
import type { HttpRules } from "./cookie-choice.ts";
import type { Core } from "./core.ts";
import { subjectOf } from "./lifecycle.ts";
import type { RequestView } from "./request-view.ts";
import type { LiveVerdict } from "./rotation-steps.ts";

/** A request that did not prove its device keeps what the session is, and none of what it gave. */
const NO_ASSURANCE: Assurance = Object.freeze({ amr: [], authTime: 0, factors: [] });

/** Why a request of a bound session is not taken for the device's. */
export type UnprovenWhy = "missing" | "conflict" | "foreign" | "expired";

export function nonce(core: Core): string {
  return encodeBase64Url(core.entropy.bytes(NONCE_BYTES));
}

/** True where the bound cookie decides. Other tiers prove themselves request by request. */
export function isBound(verdict: { readonly state: string }): verdict is LiveVerdict {
  if (verdict.state !== "live") return false;
  return (verdict as LiveVerdict).stored.record.binding?.tier === "dbsc";
}

/** The verdict as it stands for this request. No I/O; one MAC. */
export async function judgeBound(
  { core, http }: { readonly core: Core; readonly http: HttpRules },
  verdict: LiveVerdict,
  view: RequestView,
): Promise<LiveVerdict> {
  const { record } = verdict.stored;
  const { binding } = record;
  const rules = http.bound;
  if (binding === undefined || rules === undefined) return verdict;
  const why = await unprovenWhy(core, rules, { record, binding, now: verdict.at }, view);
  // Requests under way when the key was taken had no cookie to bring, or that of a session before.
  if (why === undefined || verdict.at - binding.boundAt < BOUND_GRACE_MS) return verdict;
  const policy = core.policyOf(record);
  const skipped = readSkipped(view.header(SKIPPED_HEADER), handleOf(record.id));
  const level = rules.enforcementBy(policy);
  const excused = skipped !== undefined && why === "missing" ? rules.onSkipped : undefined;
  const enforcement = excused ?? level;
  core.emit("binding-unproven", {
    ...subjectOf(record),
    why,
    enforcement,
    ...(skipped === undefined ? {} : { skipped }),
  });
  return weakened(verdict, enforcement, Math.max(1, policy.reauthFactors));
}

function weakened(
  verdict: LiveVerdict,
  enforcement: Enforcement | "degraded",
  factors: number,
): LiveVerdict {
  if (enforcement === "observe") return verdict;
  // A new token would make two holders of one, and this one may be a copy.
  const { successor: _withheld, ...kept } = verdict;
  if (enforcement === "degraded") return { ...kept, assurance: NO_ASSURANCE };
  const unproven = { factors, mends: enforcement === "step-up" };
  return { ...kept, judgement: { state: "locked", factors }, unproven };
}

interface Bound {
  readonly record: SessionRecord;
  readonly binding: DeviceBinding;
  readonly now: number;
}

function unprovenWhy(
  core: Core,
  rules: DbscRules,
  { record, binding, now }: Bound,
  view: RequestView,
): MaybePromise<UnprovenWhy | undefined> {
  const reading = readCookie(view.header("cookie"), rules.cookie.name);
  if (reading.kind !== "value") return reading.kind === "absent" ? "missing" : "conflict";
  return cookieFlaw(core, { record, binding, now }, reading.value);
}

async function cookieFlaw(
  core: Core,
  { record, binding, now }: Bound,
  value: string,
): Promise<UnprovenWhy | undefined> {
  const { tenant, id } = record;
  const place = { tenant, id, thumbprint: binding.thumbprint };
  const mark = await (await core.keys()).marks.read("cookie", place, value);
  if (mark === undefined) return "foreign";
  return now < mark.at ? undefined : "expired";
}

/** The header that offers to bind a session just authenticated; `undefined` where none is due. */
export async function offerBinding(
  core: Core,
  rules: DbscRules,
  record: SessionRecord,
): Promise<string | undefined> {
  const now = core.now();
  if (core.policyOf(record).binding === "off" || !mayBind(record, "dbsc", now)) return undefined;
  const { marks } = await core.keys();
  const at = record.assurance.authTime;
  const [challenge, authorization] = await Promise.all([
    marks.make("register", record, { at: now, count: 0, nonce: nonce(core) }),
    marks.make("authorization", record, { at, count: 0, nonce: nonce(core) }),
  ]);
  return registrationHeader({ path: rules.registerPath, challenge, authorization });
}
