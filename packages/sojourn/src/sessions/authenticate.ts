/**
 * Token → standing. Order: shape → MAC (no I/O: forged, truncated and foreign-tenant tokens end
 * here and are counted) → load → state → generation. A hit in the memo of proved tokens saves the
 * MAC and the verifier, never the read and never the judgement.
 */
import type { EndReason } from "../protocol/words.ts";
import { equalText } from "../engine/equal.ts";
import { invariant } from "../engine/invariant.ts";
import type { SessionRef, StoredSession } from "../engine/ports.ts";
import type { Assurance, SessionRecord } from "../engine/record.ts";
import {
  confirmPending,
  issuePending,
  judgePresented,
  nextGeneration,
  rollForward,
  rotationDue,
} from "../engine/rotation.ts";
import type { RotationContext, RotationDecision } from "../engine/rotation.ts";
import { assess, lockSession, touchDue, touchUrgent } from "../engine/session.ts";
import type { Judgement } from "../engine/session.ts";
import { claimedId } from "../tokens/token-format.ts";
import type { ParsedToken } from "../tokens/token-format.ts";
import type { Core, Loaded } from "./core.ts";
import { revokeSession, subjectOf } from "./lifecycle.ts";
import type { ProvedToken } from "./memo.ts";
import { parsePresented } from "./token-desk.ts";
import { TOUCH_LAG_MS } from "./touches.ts";

/** A standing before it is given to the application. */
export type Verdict =
  | {
      readonly state: "live";
      readonly stored: StoredSession;
      readonly judgement: Judgement;
      readonly assurance?: Assurance | undefined;
      readonly successor?: string | undefined;
    }
  | { readonly state: "ended"; readonly reason: EndReason; readonly at: number }
  | { readonly state: "unknown" };

export interface Presentation {
  readonly tenant: string;
  readonly activity: boolean;
  readonly canSetToken: boolean;
  readonly fingerprint?: string | undefined;
}

const UNKNOWN: Verdict = { state: "unknown" };
const ATTEMPTS_MAX = 50;

/** @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Operational trouble only. */
export async function authenticate(core: Core, text: string, how: Presentation): Promise<Verdict> {
  const id = claimedId(text);
  let proved = id === undefined ? undefined : core.memo.find(id, text, how.tenant);
  let parsed: ParsedToken | undefined;
  if (proved === undefined) {
    parsed = parsePresented(text);
    if (parsed === undefined) return refuse(core, how, "malformed");
    const keys = core.keys();
    const desk = keys instanceof Promise ? await keys : keys;
    const genuine = desk.verifyMac(parsed, how.tenant);
    if (!(genuine instanceof Promise ? await genuine : genuine)) return refuse(core, how, "forged");
  }
  const ref: SessionRef = { tenant: how.tenant, id: proved?.id ?? parsed?.id ?? "" };
  const stored = await core.load(ref);
  if (stored === undefined) return unknown(core, ref);
  const { subject } = stored.record;
  if (proved?.subject !== subject || proved === undefined) {
    parsed ??= parsePresented(text);
    if (parsed === undefined || (subject === null) !== (parsed.type === "anonymous")) {
      return unknown(core, ref);
    }
    proved = await prove(core, text, parsed, stored.record);
  }
  return plain(core, proved, how, stored) ?? judge(core, { ref, proved, how }, stored);
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
): Verdict | undefined {
  const { record, subjectEpoch } = stored;
  const { rotation } = record;
  if (rotation.pending !== undefined || rotation.generation !== proved.generation) return undefined;
  if (record.state !== "active" || !equalText(rotation.verifier, proved.verifier)) return undefined;
  const now = core.now();
  const judgement = assess(record, subjectEpoch, now);
  if (judgement.state !== "active") return undefined;
  const policy = core.policyOf(record);
  if (how.canSetToken && rotationDue(rotation, policy, now)) return undefined;
  if (how.activity && touchDue(record, policy, now)) return undefined;
  return { state: "live", stored, judgement };
}

interface Attempt {
  readonly ref: SessionRef;
  readonly proved: ProvedToken;
  readonly how: Presentation;
}

function refuse(core: Core, how: Presentation, why: string): Verdict {
  core.emit("token-forged", { tenant: how.tenant, why });
  return UNKNOWN;
}

async function prove(
  core: Core,
  text: string,
  parsed: ParsedToken,
  record: SessionRecord,
): Promise<ProvedToken> {
  const { id, tenant, subject } = record;
  const { generation } = parsed;
  const verifier = await (await core.keys()).verifierOf(parsed, { tenant, subject });
  // A copy: the text is a slice that would keep its whole request header alive.
  const proved = { text: [...text].join(""), id, tenant, subject, verifier, generation };
  core.memo.keep(id, proved);
  return proved;
}

/** The presented token with its secret, for sealing; it was parsed before. */
function secretOf(judged: Attempt): ParsedToken {
  const parsed = parsePresented(judged.proved.text);
  invariant(parsed !== undefined, "a proved token does not parse");
  return parsed;
}

/** Loop because a lost compare-and-set is judged anew on what is stored now. */
async function judge(core: Core, attempt: Attempt, first: StoredSession): Promise<Verdict> {
  let stored: StoredSession | undefined = first;
  let incarnationSince: number | undefined;
  for (let count = 0; count < ATTEMPTS_MAX; count += 1) {
    if (stored === undefined) return UNKNOWN;
    const loaded = core.judge(stored);
    const { judgement } = loaded;
    if (judgement.state === "ended") return { state: "ended", ...judgement.end };
    const context = await contextOf(core, attempt, loaded, incarnationSince);
    const decision = judgePresented(stored.record, attempt.proved, context);
    if (decision.act === "fork" && incarnationSince === undefined) {
      // Before a person is accused: did the store itself lose something?
      const health = await core.attempt("health", () => core.store.health());
      incarnationSince = health.incarnationSince;
      stored = await core.load(attempt.ref);
      continue;
    }
    const verdict = await act(core, { ...attempt, loaded, context }, decision);
    if (verdict !== undefined) return verdict;
    stored = await core.load(attempt.ref);
  }
  return UNKNOWN;
}

async function contextOf(
  core: Core,
  attempt: Attempt,
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
    const keyed = (await core.keys()).fingerprint(text, known);
    fingerprint = keyed instanceof Promise ? await keyed : keyed;
  }
  const canSetToken = how.canSetToken && judgement.state === "active";
  return { now, policy, canSetToken, fingerprint, incarnationSince };
}

interface Judged extends Attempt {
  readonly loaded: Loaded;
  readonly context: RotationContext;
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
    case "replaced":
      return { state: "ended", reason: "replaced", at: loaded.now };
    case "resend": {
      const { tenant, id } = judged.ref;
      const { generation, sealed } = decision.pending;
      const place = { tenant, id, generation };
      const successor = await (await core.keys()).successors.open(secretOf(judged), sealed, place);
      if (successor === undefined) return serve(core, judged, {});
      if (decision.markSent) {
        const sent = { generation, at: loaded.now };
        await core.attempt("touch", () => core.store.touch([{ ref: judged.ref, sent }]));
      }
      return serve(core, judged, { successor });
    }
    case "issue":
      return issue(core, judged, decision.from);
    case "confirm":
      return confirm(core, judged);
    case "ahead":
      return ahead(core, judged, decision.roll);
    case "fork":
      return forked(core, judged, decision);
  }
}

/** The common way out: note the activity, and answer. */
async function serve(
  core: Core,
  judged: Judged,
  extra: { readonly assurance?: Assurance | undefined; readonly successor?: string | undefined },
): Promise<Verdict> {
  const { loaded, how, ref } = judged;
  const { judgement, now, policy } = loaded;
  let { stored } = loaded;
  if (how.activity && judgement.state === "active" && touchDue(stored.record, policy, now)) {
    if (touchUrgent(stored.record, policy, now, TOUCH_LAG_MS)) {
      await core.attempt("touch", () => core.store.touch([{ ref, seenAt: now }]));
    } else core.touches.add(ref, now);
    stored = { ...stored, record: { ...stored.record, seenAt: now } };
  }
  return { state: "live", stored, judgement, ...extra };
}

async function issue(
  core: Core,
  judged: Judged,
  from: "confirmed" | "previous",
): Promise<Verdict | undefined> {
  const { loaded, context } = judged;
  const { record } = loaded.stored;
  const { tenant, id, subject } = record;
  const keys = await core.keys();
  const generation = nextGeneration(record.rotation);
  const minted = await keys.mint({ tenant, id, generation, subject });
  const sealed = await keys.successors.seal(secretOf(judged), minted.text, {
    tenant,
    id,
    generation,
  });
  const successor = {
    generation,
    verifier: minted.verifier,
    sealed,
    fingerprint: context.fingerprint,
  };
  const next = issuePending(record, successor, from, loaded.now);
  const written = await write(core, judged, next);
  if (written === undefined) return undefined;
  core.emit("session-rotated", { ...subjectOf(record), generation, how: "sealed" });
  return serve(
    core,
    { ...judged, loaded: { ...loaded, stored: written } },
    { successor: minted.text },
  );
}

async function confirm(core: Core, judged: Judged): Promise<Verdict | undefined> {
  const { loaded, how, context } = judged;
  const confirmed = confirmPending(loaded.stored.record, context);
  const active = how.activity && loaded.judgement.state === "active";
  // Confirmation writes what it saw of activity; the rule for lost cookies reads it.
  const next = active
    ? { ...confirmed, seenAt: Math.max(confirmed.seenAt, loaded.now) }
    : confirmed;
  const written = await write(core, judged, next);
  if (written === undefined) return undefined;
  const { generation } = next.rotation;
  core.emit("session-rotated", { ...subjectOf(next), generation, how: "confirmed" });
  return { state: "live", stored: written, judgement: loaded.judgement };
}

async function ahead(core: Core, judged: Judged, roll: boolean): Promise<Verdict | undefined> {
  const { loaded, proved, context } = judged;
  const { record } = loaded.stored;
  const { generation } = proved;
  core.emit("generation-ahead", {
    ...subjectOf(record),
    generation,
    confirmed: record.rotation.generation,
  });
  if (!roll) return serve(core, judged, {});
  const written = await write(core, judged, rollForward(record, proved, context));
  if (written === undefined) return undefined;
  return serve(core, { ...judged, loaded: { ...loaded, stored: written } }, {});
}

async function forked(
  core: Core,
  judged: Judged,
  decision: Extract<RotationDecision, { act: "fork" }>,
): Promise<Verdict | undefined> {
  const { loaded, proved, ref } = judged;
  const { record } = loaded.stored;
  const { reaction, sameContext } = decision;
  const facts = {
    ...subjectOf(record),
    generation: proved.generation,
    confirmed: record.rotation.generation,
  };
  if (reaction === "revoke") {
    core.emit("token-fork", { ...facts, reaction, sameContext });
    await revokeSession(core, ref, "reuse_detected", { cause: "token_fork", actor: "system" });
    return { state: "ended", reason: "reuse_detected", at: loaded.now };
  }
  // Locked already: whoever it is has to give a factor anyway, and one alarm is enough.
  if (loaded.judgement.state === "locked")
    return { state: "live", stored: loaded.stored, judgement: loaded.judgement };
  core.emit("token-fork", { ...facts, reaction, sameContext });
  if (reaction === "alert" || record.subject === null) return serve(core, judged, {});
  if (record.state === "pending")
    return { state: "live", stored: loaded.stored, judgement: loaded.judgement };
  const locked = lockSession(record, Math.max(1, loaded.policy.reauthFactors));
  const written = await write(core, judged, locked);
  if (written === undefined) return undefined;
  const factors = locked.lockFactors ?? 1;
  core.emit("session-locked", {
    ...subjectOf(record),
    factors,
    cause: "token_fork",
    actor: "system",
  });
  return { state: "live", stored: written, judgement: { state: "locked", factors } };
}

/** One compare-and-set. @returns what is stored now, or `undefined` when the race was lost. */
async function write(
  core: Core,
  judged: { readonly loaded: Loaded },
  next: SessionRecord,
): Promise<StoredSession | undefined> {
  const { stored } = judged.loaded;
  const { version } = stored.record;
  const result = await core.attempt("replace", () => core.store.replace(next, version));
  return result === "replaced"
    ? { ...stored, record: { ...next, version: version + 1 } }
    : undefined;
}
