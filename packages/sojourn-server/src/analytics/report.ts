/** Figures of hours, put together as they are shown. */
import { DURATION_SECONDS, HOUR_MS, LONGER } from "./figures.ts";
import type { Amount, Figure } from "./figures.ts";

export const STEPS = ["hour", "day"] as const;
export type Step = (typeof STEPS)[number];

export interface Period {
  readonly at: number;
  readonly signIns: Counted;
  readonly agents: Readonly<Record<string, number>>;
  readonly renewals: Counted;
  readonly ends: Counted;
  readonly durations: {
    readonly count: number;
    readonly seconds: number;
    /** How many lasted no longer than so many seconds; the last bucket has no bound. */
    readonly buckets: readonly { readonly upTo?: number; readonly count: number }[];
  };
  readonly incidents: Readonly<Record<string, number>>;
  /** Absent: it was not sampled. */
  readonly active?: { readonly last: number; readonly peak: number; readonly exact: boolean };
}

interface Counted {
  readonly total: number;
  readonly by: Readonly<Record<string, number>>;
}

const HOURS: Readonly<Record<Step, number>> = { hour: 1, day: 24 };

/** The span of hours that these instants lie in, to whole steps of UTC; the end is exclusive. */
export function hoursOf(step: Step, from: number, to: number): readonly [number, number] {
  const ms = HOURS[step] * HOUR_MS;
  const first = Math.floor(from / ms) * HOURS[step];
  return [first, Math.max(Math.ceil(to / ms) * HOURS[step], first + HOURS[step])];
}

/** One for each step, also where nothing was. */
export function periodsOf(
  step: Step,
  [first, end]: readonly [number, number],
  amounts: readonly Amount[],
): readonly Period[] {
  const steps = (end - first) / HOURS[step];
  const own = Array.from({ length: steps }, (): Amount[] => []);
  for (const one of amounts) own[Math.floor((one.hour - first) / HOURS[step])]?.push(one);
  return own.map((part, index) => periodOf((first + index * HOURS[step]) * HOUR_MS, part));
}

function periodOf(at: number, amounts: readonly Amount[]): Period {
  const by = (figure: Figure): Readonly<Record<string, number>> => {
    const sums = new Map<string, number>();
    for (const { figure: own, label, amount } of amounts) {
      if (own === figure) sums.set(label, (sums.get(label) ?? 0) + amount);
    }
    return Object.fromEntries([...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  const counted = (figure: Figure): Counted => ({ total: sum(by(figure)), by: by(figure) });
  const buckets = by("duration");
  const active = gauge(amounts);
  return {
    at,
    signIns: counted("sign-in"),
    agents: by("agent"),
    renewals: counted("renewal"),
    ends: counted("end"),
    durations: {
      count: sum(buckets),
      seconds: by("duration-seconds")[""] ?? 0,
      buckets: [
        ...DURATION_SECONDS.map((upTo) => ({ upTo, count: buckets[String(upTo)] ?? 0 })),
        { count: buckets[LONGER] ?? 0 },
      ],
    },
    incidents: by("incident"),
    ...(active === undefined ? {} : { active }),
  };
}

/** Of a day: its last sample, and the highest of all. */
function gauge(amounts: readonly Amount[]): Period["active"] {
  const of = (wanted: string): readonly number[] =>
    amounts
      .filter(({ figure, label }) => figure === "active" && label === wanted)
      .toSorted((a, b) => a.hour - b.hour)
      .map(({ amount }) => amount);
  const last = of("last").at(-1);
  if (last === undefined) return undefined;
  return { last, peak: Math.max(last, ...of("peak")), exact: !of("inexact").includes(1) };
}

function sum(by: Readonly<Record<string, number>>): number {
  return Object.values(by).reduce((total, one) => total + one, 0);
}
