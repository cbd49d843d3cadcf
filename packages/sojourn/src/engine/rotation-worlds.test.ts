/**
 * The world that `rotation-model.test.ts` explores: one client (or a client and a thief), the
 * network, the store and the real decision functions. Worlds are told apart by what can matter
 * later (instants as ages, generations by their order), so that a search ends by itself.
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
  restorePrevious,
  rollForward,
  rotateHard,
} from "./rotation.ts";
import type { RotationContext, RotationDecision } from "./rotation.ts";
import { openSession, touchDue } from "./session.ts";

export type Judge = typeof judgePresented;

/** What the world may do; everything else of the scenario is time. */
export interface Scenario {
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

export interface World {
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

const START = 1_700_000_000_000;
export const MINUTE_MS = 60_000;
const BOOK = { late: [], given: "client" } as const;
const NOTHING_REPLACED = { from: 0, to: -1, at: 0, holders: [] as readonly Holder[] };
const FAR: Holder = { generation: 0, verifier: "" };
let minted = 0;

function mint(generation: number): Holder {
  minted += 1;
  return { generation, verifier: `v${minted}` };
}

export function begin(policy: Policy): World {
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
  const { policy } = scenario;
  const { now, record } = world;
  const context: RotationContext = {
    now,
    policy,
    canSetToken: asked.canSetToken,
    fingerprint: asked.fingerprint,
    incarnationSince: world.failedAt,
  };
  const decision = (scenario.judge ?? judgePresented)(record, token, context);
  switch (decision.act) {
    case "resend": {
      const marked = markedSent(record, decision, now);
      return { record: seen(marked, policy, now), decision, token: decision.pending };
    }
    case "issue": {
      const next = mint(nextGeneration(record.rotation));
      const { fingerprint } = asked;
      const issued = issuePending(record, { ...next, sealed: "", fingerprint }, decision.from, now);
      return { record: seen(issued, policy, now), decision, token: next };
    }
    case "confirm":
      return { record: { ...confirmedBy(scenario)(record, context), seenAt: now }, decision };
    case "ahead": {
      const rolled = decision.roll ? rollForward(record, token, context) : record;
      return { record: seen(rolled, policy, now), decision };
    }
    case "restore":
      return { record: seen(restorePrevious(record), policy, now), decision };
    case "serve":
      return { record: seen(record, policy, now), decision, ...(scenario.rolling && { token }) };
    default:
      return { record, decision };
  }
}

function markedSent(
  record: SessionRecord,
  { pending, markSent }: Extract<RotationDecision, { act: "resend" }>,
  at: number,
): SessionRecord {
  return touchedRecord(record, markSent ? { sent: { generation: pending.generation, at } } : {});
}

function confirmedBy(scenario: Scenario): typeof confirmPending {
  return scenario.confirm ?? confirmPending;
}

interface Asked {
  readonly canSetToken: boolean;
  readonly fingerprint: string;
}

const ASKED: Asked = { canSetToken: true, fingerprint: "A" };

function seen(record: SessionRecord, policy: Policy, now: number): SessionRecord {
  return touchDue(record, policy, now) ? { ...record, seenAt: now } : record;
}

export type Step = readonly [event: string, next: World | "alarm" | "unnoticed" | "set-aside"];

export function* steps(scenario: Scenario, world: World): Generator<Step> {
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
    yield [
      "steal",
      { ...world, theft: { ...BOOK, token: world.jar, stolen: world.jar.generation } },
    ];
    return;
  }
  const fingerprint = scenario.thief === "same-context" ? "A" : "B";
  const served = serve(scenario, world, theft.token, { canSetToken: true, fingerprint });
  const event = `thief:${served.decision.act} ${theft.token.generation}`;
  // Noticed: the session is locked or revoked, and this history ends well.
  if (served.decision.act === "fork") return;
  const after = noted(scenario, { ...world, record: served.record }, "thief", served);
  if (typeof after === "string") yield [event, after];
  else
    yield [
      event,
      { ...after, theft: { ...theft, ...after.theft, token: served.token ?? theft.token } },
    ];
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
  if (isShared(scenario, { theft, now }, party, served)) return "set-aside";
  const given = act === "issue" || act === "resend" ? party : theft.given;
  const turned = act === "confirm" && world.record.rotation.generation > theft.stolen;
  const turnedAt = theft.turnedAt ?? (turned ? now : undefined);
  const book = { ...theft, given };
  if (turnedAt === undefined) return { ...world, theft: book };
  const isLate = now - turnedAt > policy.rotateGraceMs + MINUTE_MS + policy.touchEveryMs;
  const late = isLate ? [...new Set([...theft.late, party])].sort() : theft.late;
  return late.length === 2 ? "unnoticed" : { ...world, theft: { ...book, late, turnedAt } };
}

/** The identical successor in both hands within its grace: what only device binding stops. */
function isShared(
  scenario: Scenario,
  { theft, now }: { readonly theft: Theft; readonly now: number },
  party: Party,
  { decision }: Served,
): boolean {
  if (decision.act !== "resend" || theft.given === party) return false;
  const inGrace = now - decision.pending.issuedAt <= scenario.policy.rotateGraceMs;
  return inGrace && scenario.thief === "same-context";
}

/** What can matter later, and nothing else. Two worlds with one key behave alike. */
export function keyOf(scenario: Scenario, world: World): string {
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
    const { pending, previous, replaced = NOTHING_REPLACED } = rotation;
    generations.push(rotation.lastIssued, replaced.from, replaced.to + 1);
    return [
      [token(rotation), token(pending), token(previous), rotation.forgiving ?? 0],
      [ticks(rotation.confirmedAt, lifeMs), ticks(seenAt, policy.touchEveryMs)],
      [Math.min(seenAt - rotation.confirmedAt, crashMs + 1), rotation.fingerprint],
      [ticks(pending?.issuedAt, policy.rotateGraceMs), pending?.fingerprint],
      [ticks(pending?.sentAt, 2 * policy.transitMs + tickMs)],
      [previous === undefined ? -1 : Math.max(0, previous.graceUntil - now + 1)],
      [previous?.fingerprint, replaced.holders.map(token), ticks(replaced.at, policy.transitMs)],
    ];
  };
  const flushMs = (scenario.flushTicks ?? 0) * tickMs;
  const wire = world.wire.map((one) => `${one.kind}${token(one.token)}@${ticks(one.at, lifeMs)}`);
  const stolen = theft && [token(theft.token), theft.late.join(""), theft.given];
  generations.push(theft?.stolen ?? 0);
  const noticeMs = policy.rotateGraceMs + crashMs + policy.touchEveryMs;
  const row = [
    rowOf(record),
    [
      token(world.jar),
      token(world.disk),
      ticks(world.jarAt, flushMs),
      world.down,
      world.hards,
      world.heard,
    ],
    wire.sort(),
    snapshot && [rowOf(snapshot.record), ticks(snapshot.at, (scenario.lagTicks ?? 0) * tickMs)],
    ticks(world.failedAt, AHEAD_WINDOW_MS),
    stolen && [...stolen, ticks(theft?.turnedAt, noticeMs)],
  ];
  const order = [...new Set(generations)].sort((a, b) => a - b);
  return JSON.stringify([row, generations.map((generation) => order.indexOf(generation))]);
}

describe("a world", () => {
  const policy: Policy = { ...presetPolicy("saas").policy, rotateEveryMs: MINUTE_MS };
  const scenario: Scenario = { tickMs: 5_000, policy };
  const named = (world: World, event: string): World => {
    const step = [...steps(scenario, world)].find(([name]) => name.startsWith(event));
    if (step === undefined || typeof step[1] === "string") throw new Error(`no ${event}`);
    return step[1];
  };

  it("is the same world when only time has moved that nothing depends on", () => {
    let first = begin(policy);
    for (let ticks = 0; ticks < 20; ticks += 1) first = named(first, "tick");
    expect(keyOf(scenario, named(first, "tick"))).toBe(keyOf(scenario, first));
  });

  it("differs by the age of a message, by who holds what and by what is pending", () => {
    let world = begin(policy);
    for (let ticks = 0; ticks < 12; ticks += 1) world = named(world, "tick");
    const sent = named(world, "send");
    const issued = named(sent, "issue");
    const delivered = named(issued, "deliver");
    const all = [world, sent, named(sent, "tick"), issued, named(issued, "lose"), delivered];
    expect(new Set(all.map((one) => keyOf(scenario, one))).size).toBe(all.length);
  });
});
