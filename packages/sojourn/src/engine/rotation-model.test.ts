/**
 * Every interleaving of a client, the network and the rotation rules, breadth first. There is no
 * horizon: a search ends when no new world is left.
 */
import { describe, expect, it } from "vitest";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
import { confirmPending, judgePresented } from "./rotation.ts";
import { MINUTE_MS, begin, keyOf, steps } from "./rotation-worlds.test.ts";
import type { Judge, Scenario, World } from "./rotation-worlds.test.ts";

interface Found {
  readonly worlds: number;
  /** Events that lead to an alarm; to a thief who stays unnoticed. */
  readonly alarms: readonly string[];
  readonly unnoticed: readonly string[];
}

const WORLDS_MAX = 600_000;

/** How a world was reached, linked backwards. */
interface Trail {
  readonly world: World;
  readonly event: string;
  readonly from?: Trail;
}

function told(trail: Trail): string {
  const events: string[] = [];
  for (let at: Trail | undefined = trail; at?.from !== undefined; at = at.from) {
    events.unshift(at.event);
  }
  return events.join(" · ");
}

/** Explore all, or up to the first of the wanted kind. */
function explore(scenario: Scenario, until?: "alarms" | "unnoticed"): Found {
  const first: Trail = { world: begin(scenario.policy), event: "" };
  const known = new Set([keyOf(scenario, first.world)]);
  const alarms: string[] = [];
  const unnoticed: string[] = [];
  const step = (from: Trail): Trail[] => {
    const reached: Trail[] = [];
    for (const [event, world] of steps(scenario, from.world)) {
      if (world === "set-aside") continue;
      if (typeof world === "string") {
        const list = world === "alarm" ? alarms : unnoticed;
        list.push(list.length === 0 ? `${told(from)} · ${event}` : event);
        continue;
      }
      const key = keyOf(scenario, world);
      if (known.has(key)) continue;
      known.add(key);
      reached.push({ world, event, from });
    }
    return reached;
  };
  const done = (): boolean => until !== undefined && { alarms, unnoticed }[until].length > 0;
  let level = [first];
  while (level.length > 0 && !done()) {
    level = level.flatMap(step);
    if (known.size > WORLDS_MAX) throw new Error(`the search does not end: ${known.size} worlds`);
  }
  return { worlds: known.size, alarms, unnoticed };
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

/** Breadth first over some hundred thousand worlds: seconds, not milliseconds. */
const LONG_MS = 60_000;

describe("an honest client", () => {
  it.each<readonly [string, Scenario]>([
    ["with loss, reordering and callers that cannot set tokens", { ...tight, readers: true }],
    ["with three requests at once", { ...tight, parallel: 3 }],
    ["with a rotation due before the grace is over", hasty],
    ["with messages of two ticks", wide],
    ["with slow responses, one request at a time", { ...tight, slow: true, parallel: 1 }],
    ["whose browser crashes and loses unflushed cookies", crashing],
    ["whose rights change", { ...tight, hard: 1 }],
    ["that comes back within the window after a failover", { ...failing, windowOnly: true }],
  ])(
    "[TO-08] %s never raises an alarm",
    (name, scenario) => {
      const found = explore(scenario);
      console.log(`note: ${found.worlds} worlds of a client ${name}`);
      expect(found.alarms).toEqual([]);
    },
    LONG_MS,
  );
});

describe("a copied token", () => {
  it.each(["other-context", "same-context"] as const)(
    "is noticed once both go on past a rotation, its grace and a minute: %s",
    (thief) => {
      const found = explore({ ...stolen, thief });
      console.log(`note: ${found.worlds} worlds of a thief in the ${thief}`);
      expect(found.unnoticed).toEqual([]);
      expect(found.alarms.length).toBeGreaterThan(0);
    },
    LONG_MS,
  );
});

/** The rule is off when the successor counts as sent long ago. */
const withoutTransitRule: Judge = (record, presented, context) => {
  const { pending } = record.rotation;
  if (pending === undefined) return judgePresented(record, presented, context);
  const rotation = { ...record.rotation, pending: { ...pending, sentAt: 0 } };
  return judgePresented({ ...record, rotation }, presented, context);
};

const clockFromIssue: typeof confirmPending = (record, context) => {
  const confirmed = confirmPending(record, context);
  const confirmedAt = record.rotation.pending?.issuedAt ?? context.now;
  return { ...confirmed, rotation: { ...confirmed.rotation, confirmedAt } };
};

const straggling: Judge = (record, presented, context) => {
  const decision = judgePresented(record, presented, context);
  const isPrevious = record.rotation.previous?.verifier === presented.verifier;
  if (decision.act !== "serve" || !isPrevious || !context.canSetToken) return decision;
  return { act: "issue", from: "previous" };
};

const withoutCrashRule: Judge = (record, presented, context) =>
  judgePresented({ ...record, seenAt: Number.MAX_SAFE_INTEGER }, presented, context);

const withoutStragglers: Judge = (record, presented, context) => {
  const { previous } = record.rotation;
  if (previous === undefined) return judgePresented(record, presented, context);
  const rotation = { ...record.rotation, previous: { ...previous, graceUntil: 0 } };
  const late = { ...record, rotation, seenAt: Number.MAX_SAFE_INTEGER };
  return judgePresented(late, presented, context);
};

const withoutWindow: Judge = (record, presented, context) =>
  judgePresented(record, presented, { ...context, incarnationSince: undefined });

const endlessReplay: Judge = (record, presented, context) => {
  const { pending } = record.rotation;
  if (pending === undefined) return judgePresented(record, presented, context);
  const decision = judgePresented(record, presented, context);
  const { verifier } = record.rotation;
  if (verifier !== presented.verifier || !context.canSetToken) return decision;
  return { act: "resend", pending, markSent: true };
};

const blindToContext: Judge = (record, presented, context) =>
  judgePresented(record, presented, { ...context, fingerprint: "A" });

const neverFork: Judge = (record, presented, context) => {
  const decision = judgePresented(record, presented, context);
  return decision.act === "fork" ? { act: "serve" } : decision;
};

describe("the model", () => {
  it.each<readonly [string, Scenario]>([
    ["without the rule of 2T after the last sending", { ...tight, judge: withoutTransitRule }],
    ["with the rotation clock running from issue", { ...hasty, confirm: clockFromIssue }],
    ["when a straggler is given a token", { ...tight, judge: straggling }],
    ["when a straggler is given its own token back", { ...tight, rolling: true }],
    ["without a grace for stragglers", { ...tight, judge: withoutStragglers }],
    ["without the rule for lost cookies", { ...crashing, judge: withoutCrashRule }],
    ["without the window after a failover", { ...failing, judge: withoutWindow }],
  ])("catches false alarms %s", (_name, scenario) => {
    expect(explore(scenario, "alarms").alarms).not.toEqual([]);
  });

  it.each<readonly [string, Scenario]>([
    [
      "is handed the same successor for ever",
      { ...stolen, thief: "same-context", judge: endlessReplay },
    ],
    ["is not told by its context", { ...stolen, thief: "other-context", judge: blindToContext }],
    ["raises no alarm", { ...stolen, thief: "same-context", judge: neverFork }],
  ])("catches a thief that %s", (_name, scenario) => {
    expect(explore(scenario, "unnoticed").unnoticed).not.toEqual([]);
  });
});
