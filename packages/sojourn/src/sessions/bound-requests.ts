/**
 * What a bound session is worth to one request: the bound cookie must be there, and be of this
 * session and key. And the offer to bind one, which goes out with the answer to a login.
 */
import { BOUND_GRACE_MS, isShownByCookie, mayBind } from "../engine/binding.ts";
import type { Assurance, SessionSummary } from "../engine/record.ts";
import { readCookie } from "../http/cookie.ts";
import type { CookieReading } from "../http/cookie.ts";
import {
  CHALLENGE_HEADER,
  challengeHeader,
  readSkipped,
  registrationHeader,
  SKIPPED_HEADER,
} from "../tokens/dbsc/headers.ts";
import { handleOf } from "../protocol/words.ts";
import type { DbscRules, Enforcement } from "./binding-rules.ts";
import { freshMark, nonce, readBoundCookie } from "./binding-steps.ts";
import type { UnprovenWhy } from "./binding-steps.ts";
import type { HttpRules } from "./cookie-choice.ts";
import type { Core } from "./core.ts";
import { subjectOf } from "./events.ts";
import type { RequestView } from "./request-view.ts";
import type { LiveVerdict } from "./rotation-steps.ts";

/** A request that did not prove its device keeps what the session is, and none of what it gave. */
const NO_ASSURANCE: Assurance = Object.freeze({ amr: [], authTime: 0, factors: [] });

/** A request of a bound session that did not prove its device, and what is done about it. */
export interface BindingFlaw {
  readonly why: UnprovenWhy;
  readonly enforcement: Enforcement | "degraded";
}

/** {@link BindingFlaw} for whoever answers the request. */
export interface UnprovenDevice extends BindingFlaw {
  /** To be sent with the answer: the browser's next proof needs one round less. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a request brought to prove its device. */
export interface BroughtProof {
  readonly cookie: CookieReading;
  /** The field in which browsers say why they could not refresh. */
  readonly skipped: string | undefined;
}

/** True where the bound cookie decides. */
export function isBound(
  verdict: { readonly state: string },
  view?: RequestView,
): verdict is LiveVerdict {
  if (verdict.state !== "live" || view?.renews === true) return false;
  return isShownByCookie((verdict as LiveVerdict).stored.record.binding);
}

/** The verdict as it stands for this request. No I/O; one MAC. */
export async function judgeBound(
  { core, http }: { readonly core: Core; readonly http: HttpRules },
  verdict: LiveVerdict,
  view: RequestView,
): Promise<LiveVerdict> {
  const rules = http.bound;
  if (rules === undefined) return verdict;
  const cookie = readCookie(view.header("cookie"), rules.cookie.name);
  return judgeBrought(core, rules, verdict, { cookie, skipped: view.header(SKIPPED_HEADER) });
}

/** {@link judgeBound} where the request itself is not at hand. */
export async function judgeBrought(
  core: Core,
  rules: DbscRules,
  verdict: LiveVerdict,
  { cookie, skipped: field }: BroughtProof,
): Promise<LiveVerdict> {
  const { record } = verdict.stored;
  const { binding } = record;
  if (binding === undefined) return verdict;
  const why = await readBoundCookie(core, { record, now: verdict.at }, cookie);
  // Requests under way when the key was taken had no cookie to bring, or that of a session before.
  if (typeof why !== "string" || verdict.at - binding.boundAt < BOUND_GRACE_MS) return verdict;
  const policy = core.policyOf(record);
  const skipped = readSkipped(field, handleOf(record.id));
  const excused = skipped !== undefined && why === "missing" ? rules.onSkipped : undefined;
  const enforcement = excused ?? rules.enforcementBy(policy);
  core.emit("binding-unproven", {
    ...subjectOf(record),
    why,
    enforcement,
    ...(skipped === undefined ? {} : { skipped }),
  });
  return weakened(core, verdict, { why, enforcement });
}

/** A live session as it is for somebody who cannot prove the device that it is bound to. */
export function withoutDevice(core: Core, rules: DbscRules, verdict: LiveVerdict): LiveVerdict {
  if (!isBound(verdict)) return verdict;
  const enforcement = rules.enforcementBy(core.policyOf(verdict.stored.record));
  return weakened(core, verdict, { why: "missing", enforcement });
}

function weakened(core: Core, verdict: LiveVerdict, flaw: BindingFlaw): LiveVerdict {
  const { enforcement } = flaw;
  if (enforcement === "observe") return { ...verdict, flaw };
  // A new token would make two holders of one, and this one may be a copy.
  const { successor: _withheld, ...kept } = verdict;
  if (enforcement === "degraded") return { ...kept, flaw, assurance: NO_ASSURANCE };
  const factors = core.policyOf(verdict.stored.record).reauthFactors;
  const unproven = { factors, mends: enforcement === "step-up" };
  return { ...kept, flaw, judgement: { state: "locked", factors }, unproven };
}

/** What the answer to a request with this flaw says, so that the browser can prove its device. */
export async function unprovenDevice(
  core: Core,
  record: SessionSummary,
  flaw: BindingFlaw,
): Promise<UnprovenDevice> {
  // A page with a key of its own asks for its challenge.
  if (record.binding?.tier !== "dbsc") return { ...flaw, headers: {} };
  const challenge = await refreshChallenge(core, record);
  return { ...flaw, headers: { [CHALLENGE_HEADER]: challenge } };
}

/** The field that the next proof of this session has to answer. */
export async function refreshChallenge(core: Core, record: SessionSummary): Promise<string> {
  return challengeHeader(await freshMark(core, "refresh", record), handleOf(record.id));
}

/** The header that offers to bind a session just authenticated; `undefined` where none is due. */
export async function offerBinding(
  core: Core,
  rules: DbscRules,
  record: SessionSummary,
): Promise<string | undefined> {
  const now = core.now();
  if (core.policyOf(record).binding === "off" || !mayBind(record, "dbsc", now)) return undefined;
  const { marks } = await core.keys(record.tenant);
  const at = record.assurance.authTime;
  const [challenge, authorization] = await Promise.all([
    marks.make("register", record, { at: now, count: 0, nonce: nonce(core) }),
    marks.make("authorization", record, { at, count: 0, nonce: nonce(core) }),
  ]);
  return registrationHeader({ path: rules.registerPath, challenge, authorization });
}
