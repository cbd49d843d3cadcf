/** One step: somebody does something. Who and what is drawn; what follows takes its time. */
import type { Browser } from "./browser.ts";
import {
  addTo,
  component,
  extend,
  lock,
  login,
  logout,
  peek,
  rotate,
  setKey,
  slowly,
  stepUp,
  unlock,
  visit,
} from "./errands.ts";
import type { Errand } from "./errands.ts";
import { failOver } from "./failover.ts";
import type { SessionModel } from "./model.ts";
import * as operator from "./operator.ts";
import { serve } from "./serve.ts";
import type { Place } from "./serve.ts";
import { steal } from "./thief.ts";
import type { Held } from "./wire.ts";
import type { World } from "./world.ts";

const REGISTERS = ["r0", "r1", "r2", "r3", "r4"] as const;
const DOWN_MS_MAX = 4_000;

type Weighted<Item> = readonly (readonly [weight: number, item: Item])[];

function draw<Item>(world: World, choices: Weighted<Item>): Item {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let left = world.chance.fraction() * total;
  for (const [weight, item] of choices) {
    left -= weight;
    if (left < 0) return item;
  }
  return (choices.at(-1) as (typeof choices)[number])[1];
}

export function act(world: World): void {
  const { chance, scenario } = world;
  if (chance.chance(scenario.crash)) return crash(world);
  if (chance.chance(scenario.jump)) return jump(world);
  if (chance.chance(scenario.failover)) return failOver(world);
  if (scenario.thief && chance.chance(0.06)) return steal(world);
  if (chance.chance(0.14)) return operate(world);
  const awake = world.browsers.filter(({ quietUntil }) => quietUntil <= world.timeline.now);
  if (awake.length === 0) return operate(world);
  browse(world, chance.pick(awake));
}

function browse(world: World, browser: Browser): void {
  const { chance, timeline } = world;
  const drawn = chance.fraction();
  if (drawn < 0.02 * world.scenario.strife) {
    browser.quietUntil = timeline.now + chance.int(5_000, 130_000);
    return atDeadline(world, browser);
  }
  if (chance.chance(0.003)) return browser.crash();
  if (chance.chance(0.002 * world.scenario.strife)) return browser.forget();
  if (drawn < 0.04) browser.loss = chance.pick([world.scenario.messageLost, 0.01, 0.6]);
  // Who signs in waits for the answer, mostly.
  const away = browser.held === undefined || browser.signedOut;
  if (away) browser.quietUntil = timeline.now + chance.int(300, 4_000);
  const tabs = chance.chance(0.12) ? chance.int(2, 4) : 1;
  for (let tab = 0; tab < tabs; tab += 1) {
    const errand = errandOf(world, browser);
    if (tab === 0) browser.send(errand);
    else timeline.after(chance.int(0, 300), () => browser.send(errand));
  }
}

/** Somebody comes back just when the session ends, or just before. */
function atDeadline(world: World, browser: Browser): void {
  const { held } = browser;
  const record = held && world.witness.known.get(held.session.id)?.record;
  if (held === undefined || record === undefined) return;
  const idleAt = record.seenAt + record.idleMs;
  const at = Math.min(idleAt, record.absoluteExpiresAt) - held.session.createdAt;
  const bornAt = held.session.bornAt;
  const wait = bornAt + at - world.timeline.now + world.chance.int(-200, 20);
  if (wait <= 0) return;
  browser.quietUntil = world.timeline.now + wait;
  world.timeline.after(wait, () => browser.send(world.chance.chance(0.5) ? visit : extend));
}

function errandOf(world: World, browser: Browser): Errand {
  const { chance } = world;
  const { strife } = world.scenario;
  const key = chance.pick(REGISTERS);
  const subject = chance.chance(0.93) ? browser.subject : chance.pick(world.scenario.subjects);
  const pending = chance.chance(0.06);
  const write = setKey(key, (world.counter += 1));
  if (browser.held === undefined || browser.signedOut) {
    return draw<Errand>(world, [
      [browser.held === undefined ? 4 : 1, write],
      [5, login(subject, pending)],
      [1, visit],
      [0.5, logout],
    ]);
  }
  const anonymous = browser.held.session.subject === null;
  return draw<Errand>(world, [
    [28, visit],
    [6, peek],
    [3, component],
    [16, write],
    [3, setKey(key, undefined)],
    [8, addTo("n0")],
    [4, addTo("n1", "n2")],
    [4, extend],
    [1.2 * strife, rotate],
    [1.2 * strife, stepUp],
    [anonymous ? 0 : strife, lock],
    [5, unlock],
    [0.6 * strife, logout],
    [anonymous ? 7 : 0.6 * strife, login(subject, pending)],
    [4, slowly(chance.int(50, 3_000), write)],
    [1, slowly(chance.int(500, 6_000))],
    [0.5 * strife, slowly(chance.int(50, 900), logout)],
    [anonymous ? 3 : 0.3 * strife, slowly(chance.int(20, 300), login(subject, pending))],
  ]);
}

function operate(world: World): void {
  const { chance, scenario } = world;
  const { strife } = scenario;
  const place = somewhere(world);
  if (place === undefined) return;
  const browser = chance.pick(world.browsers);
  const session = someSession(world);
  const subject = chance.pick(scenario.subjects);
  const live = world.model.liveOf(subject);
  const except = live.length > 0 && chance.chance(0.5) ? chance.pick(live) : undefined;
  const take = (held: Held): void => {
    if (browser.held === undefined && browser.agent === "agent 0") browser.held = held;
  };
  const { held } = browser;
  const run = draw<((world: World, place: Place) => Promise<void>) | undefined>(world, [
    [8, operator.sweep],
    [8, operator.list(subject)],
    [1.5 * strife, session && operator.revoke(session)],
    [1.5 * strife, operator.revokeAll(subject, except)],
    [2.5 * strife, operator.open(subject, chance.int(0, 400), take)],
    [0.4 * strife, racing(operator.open(subject, 60, take), operator.revokeAll(subject, except))],
    [14, session && operator.writeByHandle(session)],
    [14, held && operator.verify(held, browser.agent)],
    [4, held && operator.forge(held)],
    [14, replay(browser)],
    [scenario.rules.stalenessMs > 0 ? 20 : 0, endingWhileRead(world, browser, subject)],
    [scenario.crash > 0 ? 1 : 0.3, stopping(world)],
  ]);
  void run?.(world, place).catch((error: unknown) => world.broken(error, "an operator"));
}

function stopping(world: World): ((world: World, place: Place) => Promise<void>) | undefined {
  return async (_world, place) => {
    await operator.stop(world, place);
    restartLater(world, place);
  };
}

/** Two things at the same time. */
function racing(...acts: readonly ((world: World, place: Place) => Promise<void>)[]) {
  return async (world: World, place: Place): Promise<void> => {
    await Promise.all(acts.map((act) => act(world, place)));
  };
}

function endingWhileRead(world: World, { held, agent }: Browser, subject: string) {
  if (held === undefined || world.scenario.rules.stalenessMs === 0) return undefined;
  const end = world.chance.chance(0.5)
    ? operator.revoke(held.session)
    : operator.revokeAll(held.session.subject ?? subject, undefined);
  return operator.endWhileRead(held, agent, end);
}

/** An old token of a session that has ended, as far as anybody was told. */
function replay(browser: Browser): ((world: World, place: Place) => Promise<void>) | undefined {
  const { world, agent } = browser;
  const old = browser.replayable();
  if (old.length === 0) return undefined;
  const held = world.chance.pick(old);
  const errand = world.chance.chance(0.2) ? setKey("r1", (world.counter += 1)) : visit;
  return async (_world, place) => {
    await serve(world, place, { browser: undefined, held, agent, errand });
  };
}

function somewhere(world: World): Place | undefined {
  const node = world.chance.pick(world.nodes);
  return node.life === undefined ? undefined : { node, life: node.life };
}

/** Mostly one in use. */
function someSession(world: World): SessionModel | undefined {
  const { held } = world.chance.pick(world.browsers);
  if (world.chance.chance(0.7)) return held?.session;
  const live = world.model.liveOf(world.chance.pick(world.scenario.subjects));
  return live.length === 0 ? undefined : world.chance.pick(live);
}

function crash(world: World): void {
  const place = somewhere(world);
  if (place === undefined) return;
  world.note(`n${place.node.index} crashes`);
  place.node.crash();
  restartLater(world, place);
}

function restartLater(world: World, { node }: Place): void {
  world.timeline.after(world.chance.int(100, DOWN_MS_MAX), () => {
    if (node.life === undefined) node.start();
    world.note(`n${node.index} is up`);
  });
}

function jump(world: World): void {
  const place = somewhere(world);
  if (place === undefined) return;
  world.note(`n${place.node.index}'s clock jumps`);
  place.life.clock.jump(world.chance.int(-60_000, 60_000) || 1);
}
