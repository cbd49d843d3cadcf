/**
 * What a verdict on a presented token makes us do: each step is one write at most, by
 * compare-and-set, and `undefined` says that the race was lost and must be judged anew.
 */
import type { EndReason } from "../protocol/words.ts";
import { invariant } from "../engine/invariant.ts";
import type { SessionRef, StoredSession } from "../engine/ports.ts";
import type { Assurance, PendingToken, SessionRecord } from "../engine/record.ts";
import {
  confirmPending,
  issuePending,
  nextGeneration,
  restorePrevious,
  rollForward,
} from "../engine/rotation.ts";
import type { RotationContext, RotationDecision } from "../engine/rotation.ts";
import { lockSession, touchDue, touchUrgent } from "../engine/session.ts";
import type { Judgement } from "../engine/session.ts";
import { claimedType, parseToken } from "../tokens/token-format.ts";
import type { ParsedToken } from "../tokens/token-format.ts";
import type { BindingFlaw } from "./bound-requests.ts";
import type { Core, Loaded } from "./core.ts";
import { subjectOf } from "./events.ts";
import { revokeSession } from "./lifecycle.ts";
import type { ProvedToken } from "./memo.ts";
import type { Unproven } from "./session-body.ts";
import { TOUCH_LAG_MS } from "./touches.ts";

/** A standing before it is given to the application. */
export type Verdict =
  | LiveVerdict
  | {
      readonly state: "ended";
      readonly reason: EndReason;
      readonly at: number;
      readonly cause?: string;
      /** For the person, of the lockout that keeps it out. */
      readonly message?: string;
      /** The record as it was judged. */
      readonly record?: SessionRecord;
    }
  | {
      readonly state: "unknown";
      readonly why: "malformed" | "foreign-key" | "forged" | "no-session";
    };

export interface LiveVerdict {
  readonly state: "live";
  /** When it was judged. */
  readonly at: number;
  readonly stored: StoredSession;
  readonly judgement: Judgement;
  readonly assurance?: Assurance | undefined;
  readonly successor?: string | undefined;
  readonly unproven?: Unproven | undefined;
  /** The session is bound to a device that this request did not prove. */
  readonly flaw?: BindingFlaw | undefined;
  /** Known to hold nothing encrypted, or something. */
  readonly readable?: boolean;
}

export interface Presentation {
  readonly tenant: string;
  readonly activity: boolean;
  readonly canSetToken: boolean;
  readonly fingerprint?: string | undefined;
  /** Who presents it; told where a lockout asks for it. */
  readonly address?: string | undefined;
}

/** A proved token, where and how it was presented. */
export interface Attempt {
  readonly ref: SessionRef;
  readonly proved: ProvedToken;
  readonly how: Presentation;
}

export interface Judged extends Attempt {
  readonly loaded: Loaded;
  readonly context: RotationContext;
}

/** The presented token with its secret, for sealing; it was parsed before. */
function secretOf(judged: Attempt): ParsedToken {
  const { text } = judged.proved;
  const type = claimedType(text);
  const parsed = type === undefined ? undefined : parseToken(text, type);
  invariant(parsed !== undefined, "a proved token does not parse");
  return parsed;
}

/** Send the identical successor again: parallel requests must not make several. */
export async function resend(
  core: Core,
  judged: Judged,
  pending: PendingToken,
  markSent: boolean,
): Promise<Verdict | undefined> {
  const { tenant, id } = judged.ref;
  const { generation, sealed } = pending;
  const desk = await core.keys(tenant);
  const successor = await desk.successors.open(secretOf(judged), sealed, {
    tenant,
    id,
    generation,
  });
  if (successor === undefined) return serve(core, judged, {});
  if (markSent) {
    const sent = { generation, at: judged.loaded.now };
    // Before the response leaves: the 3T rule counts from here.
    const [marked] = await core.attempt("touch", () =>
      core.store.touch([{ ref: judged.ref, sent }]),
    );
    if (marked === "gone") return undefined;
  }
  return serve(core, judged, { successor });
}

/** The common way out: note the activity, and answer. */
export async function serve(
  core: Core,
  judged: Judged,
  extra: { readonly assurance?: Assurance | undefined; readonly successor?: string | undefined },
): Promise<Verdict | undefined> {
  const { loaded, how, ref } = judged;
  const { judgement, now, policy } = loaded;
  let { stored } = loaded;
  if (how.activity && judgement.state === "active" && touchDue(stored.record, policy, now)) {
    if (touchUrgent(stored.record, policy, now, TOUCH_LAG_MS)) {
      const [touched] = await core.attempt("touch", () => core.store.touch([{ ref, seenAt: now }]));
      // Ended between the read and this write: what could not be recorded is not served.
      if (touched === "gone") return undefined;
    } else core.touches.add(ref, now);
    stored = { ...stored, record: { ...stored.record, seenAt: now } };
  }
  return { state: "live", at: now, stored, judgement, ...extra };
}

export async function issue(
  core: Core,
  judged: Judged,
  from: "confirmed" | "previous",
): Promise<Verdict | undefined> {
  return issueOn(core, judged, judged.loaded.stored.record, from);
}

/** {@link confirm} and {@link issue} as one compare-and-set: where every use rotates. */
export async function advance(core: Core, judged: Judged): Promise<Verdict | undefined> {
  const confirmed = confirmPending(judged.loaded.stored.record, judged.context);
  return issueOn(core, judged, confirmed, "confirmed");
}

async function issueOn(
  core: Core,
  judged: Judged,
  record: SessionRecord,
  from: "confirmed" | "previous",
): Promise<Verdict | undefined> {
  const { loaded, context } = judged;
  const { tenant, id } = record;
  const keys = await core.keys(tenant);
  const generation = nextGeneration(record.rotation);
  const minted = await keys.mint({ ...record, generation });
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
  const issued = issuePending(record, successor, from, loaded.now);
  // Where every use rotates this write tells of the activity, too: there is no touch besides.
  const next = context.eachUse === true ? seen(issued, judged) : issued;
  const written = await write(core, judged, next);
  if (written === undefined) return undefined;
  core.emit("session-rotated", { ...subjectOf(record), generation, how: "sealed" });
  return serve(
    core,
    { ...judged, loaded: { ...loaded, stored: written } },
    { successor: minted.text },
  );
}

export async function confirm(core: Core, judged: Judged): Promise<Verdict | undefined> {
  const { loaded, context } = judged;
  // Confirmation writes what it saw of activity; the rule for lost cookies reads it.
  const next = seen(confirmPending(loaded.stored.record, context), judged);
  const written = await write(core, judged, next);
  if (written === undefined) return undefined;
  const { generation } = next.rotation;
  core.emit("session-rotated", { ...subjectOf(next), generation, how: "confirmed" });
  return { state: "live", at: loaded.now, stored: written, judgement: loaded.judgement };
}

function seen(record: SessionRecord, { how, loaded }: Judged): SessionRecord {
  const active = how.activity && loaded.judgement.state === "active";
  return active ? { ...record, seenAt: Math.max(record.seenAt, loaded.now) } : record;
}

export async function restore(core: Core, judged: Judged): Promise<Verdict | undefined> {
  const { loaded } = judged;
  const written = await write(core, judged, restorePrevious(loaded.stored.record));
  if (written === undefined) return undefined;
  return serve(core, { ...judged, loaded: { ...loaded, stored: written } }, {});
}

export async function ahead(
  core: Core,
  judged: Judged,
  roll: boolean,
): Promise<Verdict | undefined> {
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

export async function forked(
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
    heldContext: record.rotation.fingerprint,
    presentedContext: judged.context.fingerprint,
  };
  if (reaction === "revoke") {
    core.emit("token-fork", { ...facts, reaction, sameContext });
    await revokeSession(core, ref, "reuse_detected", { cause: "token_fork", actor: "system" });
    return { state: "ended", reason: "reuse_detected", at: loaded.now };
  }
  // Locked already: whoever it is has to give a factor anyway, and one alarm is enough.
  if (loaded.judgement.state === "locked")
    return { state: "live", at: loaded.now, stored: loaded.stored, judgement: loaded.judgement };
  core.emit("token-fork", { ...facts, reaction, sameContext });
  if (reaction === "alert" || record.subject === null) return serve(core, judged, {});
  if (record.state === "pending")
    return { state: "live", at: loaded.now, stored: loaded.stored, judgement: loaded.judgement };
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
  return {
    state: "live",
    at: loaded.now,
    stored: written,
    judgement: { state: "locked", factors },
  };
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
