/**
 * Token → standing. Order: shape → MAC (no I/O: forged, truncated and foreign-tenant tokens end
 * here and are counted) → load → state → generation. A hit in the memo of proved tokens saves the
 * MAC and the verifier, never the read and never the judgement.
 */
import { equalText } from "../engine/equal.ts";
import { ContentionError } from "../engine/errors.ts";
import { invariant } from "../engine/invariant.ts";
import type { NearSession, SessionRef, StoredSession } from "../engine/ports.ts";
import { idleExpiresAt, REFRESH_KIND } from "../engine/record.ts";
import type { SessionRecord } from "../engine/record.ts";
import { judgePresented, rotationDue, rotationDueAt } from "../engine/rotation.ts";
import type { RotationContext, RotationDecision } from "../engine/rotation.ts";
import { touchDue, touchDueAt } from "../engine/session.ts";
import type { Judgement } from "../engine/session.ts";
import { claimedId } from "../tokens/token-format.ts";
import type { ParsedToken } from "../tokens/token-format.ts";
import type { Core, Loaded } from "./core.ts";
import { hasSealed } from "./data-codec.ts";
import { endLockedOut, judged, noticeFor } from "./locked-out.ts";
import type { ProvedToken } from "./memo.ts";
import {
  advance,
  ahead,
  confirm,
  forked,
  issue,
  resend,
  restore,
  serve,
} from "./rotation-steps.ts";
import type { Attempt, Judged, LiveVerdict, Presentation, Verdict } from "./rotation-steps.ts";
import { parsePresented, tokenTypeOf } from "./token-desk.ts";

const UNKNOWN: Verdict = { state: "unknown", why: "no-session" };
const ATTEMPTS_MAX = 50;
/** How long a policy may serve from memory while the store is down. Invariant I3. */
const DEGRADED_MS = 60_000;

/**
 * At once, without I/O and without a promise, for a proved token whose session is kept near.
 *
 * @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Operational trouble.
 */
export function authenticate(
  core: Core,
  text: string,
  how: Presentation,
): Verdict | Promise<Verdict> {
  const id = typeof text === "string" ? claimedId(text) : undefined;
  if (id === undefined) return authenticateAnew(core, text, how);
  const near = core.peek({ tenant: how.tenant, id });
  const noted = near === undefined ? undefined : notedHit(core, text, how, near);
  if (noted !== undefined) return noted;
  const proved = core.memo.find(id, text, how.tenant);
  if (proved === undefined) return authenticateAnew(core, text, how);
  const hit = near === undefined ? undefined : nearHit(core, proved, how, near);
  return hit ?? authenticateByRead(core, proved, how);
}

/** A plain hit, and until when it stays one: a record never changes, only the time does. */
interface PlainNote {
  /** Whose keys and policies it was found out with: a near-cache may serve several. */
  readonly core: Core;
  readonly text: string;
  readonly canSetToken: boolean;
  readonly activity: boolean;
  /** Of the lockouts, and from where the token came where that matters to them. */
  readonly lockouts: number;
  readonly address: string | undefined;
  /** Exclusive. */
  readonly until: number;
  readonly judgement: Judgement;
  readonly readable: boolean;
}

/**
 * What the same token was worth the last time lies beside what is kept. One look-up, and of the
 * session itself nothing: among thousands of them each object looked at is memory to wait for.
 */
function notedHit(
  core: Core,
  text: string,
  how: Presentation,
  { stored, note: left }: NearSession,
): Verdict | undefined {
  const note = left as PlainNote | undefined;
  if (note?.core !== core || !equalText(note.text, text)) return undefined;
  if (note.canSetToken !== how.canSetToken || note.activity !== how.activity) return undefined;
  if (note.lockouts !== core.lockouts.version || note.address !== how.address) return undefined;
  const now = core.now();
  const { until, judgement, readable } = note;
  return now < until ? { state: "live", at: now, stored, judgement, readable } : undefined;
}

function nearHit(
  core: Core,
  proved: ProvedToken,
  how: Presentation,
  near: NearSession,
): Verdict | undefined {
  const hit = hitOf(core, proved, how, near.stored);
  if (hit?.stored === near.stored) near.note = noteOf(core, proved, how, hit);
  return hit;
}

function noteOf(
  core: Core,
  proved: ProvedToken,
  { canSetToken, activity, address }: Presentation,
  { stored, judgement }: LiveVerdict,
): PlainNote {
  const { record } = stored;
  const policy = core.policyOf(record);
  let until = idleExpiresAt(record);
  if (canSetToken) until = Math.min(until, rotationDueAt(record.rotation, policy));
  if (activity) until = Math.min(until, touchDueAt(record, policy));
  const readable = !hasSealed(stored.data);
  const { version: lockouts } = core.lockouts;
  const { text } = proved;
  return { core, text, canSetToken, activity, lockouts, address, until, judgement, readable };
}

/** @returns `undefined` for everything that only a fresh read may judge. */
function hitOf(
  core: Core,
  proved: ProvedToken,
  how: Presentation,
  near: StoredSession,
): LiveVerdict | undefined {
  if (near.record.subject !== proved.subject) return undefined;
  const hit = plain(core, proved, how, near);
  if (hit !== undefined) return hit;
  // Its touch may be due in the store and noted here.
  const touched = core.withTouches(proved, near);
  return touched === near ? undefined : plain(core, proved, how, touched);
}

function authenticateByRead(core: Core, proved: ProvedToken, how: Presentation): Promise<Verdict> {
  const attempt = { ref: { tenant: proved.tenant, id: proved.id }, proved, how };
  const recalling = core.recall(attempt.ref);
  return recalling === undefined ? readAndJudge(core, attempt) : recall(core, attempt, recalling);
}

async function recall(
  core: Core,
  attempt: Attempt,
  recalling: Promise<StoredSession | undefined>,
): Promise<Verdict> {
  const { proved, how } = attempt;
  const recalled = await recalling;
  const hit = recalled === undefined ? undefined : hitOf(core, proved, how, recalled);
  return hit ?? readAndJudge(core, attempt);
}

function readAndJudge(core: Core, attempt: Attempt): Promise<Verdict> {
  const { ref, proved, how } = attempt;
  const step = (stored: StoredSession | undefined): Verdict | Promise<Verdict> => {
    if (stored?.record.subject !== proved.subject) return authenticateAnew(core, proved.text, how);
    return plain(core, proved, how, stored) ?? judge(core, attempt, stored);
  };
  return core.loadAnd(ref, step, (error) => {
    const verdict = withoutStore(core, proved, how);
    if (verdict === undefined) throw error;
    return verdict;
  });
}

/** Forged, truncated and foreign-tenant tokens end here, without I/O. */
async function authenticateAnew(core: Core, text: string, how: Presentation): Promise<Verdict> {
  const parsed = typeof text === "string" ? parsePresented(text) : undefined;
  if (parsed === undefined) {
    refuse(core, how, "malformed");
    return { state: "unknown", why: "malformed" };
  }
  const keys = core.keys(how.tenant);
  const desk = keys instanceof Promise ? await keys : keys;
  const genuine = desk.verifyMac(parsed, how.tenant);
  if (!(genuine instanceof Promise ? await genuine : genuine)) {
    refuse(core, how, "forged");
    return { state: "unknown", why: desk.hasKey(parsed.kid) ? "forged" : "foreign-key" };
  }
  const ref: SessionRef = { tenant: how.tenant, id: parsed.id };
  const recalled = core.recall(ref);
  if (recalled !== undefined) {
    const hit = await hitAnew(core, { text, parsed, how }, await recalled);
    if (hit !== undefined) return hit;
  }
  const stored = await core.load(ref);
  if (stored === undefined) return unknown(core, ref);
  if (tokenTypeOf(stored.record) !== parsed.type) return unknown(core, ref);
  const proved = await prove(core, text, parsed, stored.record);
  return plain(core, proved, how, stored) ?? judge(core, { ref, proved, how }, stored);
}

/** A token seen here for the first time, of a session that another process has read. */
async function hitAnew(
  core: Core,
  { text, parsed, how }: { text: string; parsed: ParsedToken; how: Presentation },
  recalled: StoredSession | undefined,
): Promise<Verdict | undefined> {
  if (recalled === undefined) return undefined;
  return hitOf(core, await prove(core, text, parsed, recalled.record), how, recalled);
}

/** A genuine token of ours without a session: purged, or made by a store that lost it. */
function unknown(core: Core, ref: SessionRef): Verdict {
  core.emit("token-unknown", { tenant: ref.tenant, session: ref.id, why: "no such session" });
  return UNKNOWN;
}

/**
 * The usual case without an allocation to spare: the confirmed token, nothing pending, no rotation,
 * touch or deadline due. @returns `undefined` for everything else, which is judged in full.
 */
function plain(
  core: Core,
  proved: ProvedToken,
  how: Presentation,
  stored: StoredSession,
): LiveVerdict | undefined {
  const { record } = stored;
  const { rotation } = record;
  if (rotation.pending !== undefined || rotation.generation !== proved.generation) return undefined;
  if (record.state !== "active" || !equalText(rotation.verifier, proved.verifier)) return undefined;
  const now = core.now();
  const judgement = judged(core.lockouts, stored, now, how.address);
  if (judgement.state !== "active") return undefined;
  const policy = core.policyOf(record);
  if (how.canSetToken && rotationDue(rotation, policy, now)) return undefined;
  if (how.activity && touchDue(record, policy, now)) return undefined;
  return { state: "live", at: now, stored, judgement };
}

/**
 * `storeDown: degraded`: a plain hit that was proven within a minute, and nothing is written. I3.
 */
function withoutStore(core: Core, proved: ProvedToken, how: Presentation): Verdict | undefined {
  const near = core.peek(proved, DEGRADED_MS);
  if (near === undefined || core.policyOf(near.stored.record).storeDown !== "degraded")
    return undefined;
  return hitOf(core, proved, { ...how, activity: false, canSetToken: false }, near.stored);
}

function refuse(core: Core, how: Presentation, why: string): void {
  core.emit("token-forged", { tenant: how.tenant, why });
}

async function prove(
  core: Core,
  text: string,
  parsed: ParsedToken,
  record: SessionRecord,
): Promise<ProvedToken> {
  const { id, tenant, subject } = record;
  const { generation } = parsed;
  const verifier = await (await core.keys(tenant)).verifierOf(parsed, { tenant, subject });
  // A copy: the text is a slice that would keep its whole request header alive.
  const proved = { text: Array.from(text).join(""), id, tenant, subject, verifier, generation };
  core.memo.keep(id, proved);
  return proved;
}

/** Loop because a lost compare-and-set is judged anew on what is stored now. */
export async function judge(core: Core, attempt: Attempt, first: StoredSession): Promise<Verdict> {
  let stored: StoredSession | undefined = first;
  let incarnationSince: number | undefined;
  for (let count = 0; count < ATTEMPTS_MAX; count += 1) {
    if (stored === undefined) return UNKNOWN;
    const loaded = core.judge(stored, attempt.how.address);
    const { judgement } = loaded;
    if (judgement.state === "ended") {
      await endLockedOut(core, loaded);
      return endedVerdict(core, loaded, attempt.how);
    }
    const context = await contextOf(core, attempt, loaded, incarnationSince);
    const decision = judgePresented(stored.record, attempt.proved, context);
    if (decision.act === "fork" && incarnationSince === undefined) {
      // Before a person is accused: did the store itself lose something?
      const health = await core.attempt("health", () => core.store.health(attempt.ref));
      incarnationSince = health.incarnationSince;
      stored = await core.load(attempt.ref);
      continue;
    }
    const verdict = await act(core, { ...attempt, loaded, context }, decision);
    if (verdict !== undefined) return verdict;
    stored = await core.load(attempt.ref);
  }
  // Trouble is never a standing. Invariant I7.
  throw new ContentionError("authenticate");
}

function endedVerdict(core: Core, { stored, judgement }: Loaded, how: Presentation): Verdict {
  invariant(judgement.state === "ended", "a verdict of an end that is none");
  const { end } = judgement;
  const { record } = stored;
  // However it ended: where a lockout stands, this is what its person has to know.
  const message = noticeFor(core, record, how.address);
  return { state: "ended", ...end, record, ...(message === undefined ? {} : { message }) };
}

export async function contextOf(
  core: Core,
  attempt: Pick<Attempt, "how">,
  loaded: Loaded,
  incarnationSince: number | undefined,
): Promise<RotationContext> {
  const { how } = attempt;
  const { now, policy, judgement } = loaded;
  const text = how.fingerprint;
  let fingerprint: string | undefined;
  if (text !== undefined) {
    const { rotation } = loaded.stored.record;
    const known = [
      rotation.fingerprint,
      rotation.pending?.fingerprint,
      rotation.previous?.fingerprint,
    ];
    const keyed = (await core.keys(loaded.stored.record.tenant)).fingerprint(text, known);
    fingerprint = keyed instanceof Promise ? await keyed : keyed;
  }
  const canSetToken = how.canSetToken && judgement.state === "active";
  const eachUse = loaded.stored.record.kind === REFRESH_KIND;
  return { now, policy, canSetToken, fingerprint, incarnationSince, eachUse };
}

/** @returns `undefined` when a compare-and-set was lost. */
async function act(
  core: Core,
  judged: Judged,
  decision: RotationDecision,
): Promise<Verdict | undefined> {
  const { loaded } = judged;
  switch (decision.act) {
    case "serve":
      return serve(core, judged, { assurance: decision.assurance });
    case "restore":
      return restore(core, judged);
    case "replaced":
      return { state: "ended", reason: "replaced", at: loaded.now, record: loaded.stored.record };
    case "resend":
      return resend(core, judged, decision.pending, decision.markSent);
    case "issue":
      return issue(core, judged, decision.from);
    case "confirm":
      return confirm(core, judged);
    case "advance":
      return advance(core, judged);
    case "ahead":
      return ahead(core, judged, decision.roll);
    case "fork":
      return forked(core, judged, decision);
  }
}
