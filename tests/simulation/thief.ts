/** Somebody copies a cookie and uses it, while its owner goes on using the session. */
import type { Browser } from "./browser.ts";
import { peek, visit } from "./errands.ts";
import type { Use } from "./model.ts";
import type { ServerNode } from "./node.ts";
import { serve } from "./serve.ts";
import type { Held } from "./wire.ts";
import type { World } from "./world.ts";

/** A browser has written its cookies to its disk after this: DESIGN's minute. */
const FLUSH_MS = 60_000;
const ACTIVITIES_KEPT = 40;

/** One copied cookie and what its owner has done since. */
export class Theft {
  readonly held: Held;
  readonly agent: string;
  readonly stolenAt: number;
  /** Waits until its use has to be noticed; others try their luck at any time. */
  readonly patient: boolean;
  /** The owner was served with a later token for the first time: the node's clock, at latest. */
  #renewedHigh: number | undefined;
  #activities: { readonly low: number; readonly doneAt: number }[] = [];

  constructor(facts: Pick<Theft, "held" | "agent" | "stolenAt" | "patient">) {
    this.held = facts.held;
    this.agent = facts.agent;
    this.stolenAt = facts.stolenAt;
    this.patient = facts.patient;
  }

  /** The owner was served as active. A poll is no activity. */
  owned(token: string, use: Use, served: { readonly high: number; readonly doneAt: number }): void {
    if (token === this.held.token) {
      // Not renewed yet, or lost with what the browser had not written to its disk.
      this.#renewedHigh = undefined;
      this.#activities = [];
      return;
    }
    this.#renewedHigh ??= served.high;
    if (!use.slides) return;
    this.#activities.push({ low: use.low, doneAt: served.doneAt });
    if (this.#activities.length > ACTIVITIES_KEPT) this.#activities.shift();
  }

  /** Used now, the copy has to raise an alarm: a rotation, its grace and a minute have passed. */
  mustAlarm(world: World, low: number): boolean {
    const { rules, rotateGraceMs } = world.scenario;
    const since = this.#renewedHigh;
    if (since === undefined || low <= since + rotateGraceMs + rules.skewMs) return false;
    const settledBefore = world.timeline.now - rules.flightMs - rules.touchLagMs;
    const usedUntil = since + FLUSH_MS + rules.touchEveryMs + rules.skewMs;
    return this.#activities.some(({ low, doneAt }) => low > usedUntil && doneAt < settledBefore);
  }
}

/** Copy a cookie, or use one that was copied. */
export function steal(world: World): void {
  const { chance, thefts } = world;
  const theft = chance.pick([...thefts.values(), undefined]);
  if (theft === undefined || chance.chance(0.3)) return copy(world, chance.pick(world.browsers));
  if (theft.held.session.ended !== undefined) {
    thefts.delete(theft.held.session.id);
    return;
  }
  const node = chance.pick(world.nodes);
  const ready = theft.patient ? theft.mustAlarm(world, node.reading) : chance.chance(0.25);
  if (ready) use(world, theft, node).catch((error: unknown) => world.broken(error, "thief"));
}

function copy(world: World, { held, agent }: Browser): void {
  if (held === undefined || held.session.subject === null || world.thefts.size > 4) return;
  if (world.thefts.has(held.session.id) || held.session.ended !== undefined) return;
  const own = world.chance.chance(0.5) ? agent : "agent of a thief";
  world.thefts.set(
    held.session.id,
    new Theft({
      held,
      agent: own,
      stolenAt: world.timeline.now,
      patient: world.chance.chance(0.7),
    }),
  );
  world.stolen.add(held.session.id);
  world.note(`a thief copies the cookie of ${held.session.name}`);
}

async function use(world: World, theft: Theft, node: ServerNode): Promise<void> {
  const { life } = node;
  if (life === undefined) return;
  const { held, agent } = theft;
  const now = life.clock.reading;
  const must =
    held.session.hardRotations === 0 &&
    theft.mustAlarm(world, now) &&
    !isSuspended(world, theft, now);
  const errand = world.chance.chance(0.5) ? visit : peek;
  world.note(`a thief uses ${held.session.name}${must ? ", which must be noticed" : ""}`);
  await serve(world, { node, life }, { browser: undefined, held, agent, errand });
  if (!must) return;
  world.count("thefts that must be noticed");
  const alarmed = (world.alarms.get(held.session.id) ?? -1) >= theft.stolenAt;
  if (alarmed || isSuspended(world, theft, life.clock.reading)) return;
  world.fail(`theft: the copied token of ${held.session.name} was used unnoticed`);
}

/** Over or locked: it asks for authentication in any case, and no alarm is raised about it. */
function isSuspended(world: World, { held }: Theft, now: number): boolean {
  const { record } = world.witness.known.get(held.session.id) ?? {};
  return record?.state === "locked" || world.witness.isOver(held.session, now);
}
