/** What a simulated world is like. Spans are short, so that a run sees many lives of sessions. */
import type { SessionsOptions } from "sojourn";
import type { Rules } from "./model.ts";
import type { Weather } from "./network.ts";
import { CALM } from "./network.ts";
import type { TailWeather } from "./tail-wire.ts";

/** Whose sessions they are. */
export const TENANT = "default";

export interface Scenario {
  readonly name: string;
  readonly policy: NonNullable<SessionsOptions["policy"]>;
  readonly rules: Rules;
  readonly encryptData: boolean;
  readonly nodes: number;
  readonly browsers: number;
  readonly subjects: readonly string[];
  readonly limit: { readonly max: number; readonly asks: boolean };
  readonly weather: Weather;
  readonly tail: TailWeather;
  /** Two clocks differ by at most this, in milliseconds. */
  readonly skewMs: number;
  /** T and G of the rotation rules. */
  readonly transitMs: number;
  readonly rotateGraceMs: number;
  /** Chance per message between browser and node to be lost. */
  readonly messageLost: number;
  /** Chances per step. */
  readonly crash: number;
  readonly jump: number;
  readonly failover: number;
  readonly thief: boolean;
  /** How much longer than usual time between two steps is. */
  readonly pace: number;
  /** How often sessions are ended, locked and replaced, compared with usual. */
  readonly strife: number;
  readonly steps: number;
}

const TRANSIT_MS = 4_000;
const GRACE_MS = 2 * TRANSIT_MS;
const IDLE_MS = 90_000;
const ABSOLUTE_MS = 600_000;
/** Past the quarter of an hour in which a token may be ahead of its store. */
const LONG_MS = 2_400_000;
const TOUCH_MS = 3_000;
const PENDING_MS = 40_000;
const SKEW_MS = 100;

type Concurrency = {
  readonly max: number;
  readonly onLimit: "reject" | "ask" | "evict-oldest" | "evict-idle";
};

function rules(wishes: Wishes): Rules {
  const { onIdle, absoluteMs = ABSOLUTE_MS, touchEveryMs = TOUCH_MS, stalenessMs = 0 } = wishes;
  return {
    idleMs: IDLE_MS,
    pendingMs: PENDING_MS,
    absoluteMs,
    touchEveryMs,
    touchLagMs: 250,
    skewMs: SKEW_MS,
    flightMs: 3_000,
    idleLocks: onIdle === "lock-one-factor",
    stalenessMs,
  };
}

interface Wishes {
  readonly concurrency: Concurrency;
  readonly rotateEveryMs?: number;
  readonly onIdle?: "end" | "lock-one-factor";
  readonly absoluteMs?: number;
  readonly onFork?: "auto" | "revoke";
  readonly touchEveryMs?: number;
  /** S of invariant I3: above 0, every node keeps sessions near. */
  readonly stalenessMs?: number;
}

function policy(wishes: Wishes): Scenario["policy"] {
  const { absoluteMs = ABSOLUTE_MS } = wishes;
  return {
    extends: "saas",
    idleMs: IDLE_MS,
    absoluteMs,
    pendingMs: PENDING_MS,
    warnBeforeMs: 15_000,
    touchEveryMs: wishes.touchEveryMs ?? TOUCH_MS,
    transitMs: TRANSIT_MS,
    rotateGraceMs: GRACE_MS,
    rotateEveryMs: wishes.rotateEveryMs ?? GRACE_MS + 2 * TRANSIT_MS + 2_000,
    onIdle: wishes.onIdle ?? "end",
    onFork: wishes.onFork ?? "auto",
    concurrency: wishes.concurrency,
    refresh: { idleMs: IDLE_MS, absoluteMs },
    accessTtlMs: 60_000,
  };
}

const COMMON = {
  encryptData: false,
  nodes: 3,
  browsers: 12,
  subjects: ["ada", "ben", "cy", "dot"],
  weather: CALM,
  tail: { cut: 0, gap: 0 },
  skewMs: SKEW_MS,
  transitMs: TRANSIT_MS,
  rotateGraceMs: GRACE_MS,
  messageLost: 0.08,
  crash: 0,
  jump: 0,
  failover: 0,
  thief: false,
  pace: 1,
  strife: 1,
} as const;

function scenario(
  name: string,
  steps: number,
  wishes: Wishes,
  more: Partial<Scenario> = {},
): Scenario {
  const { max, onLimit } = wishes.concurrency;
  return {
    ...COMMON,
    name,
    steps,
    policy: policy(wishes),
    rules: rules(wishes),
    limit: { max, asks: onLimit === "reject" || onLimit === "ask" },
    ...more,
  };
}

/** Steps add up to what `npm test` promises. */
export const SCENARIOS: readonly Scenario[] = [
  scenario("quiet", 60_000, { concurrency: { max: 4, onLimit: "evict-oldest" } }),
  scenario(
    "tabs",
    20_000,
    { concurrency: { max: 4, onLimit: "evict-oldest" } },
    { browsers: 6, strife: 0.1, messageLost: 0.3 },
  ),
  scenario(
    "storm",
    65_000,
    { concurrency: { max: 3, onLimit: "reject" } },
    {
      weather: { lost: 0.02, unheard: 0.015, late: 0.008 },
      crash: 0.004,
      jump: 0.001,
      nodes: 4,
    },
  ),
  scenario(
    "locks",
    35_000,
    { concurrency: { max: 4, onLimit: "evict-idle" }, onIdle: "lock-one-factor" },
    {
      encryptData: true,
      nodes: 2,
      weather: { lost: 0.004, unheard: 0.004, late: 0.002 },
      crash: 0.001,
    },
  ),
  scenario(
    "thief",
    30_000,
    { concurrency: { max: 4, onLimit: "evict-oldest" }, rotateEveryMs: 110_000 },
    { thief: true, browsers: 6, pace: 2.5, strife: 0.1 },
  ),
  scenario(
    "near",
    20_000,
    {
      concurrency: { max: 4, onLimit: "evict-oldest" },
      rotateEveryMs: 60_000,
      touchEveryMs: 20_000,
      stalenessMs: 2_000,
    },
    {
      weather: { lost: 0.01, unheard: 0.01, late: 0.004 },
      tail: { cut: 0.01, gap: 0.3 },
      crash: 0.001,
      jump: 0.0005,
      nodes: 3,
      browsers: 5,
    },
  ),
  scenario(
    "failover",
    15_000,
    {
      concurrency: { max: 4, onLimit: "evict-oldest" },
      onFork: "revoke",
      absoluteMs: LONG_MS,
    },
    {
      failover: 0.0012,
      weather: { lost: 0.005, unheard: 0.005, late: 0 },
      browsers: 8,
      pace: 2,
      strife: 0.2,
    },
  ),
];
