/**
 * Every interleaving of a client, the network and the rotation rules, breadth first, with the real
 * decision functions. Worlds are told apart by what can matter later (instants as ages, generations
 * by their order), so the search ends by itself: it has no horizon.
 */
import { describe, expect, it } from "vitest";
import { touchedRecord } from "./merge.ts";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
import type { Holder, SessionRecord } from "./record.ts";
import {
  AHEAD_WINDOW_MS,
  confirmPending,
  issuePending,
  judgePresented,
  nextGeneration,
  rollForward,
  rotateHard,
} from "./rotation.ts";
import type { RotationContext, RotationDecision } from "./rotation.ts";
import { openSession, touchDue } from "./session.ts";

type Judge = typeof judgePresented;

/** What the world may do; everything else of the scenario is time. */
interface Scenario {
  readonly tickMs: number;
  readonly policy: Policy;
  readonly judge?: Judge;
  readonly confirm?: typeof confirmPending;
  readonly rotateHard?: typeof rotateHard;
  /** Messages under way at once. Default 2. */
  readonly parallel?: number;
  /** Some requests come from callers that cannot set a token. */
  readonly readers?: boolean;
  /** Responses may leave as late as T after their request was taken; later ones set no cookie. */
  readonly slow?: boolean;
  /** The browser loses cookies not yet on disk; they get there within so many ticks. */
  readonly flushTicks?: number;
  /** Once, the store falls back to what it held at most so many ticks ago. */
  readonly lagTicks?: number;
  /** End with the window after the failover. */
  readonly windowOnly?: boolean;
  /** So many requests change rights and rotate hard. */
  readonly hard?: number;
  /** A thief copies the cookie once and acts at any time, from this context. */
  readonly thief?: "same-context" | "other-context";
  /** A straggler's answer carries the straggler's own token, as rolling cookies do. */
  readonly rolling?: boolean;
}

interface Message {
  /** `slow`: its response left up to T after its request was taken. */
  readonly kind: "request" | "answer" | "slow";
  readonly token: Holder;
  readonly at: number;
}

interface Theft {
  readonly token: Holder;
  /** Generation of the copied cookie. */
  readonly stolen: number;
  /** First confirmation of a later one. */
  readonly turnedAt?: number;
  /** Which holders were served long after it. */
  readonly late: readonly Party[];
  /** Whom the present successor was handed to. */
  readonly given: Party;
}

type Party = "client" | "thief";

interface World {
  readonly now: number;
  readonly record: SessionRecord;
  readonly jar: Holder;
  readonly disk: Holder;
  readonly jarAt: number;
  readonly wire: readonly Message[];
  /** Crashed with requests under way: it starts again after them. */
  readonly down: boolean;
  readonly snapshot?: { readonly record: SessionRecord; readonly at: number };
  readonly failedAt?: number;
  /** Since the failover, the client was heard with what it holds. */
  readonly heard: boolean;
  readonly hards: number;
  readonly theft?: Theft;
}

interface Found {
  readonly worlds: number;
  /** Events that lead to an alarm; to a thief who stays unnoticed. */
  readonly alarms: readonly string[];
  readonly unnoticed: readonly string[];
}

const START = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const BOOK = { late: [], given: "client" } as const;
const FAR: Holder = { generation: 0, verifier: "" };
let minted = 0;

function mint(generation: number): Holder {
  minted += 1;
  return { generation, verifier: `v${minted}` };
}

function begin(policy: Policy): World {
  const holder = mint(1);
  const facts = { id: "s", tenant: "t", subject: "alice", amr: ["pwd"], fingerprint: "A" };
  const record = openSession({ ...facts, holder }, policy, START);
  const quiet = { wire: [], down: false, heard: true, hards: 0 };
  return { now: START, record, jar: holder, disk: holder, jarAt: START, ...quiet };
}

interface Served {
  readonly record: SessionRecord;
  readonly decision: RotationDecision;
  readonly token?: Holder | undefined;
}

/** What the composition does with a decision: one compare-and-set, and the activity noted. */
function serve(scenario: Scenario, world: World, token: Holder, asked: Asked): Served {
  const { policy, judge = judgePresented, confirm = confirmPending } = scenario;
  const { now, record } = world;
  const context: RotationContext = {
    now,
    policy,
    canSetToken: asked.canSetToken,
    fingerprint: asked.fingerprint,
    incarnationSince: world.failedAt,
  };
  const decision = judge(record, token, context);
  switch (decision.act) {
    case "resend": {
      const sent = { generation: decision.pending.generation, at: now };
      const marked = decision.markSent ? touchedRecord(record, { sent }) : record;
      return { record: seen(marked, policy, now), decision, token: decision.pending };
    }
    case "issue": {
      const next = mint(nextGeneration(record.rotation));
      const { fingerprint } = asked;
      const issued = issuePending(record, { ...next, sealed: "", fingerprint }, decision.from, now);
      return { record: seen(issued, policy, now), decision, token: next };
    }
    case "confirm":
      return { record: { ...confirm(record, context), seenAt: now }, decision };
    case "ahead": {
      const rolled = decision.roll ? rollForward(record, token, context) : record;
      return { record: seen(rolled, policy, now), decision };
    }
    case "serve":
      return { record: seen(record, policy, now), decision, ...(scenario.rolling && { token }) };
    case "replaced":
    case "fork":
      return { record, decision };
  }
}

interface Asked {
  readonly canSetToken: boolean;
  readonly fingerprint: string;
}

const ASKED: Asked = { canSetToken: true, fingerprint: "A" };

function seen(record: SessionRecord, policy: Policy, now: number): SessionRecord {
  return touchDue(record, policy, now) ? { ...record, seenAt: now } : record;
}

type Step = readonly [event: string, next: World | "alarm" | "unnoticed" | "set-aside"];

function* steps(scenario: Scenario, world: World): Generator<Step> {
  const { failedAt = Infinity, heard } = world;
  const past = world.now + scenario.tickMs - failedAt > AHEAD_WINDOW_MS;
  // Whoever is heard only after the window is beyond the promise.
  if (!past || (heard && !scenario.windowOnly)) yield ["tick", ticked(scenario, world)];
  const idle = !world.down || world.wire.length === 0;
  if (idle && world.wire.length < (scenario.parallel ?? 2)) {
    const request: Message = { kind: "request", token: world.jar, at: world.now };
    yield ["send", { ...world, down: false, wire: [...world.wire, request] }];
  }
  for (const [index, message] of world.wire.entries()) {
    const rest = { ...world, wire: world.wire.filter((_, other) => other !== index) };
    yield ["lose", rest];
    const { kind, token } = message;
    if (kind === "request") yield* arrivals(scenario, rest, token);
    else yield [`deliver ${token.generation}`, delivered(rest, token)];
  }
  yield* faults(scenario, world);
  if (scenario.thief !== undefined) yield* thieving(scenario, world);
}

function* arrivals(scenario: Scenario, world: World, token: Holder): Generator<Step> {
  yield answered(scenario, world, token, ASKED);
  if (scenario.readers) yield answered(scenario, world, token, { ...ASKED, canSetToken: false });
  if (world.hards >= (scenario.hard ?? 0)) return;
  const served = serve(scenario, world, token, { ...ASKED, canSetToken: false });
  if (served.decision.act === "fork" || served.decision.act === "replaced") return;
  const next = mint(nextGeneration(served.record.rotation));
  const record = (scenario.rotateHard ?? rotateHard)(served.record, next, world.now);
  const answer: Message = { kind: "answer", token: next, at: world.now };
  const wire = [...world.wire, answer];
  yield [`hard ${next.generation}`, { ...world, record, wire, hards: world.hards + 1 }];
}

function answered(scenario: Scenario, world: World, token: Holder, asked: Asked): Step {
  const served = serve(scenario, world, token, asked);
  const { decision, record } = served;
  const event = `${decision.act} ${token.generation}`;
  if (decision.act === "fork") return [event, "alarm"];
  // The token was replaced by a change of rights whose answer was lost: a new sign-in, no alarm.
  if (decision.act === "replaced") return [event, "set-aside"];
  const heard = world.heard || token.verifier === world.jar.verifier;
  const after = noted(scenario, { ...world, record, heard }, "client", served);
  if (typeof after === "string") return [event, after];
  if (served.token === undefined) return [event, after];
  const kind = scenario.slow ? "slow" : "answer";
  const answer: Message = { kind, token: served.token, at: world.now };
  return [event, { ...after, wire: [...after.wire, answer] }];
}

/** A client that holds what the store has lost is heard once it presents it. */
function delivered(world: World, token: Holder): World {
  const { pending, previous, verifier } = world.record.rotation;
  const held = [verifier, pending?.verifier, previous?.verifier].includes(token.verifier);
  const heard = world.failedAt === undefined || held;
  return { ...world, jar: token, jarAt: world.now, heard };
}

function ticked(scenario: Scenario, world: World): World {
  const { tickMs, policy, flushTicks = 0 } = scenario;
  const now = world.now + tickMs;
  const under = { request: policy.transitMs, answer: policy.transitMs, slow: 2 * policy.transitMs };
  const wire = world.wire.filter((message) => now - message.at <= under[message.kind]);
  const flushed = now - world.jarAt > flushTicks * tickMs;
  const { snapshot, ...rest } = world;
  const kept = snapshot && now - snapshot.at <= (scenario.lagTicks ?? 0) * tickMs && { snapshot };
  return { ...rest, ...kept, now, wire, disk: flushed ? world.jar : world.disk };
}

function* faults(scenario: Scenario, world: World): Generator<Step> {
  const { now, jar, disk, record, snapshot, failedAt } = world;
  if (scenario.flushTicks !== undefined && jar.verifier !== disk.verifier) {
    yield ["flush", { ...world, disk: jar }];
    const requests = world.wire.filter((message) => message.kind === "request");
    yield ["crash", { ...world, jar: disk, jarAt: START, wire: requests, down: true }];
  }
  if (scenario.lagTicks === undefined || failedAt !== undefined) return;
  if (snapshot === undefined) yield ["snapshot", { ...world, snapshot: { record, at: now } }];
  else {
    const { snapshot: _gone, ...rest } = world;
    yield ["failover", { ...rest, record: snapshot.record, failedAt: now, heard: false }];
  }
}

function* thieving(scenario: Scenario, world: World): Generator<Step> {
  const { theft } = world;
  if (theft === undefined) {
    yield ["steal", { ...world, theft: { ...BOOK, token: world.jar, stolen: world.jar.generation } }];
    return;
  }
  const fingerprint = scenario.thief === "same-context" ? "A" : "B";
  const served = serve(scenario, world, theft.token, { canSetToken: true, fingerprint });
  const event = `thief:${served.decision.act} ${theft.token.generation}`;
  // Noticed: the session is locked or revoked, and this history ends well.
  if (served.decision.act === "fork") return;
  const after = noted(scenario, { ...world, record: served.record }, "thief", served);
  if (typeof after === "string") yield [event, after];
  else yield [event, { ...after, theft: { ...theft, ...after.theft, token: served.token ?? theft.token } }];
}

/** Keep book of a theft. @returns `"unnoticed"` when both go on long after a rotation. */
function noted(
  scenario: Scenario,
  world: World,
  party: Party,
  served: Served,
): World | "unnoticed" | "set-aside" {
  const { theft, now } = world;
  if (theft === undefined) return world;
  const { policy } = scenario;
  const { act } = served.decision;
  const pending = world.record.rotation.pending;
  // The identical successor in both hands: what only device binding stops, left out here.
  const handed = act === "resend" && pending !== undefined;
  const inGrace = handed && now - pending.issuedAt <= policy.rotateGraceMs;
  if (inGrace && theft.given !== party && scenario.thief === "same-context") return "set-aside";
  const given = act === "issue" || handed ? party : theft.given;
  const turned = world.record.rotation.generation > theft.stolen && act === "confirm";
  const turnedAt = theft.turnedAt ?? (turned ? now : undefined);
  const noticeMs = policy.rotateGraceMs + MINUTE_MS + policy.touchEveryMs;
  const isLate = turnedAt !== undefined && now - turnedAt > noticeMs;
  const late = isLate && !theft.late.includes(party) ? [...theft.late, party].sort() : theft.late;
  if (late.length === 2) return "unnoticed";
  const book: Theft = { ...theft, late, given };
  return { ...world, theft: turnedAt === undefined ? book : { ...book, turnedAt } };
}

/** What can matter later, and nothing else. Two worlds with one key behave alike. */
function keyOf(scenario: Scenario, world: World): string {
  const { now, record, theft, snapshot } = world;
  const { tickMs, policy } = scenario;
  const ticks = (at: number | undefined, cap: number): number =>
    at === undefined ? -1 : Math.min(Math.ceil((now - at) / tickMs), Math.ceil(cap / tickMs) + 1);
  const names = new Map<string, number>();
  const generations: number[] = [];
  const token = (holder: Holder | undefined): number => {
    const { verifier, generation } = holder ?? FAR;
    generations.push(generation);
    const known = names.get(verifier) ?? names.size;
    names.set(verifier, known);
    return known;
  };
  const crashMs = Math.max(MINUTE_MS, policy.touchEveryMs);
  const lifeMs = Math.max(policy.rotateEveryMs, crashMs);
  const rowOf = ({ rotation, seenAt }: SessionRecord): unknown[] => {
    const { pending, previous, replaced } = rotation;
    generations.push(rotation.lastIssued, replaced?.from ?? 0, (replaced?.to ?? 0) + 1);
    return [
      [token(rotation), token(pending), token(previous), rotation.forgiving ?? 0],
      [ticks(rotation.confirmedAt, lifeMs), ticks(seenAt, policy.touchEveryMs)],
      [Math.min(seenAt - rotation.confirmedAt, crashMs + 1), rotation.fingerprint],
      [ticks(pending?.issuedAt, policy.rotateGraceMs), pending?.fingerprint],
      [ticks(pending?.sentAt, 2 * policy.transitMs + tickMs)],
      [previous === undefined ? -1 : Math.max(0, previous.graceUntil - now + 1)],
      [previous?.fingerprint, replaced?.holders.map(token), ticks(replaced?.at, policy.transitMs)],
    ];
  };
  const flushMs = (scenario.flushTicks ?? 0) * tickMs;
  const wire = world.wire.map((one) => `${one.kind}${token(one.token)}@${ticks(one.at, lifeMs)}`);
  const stolen = theft && [token(theft.token), theft.late.join(""), theft.given];
  generations.push(theft?.stolen ?? 0);
  const noticeMs = policy.rotateGraceMs + crashMs + policy.touchEveryMs;
  const row = [
    rowOf(record),
    [token(world.jar), token(world.disk), ticks(world.jarAt, flushMs), world.down, world.hards, world.heard],
    wire.sort(),
    snapshot && [rowOf(snapshot.record), ticks(snapshot.at, (scenario.lagTicks ?? 0) * tickMs)],
    ticks(world.failedAt, AHEAD_WINDOW_MS),
    stolen && [...stolen, ticks(theft?.turnedAt, noticeMs)],
  ];
  const order = [...new Set(generations)].sort((a, b) => a - b);
  return JSON.stringify([row, generations.map((generation) => order.indexOf(generation))]);
}

const WORLDS_MAX = 600_000;

/** Explore all, or up to the first of the wanted kind. */
function explore(scenario: Scenario, until?: "alarms" | "unnoticed"): Found {
  const first = begin(scenario.policy);
  const seenKeys = new Set([keyOf(scenario, first)]);
  const trail: { readonly from: number; readonly event: string }[] = [{ from: -1, event: "" }];
  const alarms: string[] = [];
  const unnoticed: string[] = [];
  let level: (readonly [World, number])[] = [[first, 0]];
  const told = (from: number, event: string): string => {
    const events = [event];
    for (let at = from; at > 0; at = trail[at]!.from) events.unshift(trail[at]!.event);
    return events.join(" · ");
  };
  while (level.length > 0) {
    const next: (readonly [World, number])[] = [];
    for (const [world, place] of level) {
      for (const [event, after] of steps(scenario, world)) {
        if (after === "alarm") alarms.push(alarms.length === 0 ? told(place, event) : event);
        else if (after === "unnoticed") unnoticed.push(unnoticed.length === 0 ? told(place, event) : event);
        else if (after !== "set-aside") {
          const key = keyOf(scenario, after);
          if (seenKeys.has(key)) continue;
          seenKeys.add(key);
          trail.push({ from: place, event });
          next.push([after, trail.length - 1]);
        }
      }
      if (trail.length > WORLDS_MAX) throw new Error(`the search does not end: ${trail.length}`);
    }
    level = next;
    if (until !== undefined && { alarms, unnoticed }[until].length > 0) break;
  }
  return { worlds: trail.length, alarms, unnoticed };
}

interface Ticks {
  readonly transit: number;
  readonly grace: number;
  readonly due: number;
  readonly touch: number;
}

/** A policy in whole ticks, so long-lived that no deadline interferes. */
function policyOf(tickMs: number, ticks: Ticks): Policy {
  return {
    ...presetPolicy("saas").policy,
    idleMs: Number.MAX_SAFE_INTEGER / 4,
    absoluteMs: Number.MAX_SAFE_INTEGER / 4,
    transitMs: ticks.transit * tickMs,
    rotateGraceMs: ticks.grace * tickMs,
    rotateEveryMs: ticks.due * tickMs,
    touchEveryMs: ticks.touch * tickMs,
  };
}

const TICK_MS = 5_000;
const TIGHT = { transit: 1, grace: 2, due: 5, touch: 12 };
const tight: Scenario = { tickMs: TICK_MS, policy: policyOf(TICK_MS, TIGHT) };
const hasty: Scenario = {
  tickMs: TICK_MS,
  policy: policyOf(TICK_MS, { ...TIGHT, grace: 3, due: 4 }),
};
const wide: Scenario = {
  tickMs: TICK_MS,
  policy: policyOf(TICK_MS, { ...TIGHT, transit: 2, grace: 4, due: 9 }),
};
/** Cookies reach the disk within 30 s; a rotation takes longer than the minute the rules allow. */
const crashing: Scenario = {
  tickMs: TICK_MS,
  policy: policyOf(TICK_MS, { ...TIGHT, due: 14 }),
  flushTicks: 6,
};
const failing: Scenario = {
  tickMs: MINUTE_MS,
  policy: policyOf(MINUTE_MS, { ...TIGHT, touch: 1 }),
  lagTicks: 2,
  parallel: 1,
};
const stolen: Scenario = {
  tickMs: TICK_MS,
  policy: policyOf(TICK_MS, { ...TIGHT, touch: 1 }),
  parallel: 1,
};
const wait3: Judge = (record, presented, context) => {
  const d = judgePresented(record, presented, context);
  const p = record.rotation.pending;
  if (d.act === "issue" && d.from === "confirmed" && p && context.now - p.sentAt <= 3 * context.policy.transitMs + 1000) return { act: "serve" };
  return d;
};
const W2: Judge = (record, presented, context) => {
  const d = judgePresented(record, presented, context);
  const { now, policy } = context; const p = record.rotation.pending;
  if (d.act === "ahead" && !d.roll && p && now - p.issuedAt > policy.rotateGraceMs && now - p.sentAt > 2 * policy.transitMs + 1000) return { act: "ahead", roll: true };
  return d;
};
const W3: Judge = (record, presented, context) => {
  const d = W2(record, presented, context);
  const { now, incarnationSince } = context;
  const w = incarnationSince !== undefined && now - incarnationSince <= AHEAD_WINDOW_MS;
  if (d.act === "fork" && w && presented.generation >= record.rotation.generation - 64) return { act: "serve" };
  return d;
};
const runs: [string, Scenario][] = [
 ["slow", {...tight, slow: true}],
 ["slow parallel1", {...tight, slow: true, parallel: 1}],
 ["slow G3", {...tight, slow: true, policy: policyOf(TICK_MS, {...TIGHT, grace: 3, due: 6})}],
 ["slow wait3", {...tight, slow: true, judge: wait3, policy: policyOf(TICK_MS, {...TIGHT, grace: 2, due: 6})}],
 ["slow wait3 due 5", {...tight, slow: true, judge: wait3}],
 ["slow wait3 G3 due 7", {...tight, slow: true, judge: wait3, policy: policyOf(TICK_MS, {...TIGHT, grace: 3, due: 7})}],
 ["failing real", failing],
 ["failing windowOnly", {...failing, windowOnly: true}],
 ["failing W2", {...failing, judge: W2}],
 ["failing 2 windowOnly", {...failing, windowOnly: true, parallel: 2}],
 ["failing 2 W3", {...failing, judge: W3, parallel: 2}],
 ["hard1", {...tight, hard: 1}],
 ["thief other", {...stolen, thief: "other-context"}],
 ["thief same", {...stolen, thief: "same-context"}],
];
describe("x", () => { it.each(runs)("%s", (n, sc) => {
  const t=performance.now(); let r; try { r = explore(sc);} catch (e) { console.log(n, String(e), performance.now()-t); return; }
  console.log(n, r.worlds, "alarms", r.alarms.length, r.alarms[0], "unnoticed", r.unnoticed.length, r.unnoticed[0], Math.round(performance.now()-t));
}, 120000)});
