/**
 * What a lockout means for a session: it has ended, from the moment somebody looks. The end is
 * stored before anybody is told of it, so that it stays when the lockout does not (I2).
 */
import { LockedOutError } from "../engine/errors.ts";
import type { StoredSession } from "../engine/ports.ts";
import { assess } from "../engine/session.ts";
import type { Judgement } from "../engine/session.ts";
import type { Core, Loaded } from "./core.ts";
import { revokeSession } from "./lifecycle.ts";
import type { Lockout, LockoutFacts, Lockouts } from "./lockouts.ts";

const CAUSE_CHARS_MAX = 256;

/** The engine's judgement, and that of the lockouts. @param address Who presents its token. */
export function judged(
  lockouts: Lockouts,
  { record, subjectEpoch }: StoredSession,
  now: number,
  address: string | undefined,
): Judgement {
  const judgement = assess(record, subjectEpoch, now);
  if (lockouts.size === 0 || judgement.state === "ended") return judgement;
  const lockout = lockouts.find(record, now, address);
  return lockout === undefined ? judgement : { state: "ended", end: endOf(lockout, now) };
}

function endOf({ id, reason }: Lockout, at: number): (Judgement & { state: "ended" })["end"] {
  const cause = reason === undefined ? {} : { cause: reason.slice(0, CAUSE_CHARS_MAX) };
  return { reason: "locked_out", at, ...cause, actor: `lock:${id}` };
}

/** A live session as it is for a connection from there; the same where no lockout holds. */
export function lockedOutFrom(core: Core, loaded: Loaded, address: string | undefined): Loaded {
  const { lockouts } = core;
  if (address === undefined || !lockouts.hasNetworks) return loaded;
  if (loaded.judgement.state === "ended") return loaded;
  const now = core.lastNow();
  const lockout = lockouts.find(loaded.stored.record, now, address);
  if (lockout === undefined) return loaded;
  return { ...loaded, now, judgement: { state: "ended", end: endOf(lockout, now) } };
}

/**
 * Store the end that {@link judged} found. One write, the first time.
 *
 * @throws {StoreUnavailableError} Nobody is told of an end that a lifted lockout would undo.
 */
export async function endLockedOut(core: Core, { stored, judgement }: Loaded): Promise<void> {
  if (judgement.state !== "ended" || judgement.end.reason !== "locked_out") return;
  if (stored.record.end !== undefined) return;
  const { cause, actor } = judgement.end;
  await revokeSession(core, stored.record, "locked_out", { cause, actor });
}

/** What somebody who was locked out is told, while the lockout stands. */
export function noticeFor(
  core: Core,
  who: LockoutFacts,
  address: string | undefined,
): string | undefined {
  return core.lockouts.find(who, core.lastNow(), address)?.message;
}

/** @throws {LockedOutError} */
export function refuseLockedOut(core: Core, who: LockoutFacts, address: string | undefined): void {
  const lockout = core.lockouts.find(who, core.now(), address);
  if (lockout !== undefined) throw new LockedOutError(lockout.message, lockout.expiresAt);
}
