/** Changes of one session's standing: each a decision of the engine, written by compare-and-set. */
import type { Durability, EndReason } from "../protocol/words.ts";
import {
  ArgumentError,
  SessionEndedError,
  SessionLockedError,
  SojournError,
} from "../engine/errors.ts";
import type { Authentication } from "../engine/assurance.ts";
import { unbind } from "../engine/binding.ts";
import type { RevokeResult, SessionRef, StoredSession } from "../engine/ports.ts";
import { refuseActor } from "../engine/impersonation.ts";
import { idleExpiresAt } from "../engine/record.ts";
import type { SessionRecord } from "../engine/record.ts";
import { nextGeneration, rotateHard, rotateSoon } from "../engine/rotation.ts";
import { changeRoles, lockSession, stepUpSession, unlockSession } from "../engine/session.ts";
import type { Core, Loaded } from "./core.ts";
import { announceEnds, subjectOf } from "./events.ts";
import { checkRoles } from "./login-options.ts";
import type { Unproven } from "./session-body.ts";

/** Why a person or program acts, and who. Both go into the record, the audit and the events. */
export interface RevokeWords {
  readonly cause?: string | undefined;
  readonly actor?: string | undefined;
}

/** How surely an end must be kept before the call returns. */
export interface RevokeHow extends RevokeWords {
  /** Instead of `revokeDurability` of `createSessions`. What was reached is in the answer. I8. */
  readonly durability?: "local" | "replicated" | "quorum" | undefined;
}

/** Compare-and-set from outside: the session's `version` as it was read. */
export interface Expectation {
  readonly ifVersion?: string | undefined;
}

export interface Rotated {
  readonly stored: StoredSession;
  readonly token: string;
}

const WORD_LENGTH_MAX = 256;

function checkWords(words: RevokeWords): RevokeWords {
  for (const [name, value] of Object.entries(words)) {
    if (value === undefined) continue;
    if (typeof value !== "string" || value.length > WORD_LENGTH_MAX) {
      throw new ArgumentError(name, `a text of at most ${WORD_LENGTH_MAX} characters`);
    }
  }
  return words;
}

/** @throws {SojournError} `ERR_VERSION_CONFLICT` when the session moved on since it was read. */
function checkVersion(stored: StoredSession, expected: Expectation): void {
  const version = `${stored.record.version}.${stored.dataVersion}`;
  if (expected.ifVersion !== undefined && expected.ifVersion !== version) {
    throw new SojournError(
      "ERR_VERSION_CONFLICT",
      `the session is at version ${version}, not ${expected.ifVersion}`,
    );
  }
}

function notLocked(loaded: Loaded): void {
  if (loaded.judgement.state === "locked") throw new SessionLockedError(loaded.judgement.factors);
}

interface HardDecision {
  readonly operation: string;
  /** The old tokens are refused at once; by default where the session was not active. */
  readonly refuseOld?: boolean;
  step(loaded: Loaded): SessionRecord;
}

/** A decision that also replaces every live token at once. */
async function decideHard(core: Core, ref: SessionRef, decision: HardDecision): Promise<Rotated> {
  let token = "";
  const stored = await core.decide(ref, decision.operation, async (loaded) => {
    const changed = decision.step(loaded);
    const generation = nextGeneration(changed.rotation);
    const minted = await (await core.keys(changed.tenant)).mint({ ...changed, generation });
    token = minted.text;
    // The old tokens keep the assurance they had, not the one just reached.
    const holder = { generation, verifier: minted.verifier };
    const refused = decision.refuseOld === true || loaded.judgement.state !== "active";
    const straggling = refused ? "refused" : "served";
    const rotated = rotateHard(loaded.stored.record, holder, loaded.now, straggling);
    return { ...changed, rotation: rotated.rotation };
  });
  core.emit("session-rotated", {
    ...subjectOf(stored.record),
    generation: stored.record.rotation.generation,
    how: "hard",
  });
  return { stored, token };
}

export function hardRotate(
  core: Core,
  ref: SessionRef,
  operation: string,
  expected: Expectation = {},
): Promise<Rotated> {
  return decideHard(core, ref, {
    operation,
    step: (loaded) => {
      checkVersion(loaded.stored, expected);
      notLocked(loaded);
      return loaded.stored.record;
    },
  });
}

export async function stepUp(
  core: Core,
  ref: SessionRef,
  given: Authentication,
  expected: Expectation = {},
): Promise<Rotated> {
  const rotated = await decideHard(core, ref, {
    operation: "stepUp",
    step: (loaded) => {
      checkVersion(loaded.stored, expected);
      notLocked(loaded);
      refuseActor(loaded.stored.record);
      if (loaded.stored.record.subject === null) {
        throw new ArgumentError("stepUp", "an anonymous session has nobody to step up: use login");
      }
      return stepUpSession(loaded.stored.record, given, loaded.policy, loaded.now);
    },
  });
  const { acr, amr } = rotated.stored.record.assurance;
  core.emit("assurance-level-change", {
    ...subjectOf(rotated.stored.record),
    amr: [...amr],
    ...(acr === undefined ? {} : { acr }),
  });
  return rotated;
}

export async function unlock(
  core: Core,
  ref: SessionRef,
  given: Authentication,
  expected: Expectation = {},
): Promise<Rotated> {
  const rotated = await decideHard(core, ref, {
    operation: "unlock",
    step: (loaded) => {
      checkVersion(loaded.stored, expected);
      const { judgement, stored } = loaded;
      refuseActor(stored.record);
      if (judgement.state !== "locked")
        throw new ArgumentError("unlock", `the session is ${judgement.state}, not locked`);
      return unlockSession(stored.record, judgement.factors, given, loaded.now);
    },
  });
  core.emit("session-unlocked", {
    ...subjectOf(rotated.stored.record),
    amr: [...(given.amr ?? [])],
  });
  return rotated;
}

/**
 * Factors given again by a client that could not prove the device: they take its place, and the
 * session is bound no more. The old tokens are refused at once.
 */
export async function reprove(
  core: Core,
  ref: SessionRef,
  given: Authentication,
  unproven: Unproven & Expectation,
): Promise<Rotated> {
  if (!unproven.mends) {
    throw new ArgumentError("unlock", "the session is bound to a device: only a login replaces it");
  }
  const rotated = await decideHard(core, ref, {
    operation: "unlock",
    refuseOld: true,
    step: ({ stored, judgement, now }) => {
      checkVersion(stored, unproven);
      refuseActor(stored.record);
      const needed = judgement.state === "locked" ? judgement.factors : 1;
      const factors = Math.max(needed, unproven.factors);
      return unbind(unlockSession(stored.record, factors, given, now));
    },
  });
  const amr = [...(given.amr ?? [])];
  core.emit("session-unlocked", { ...subjectOf(rotated.stored.record), amr });
  return rotated;
}

/**
 * Change roles. With a client at hand the token rotates hard; without one (an operator acts) the
 * change holds at once and the client gets its new token at its next request.
 */
export async function setRoles(
  core: Core,
  ref: SessionRef,
  roles: readonly string[],
  rotate: "hard" | "next",
): Promise<{ readonly stored: StoredSession; readonly token?: string }> {
  checkRoles(roles);
  const step = (loaded: Loaded): SessionRecord => {
    notLocked(loaded);
    const { record } = loaded.stored;
    if (record.subject === null)
      throw new ArgumentError("setRoles", "an anonymous session has no roles");
    return changeRoles(record, roles, core.policies.policyFor({ ...record, roles }));
  };
  const changed =
    rotate === "hard"
      ? await decideHard(core, ref, { operation: "setRoles", refuseOld: true, step })
      : {
          stored: await core.decide(ref, "setRoles", (loaded) =>
            rotateSoon(step(loaded), loaded.policy, loaded.now),
          ),
        };
  core.emit("token-claims-change", { ...subjectOf(changed.stored.record), roles: [...roles] });
  return changed;
}

export async function lock(
  core: Core,
  ref: SessionRef,
  factors: number | undefined,
  options: RevokeWords & Expectation = {},
): Promise<StoredSession> {
  const { ifVersion, ...words } = options;
  let locked = false;
  const stored = await core.decide(ref, "lock", (loaded) => {
    checkVersion(loaded.stored, { ifVersion });
    const { record } = loaded.stored;
    const needed = factors ?? loaded.policy.reauthFactors;
    if (!Number.isSafeInteger(needed) || needed < 1 || needed > 3) {
      throw new ArgumentError("lock.factors", "a number of factors from 1 to 3");
    }
    if (record.state === "pending" || record.subject === null) {
      throw new ArgumentError(
        "lock",
        `a session that is ${record.subject === null ? "anonymous" : "pending"} cannot be locked`,
      );
    }
    locked = record.lockFactors === undefined || record.lockFactors < needed;
    return locked ? lockSession(record, needed) : undefined;
  });
  const { record } = stored;
  if (locked)
    core.emit("session-locked", {
      ...subjectOf(record),
      ...checkWords(words),
      factors: record.lockFactors ?? 1,
    });
  return stored;
}

/** The idle clock starts anew, written through. One or two round trips. */
export async function extend(
  core: Core,
  ref: SessionRef,
  expected: Expectation = {},
): Promise<StoredSession> {
  const { stored, now, judgement } = await core.inspectLive(ref);
  checkVersion(stored, expected);
  if (judgement.state === "locked") throw new SessionLockedError(judgement.factors);
  const { record } = stored;
  // A pending session waits for a factor; asking for more time is no factor.
  if (record.state === "pending") return stored;
  const results = await core.attempt("extend", () => core.store.touch([{ ref, seenAt: now }]));
  if (results[0] === "gone") {
    await core.inspectLive(ref);
    throw new SessionEndedError(undefined);
  }
  const extended = { ...record, seenAt: Math.max(record.seenAt, now) };
  core.emit("session-extended", { ...subjectOf(record), idleExpiresAt: idleExpiresAt(extended) });
  return { ...stored, record: extended };
}

/** End one session; durable when it returns. Idempotent: the first end is kept. I2, I8. */
export async function revokeSession(
  core: Core,
  ref: SessionRef,
  reason: EndReason,
  how: RevokeHow = {},
): Promise<RevokeResult> {
  const now = core.now();
  const { durability = core.revokeDurability, ...words } = how;
  const { cause, actor } = checkWords(words);
  const end = {
    reason,
    at: now,
    ...(cause === undefined ? {} : { cause }),
    ...(actor === undefined ? {} : { actor }),
  };
  const place = { tenant: ref.tenant, id: ref.id };
  const result = await core.attempt("revoke", () =>
    core.store.revoke(place, end, { now, durability }),
  );
  core.memo.forget(ref.id);
  if (result.outcome === "ended" && result.record !== undefined && result.end !== undefined) {
    announceEnds(core, [{ record: result.record, end: result.end }]);
  }
  return result;
}

/** End all of a subject's sessions by its epoch, atomically. Misses none. I5. */
export async function revokeSubject(
  core: Core,
  who: { readonly tenant: string; readonly subject: string },
  options: RevokeHow & { readonly except?: string | undefined },
): Promise<{ readonly epoch: number; readonly ended: number; readonly durability: Durability }> {
  const now = core.now();
  const { except, durability = core.revokeDurability, ...words } = options;
  const { cause, actor } = checkWords(words);
  const end = {
    reason: "subject_revoked" as const,
    at: now,
    ...(cause === undefined ? {} : { cause }),
    ...(actor === undefined ? {} : { actor }),
  };
  const result = await core.attempt("revokeSubject", () =>
    core.store.revokeSubject(who.tenant, who.subject, {
      now,
      end,
      durability,
      ...(except === undefined ? {} : { except }),
    }),
  );
  announceEnds(core, result.ended);
  const session = except === undefined ? {} : { session: except };
  core.emit("subject-revoked", {
    ...who,
    ...session,
    cause,
    actor,
    epoch: result.epoch,
    ended: result.ended.length,
  });
  return { epoch: result.epoch, ended: result.ended.length, durability: result.durability };
}
