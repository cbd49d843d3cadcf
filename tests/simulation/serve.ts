/** One request on a node: authenticate, judge what the library says of it, do the errand, answer. */
import type { Session } from "sojourn";
import { SojournError } from "sojourn";
import { headInto, viewOf } from "./browser.ts";
import type { Browser, Held } from "./browser.ts";
import type { Errand } from "./errands.ts";
import { problemOfIdleEnd, problemOfLive } from "./model.ts";
import type { SessionModel, Use } from "./model.ts";
import type { Life, ServerNode } from "./node.ts";
import type { World } from "./world.ts";

export interface Place {
  readonly node: ServerNode;
  readonly life: Life;
}

export interface Request {
  readonly browser: Browser | undefined;
  readonly held: Held | undefined;
  readonly agent: string;
  readonly errand: Errand;
}

/** What an errand works with. */
export interface Visit extends Place {
  readonly world: World;
  readonly browser: Browser | undefined;
  readonly session: Session;
  /** The model of the session that authenticated; `undefined` when none did. */
  readonly known: SessionModel | undefined;
  readonly use: Use | undefined;
}

/** @returns the cookies of the answer. A node that crashes under it never answers. */
export async function serve(world: World, place: Place, request: Request): Promise<string[]> {
  const { held, errand, agent } = request;
  const { life } = place;
  const use = held === undefined ? undefined : beginUse(world, place, held.session, errand);
  const exchange = await life.sessions.exchange(viewOf(held, agent, errand));
  const { refusal, session } = exchange;
  if (refusal !== undefined) {
    if (refusal.status !== 503 || !world.troubled) world.fail(`I7: refused ${refusal.status}`);
    endUse(world, place, use);
    return [];
  }
  const known = use === undefined ? undefined : judge(world, { ...place, request }, use, session);
  const visit = { ...place, world, browser: request.browser, session, known, use };
  await errand.run?.(visit);
  const cookies: string[] = [];
  if (life.alive) exchange.commit(headInto(cookies));
  endUse(world, place, use);
  return life.alive ? cookies : [];
}

export function beginUse(
  world: World,
  { life }: Place,
  session: SessionModel,
  errand: Pick<Errand, "activity" | "slides">,
): Use {
  const use = world.model.begin(session, {
    now: world.timeline.now,
    low: life.clock.reading,
    slides: errand.activity !== false || errand.slides === true,
    storedSeenAt: world.witness.known.get(session.id)?.record.seenAt ?? Infinity,
  });
  life.uses.add(use);
  return use;
}

export function endUse(world: World, { life }: Place, use: Use | undefined): void {
  if (use === undefined || !life.uses.delete(use)) return;
  world.model.finish(use, life.clock.reading);
}

/** Hold what authentication said against the model. @returns the session when it is live. */
function judge(
  world: World,
  place: Place & { readonly request: Request },
  use: Use,
  session: Session,
): SessionModel | undefined {
  const { node, life, request } = place;
  const claimed = use.session;
  const { id, endedReason } = session;
  if (world.restoredAt >= use.beganAt) return id === claimed.handle ? claimed : undefined;
  if (id === null) {
    if (endedReason === undefined) judgeUnknown(world, claimed);
    else judgeEnded(world, place, use, endedReason);
    world.note(`n${node.index} says ${claimed.name} is ${endedReason ?? "unknown"}`);
    const { browser, held } = request;
    if (browser !== undefined && browser.held === held) browser.signedOut = true;
    return undefined;
  }
  if (id !== claimed.handle) world.fail(`${claimed.name}'s token was taken for ${id}`);
  const { state } = session;
  const problem = problemOfLive(world.model.rules, use, {
    state,
    high: life.clock.reading,
    data: state === "locked" ? undefined : session.data,
    now: world.timeline.now,
  });
  if (problem !== undefined) world.fail(`${claimed.name}: ${problem}`);
  if (use.slides && (state === "active" || state === "anonymous")) {
    world.model.active(use, world.timeline.now, node.index);
  }
  const theft = world.thefts.get(claimed.id);
  if (request.browser !== undefined && request.held !== undefined && state === "active") {
    theft?.owned(request.held.token, use.low, life.clock.reading, world.timeline.now);
  }
  world.note(`n${node.index} serves ${claimed.name} as ${state}`);
  return claimed;
}

/** Only what is gone from the store may be unknown. */
function judgeUnknown(world: World, claimed: SessionModel): void {
  if (world.witness.known.has(claimed.id)) world.fail(`I7: ${claimed.name} is called unknown`);
}

function judgeEnded(world: World, { life }: Place, use: Use, reason: string): void {
  const { session } = use;
  const high = life.clock.reading;
  world.count(`ended ${reason}`);
  if (reason === "replaced" && session.hardRotations > 0) return;
  checkOver(world, use, high, `called ended (${reason})`);
  if (reason === "idle_timeout") {
    const problem = problemOfIdleEnd(world.model.rules, session, {
      high,
      sinceAt: use.beganAt,
    });
    if (problem !== undefined) world.fail(`${session.name}: ${problem}`);
  }
}

/** Invariant I7: trouble is never an end. */
export function checkOver(world: World, use: Use, high: number, said: string): void {
  const { session, storedSeenAt } = use;
  if (world.witness.isOver(session, high, storedSeenAt)) return;
  world.fail(`I7: ${session.name} is ${said} and it is live`);
}

export type Outcome<Value> =
  | { readonly fate: "acked"; readonly value: Value }
  | { readonly fate: "refused" | "unknown"; readonly code: string };

/** `lock` has nothing to do then; `set` goes by what the request read when it arrived. */
const MAY_MEET_A_LOCK = /^(?:lock|set )/;

/** Await one operation on a session and say what its caller may believe afterwards. */
export async function attempt<Value>(
  visit: Pick<Visit, "world" | "use" | "life">,
  what: string,
  work: Promise<Value>,
): Promise<Outcome<Value>> {
  const { world, use, life } = visit;
  const beganAt = world.timeline.now;
  const storedSeenAt = seenAtOf(world, use);
  try {
    const value = await work;
    if (world.restoredAt >= beganAt) return { fate: "unknown", code: "ERR_RESTORED" };
    const endAckedAt = use?.session.endAckedAt ?? Infinity;
    if (endAckedAt < beganAt) {
      world.fail(`I1: ${what} of ${use?.session.name ?? "?"} held after its end was acknowledged`);
    }
    if ((use?.session.lockAckedAt ?? Infinity) < beganAt && !MAY_MEET_A_LOCK.test(what)) {
      world.fail(`lost decision: ${what} of ${use?.session.name ?? "?"} held while it was locked`);
    }
    world.note(`${what} ${use?.session.name ?? ""} acknowledged`);
    return { fate: "acked", value };
  } catch (error) {
    if (!(error instanceof SojournError)) throw error;
    world.note(`${what} ${use?.session.name ?? ""} ${error.code}`);
    world.count(error.code);
    if (world.restoredAt >= beganAt) return { fate: "unknown", code: error.code };
    const tried = { use: use && { ...use, storedSeenAt }, life, what };
    return { fate: fateOf(world, tried, error), code: error.code };
  }
}

function seenAtOf(world: World, use: Use | undefined): number {
  return world.witness.known.get(use?.session.id ?? "")?.record.seenAt ?? Infinity;
}

function fateOf(
  world: World,
  tried: { readonly use: Use | undefined; readonly life: Life; readonly what: string },
  error: SojournError,
): "refused" | "unknown" {
  const { use, life, what } = tried;
  switch (error.code) {
    case "ERR_SESSION_ENDED":
      if (use !== undefined) checkOver(world, use, life.clock.reading, `refused ${what} as ended`);
      return "refused";
    case "ERR_SESSION_LOCKED":
      if (use?.session.lockAsked === false && !world.model.rules.idleLocks) {
        world.fail(`I7: ${use.session.name} is called locked`);
      }
      return "refused";
    case "ERR_STALE_EPOCH":
    case "ERR_LIMIT_REACHED":
    case "ERR_INVALID_ARGUMENT":
    case "ERR_ASSURANCE":
      return "refused";
    case "ERR_STORE_CONTENTION":
      return "refused";
    default:
      if (!world.mayThrow(error)) throw error;
      return "unknown";
  }
}
