/** What authentication said of a token, held against the model. */
import type { Session } from "sojourn";
import { problemOfIdleEnd, problemOfLive } from "./model.ts";
import type { SessionModel, Use } from "./model.ts";
import type { Place, Request } from "./serve.ts";
import type { World } from "./world.ts";

interface Presented extends Place, Request {
  readonly use: Use;
}

/** @returns the session when it is live. */
export function judge(
  world: World,
  presented: Presented,
  session: Session,
): SessionModel | undefined {
  const { use } = presented;
  if (world.restoredAt >= use.beganAt) {
    return session.id === use.session.handle ? use.session : undefined;
  }
  if (session.id !== null) return judgeLive(world, presented, session);
  judgeOver(world, presented, session.endedReason);
  return undefined;
}

function judgeLive(world: World, presented: Presented, session: Session): SessionModel {
  const { node, life, use } = presented;
  const claimed = use.session;
  if (session.id !== claimed.handle) world.fail(`${claimed.name}'s token was taken for another's`);
  const { state } = session;
  judgeShown(world, use, session);
  if (use.slides && (state === "active" || state === "anonymous")) {
    world.model.active(use, world.timeline.now, node.index);
  }
  const { browser, held } = presented;
  if (browser !== undefined && held !== undefined && state === "active") {
    const theft = world.thefts.get(claimed.id);
    theft?.owned(held.token, use, { high: life.clock.reading, doneAt: world.timeline.now });
  }
  world.note(`n${node.index} serves ${claimed.name} as ${state}`);
  return claimed;
}

/** Hold what is shown of a live session against the model. */
export function judgeShown(world: World, use: Use, session: Session): void {
  if (world.restoredAt >= use.beganAt) return;
  const { state } = session;
  const data = state === "locked" ? undefined : session.data;
  const problem = problemOfLive(world.model.rules, use, { state, data });
  if (problem !== undefined) world.fail(`${use.session.name}: ${problem}`);
}

function judgeOver(world: World, presented: Presented, reason: string | undefined): void {
  const { node, life, use, browser, held } = presented;
  const { session } = use;
  if (reason === undefined) checkGone(world, session);
  else {
    world.count(`ended ${reason}`);
    checkEnded(world, use, life.clock.reading, reason);
  }
  world.note(`n${node.index} says ${session.name} is ${reason ?? "unknown"}`);
  if (browser !== undefined && browser.held === held) browser.signedOut = true;
}

/** Only what is gone from the store may be unknown. */
export function checkGone(world: World, claimed: SessionModel): void {
  if (world.witness.known.has(claimed.id)) world.fail(`I7: ${claimed.name} is called unknown`);
}

/** @param high The node's clock when it said so. */
export function checkEnded(world: World, use: Use, high: number, reason: string): void {
  const { session } = use;
  // A hard rotation ended the token, not the session.
  if (reason === "replaced" && session.hardRotations > 0) return;
  checkOver(world, use, high, `called ended (${reason})`);
  if (reason !== "idle_timeout") return;
  const seen = { high, sinceAt: use.beganAt };
  const problem = problemOfIdleEnd(world.model.rules, session, seen);
  if (problem !== undefined) world.fail(`${session.name}: ${problem}`);
}

/** Invariant I7: trouble is never an end. */
export function checkOver(world: World, use: Use, high: number, said: string): void {
  const { session, storedSeenAt } = use;
  if (world.witness.isOver(session, high, storedSeenAt)) return;
  world.fail(`I7: ${session.name} is ${said} and it is live`);
}
