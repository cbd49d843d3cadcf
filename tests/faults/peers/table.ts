/** The comparison as numbers, and as Markdown for `docs/operations/faults.md`. */
import type { HistoryInvariant, Violation } from "sojourn/testing";
import type { RunResult } from "../driver.ts";
import { peers } from "./peers.ts";
import type { SubjectUnderTest } from "../subject.ts";
import type { Tally } from "./races.ts";

/** Sessions of which it was seen, and those of which the final audit still saw it. */
export interface Broken {
  readonly sessions: number;
  readonly atTheEnd: number;
}

export interface FaultCell {
  readonly sessions: number;
  readonly calls: number;
  /** Answered with an error, or never: honest, and not free. */
  readonly trouble: number;
  readonly slowestMs: number;
  readonly broken: Readonly<Record<string, Broken>>;
}

/** `undefined`: it has no such call. A text: why there are no numbers. */
export type Cell<Numbers> = Numbers | string | undefined;

export interface Comparison {
  readonly seed: number;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly races: readonly {
    readonly race: string;
    readonly counts: string;
    readonly cells: Readonly<Record<string, Cell<Tally>>>;
  }[];
  readonly faults: readonly {
    readonly fault: string;
    readonly title: string;
    readonly cells: Readonly<Record<string, Cell<FaultCell>>>;
  }[];
}

interface Promised {
  readonly name: string;
  readonly invariants: readonly HistoryInvariant[];
  readonly shows: Violation["shows"];
  readonly needs?: keyof SubjectUnderTest;
}

const PROMISES: readonly Promised[] = [
  {
    name: "logged out, accepted again",
    invariants: ["I1", "I2", "I3"],
    shows: "accepted",
  },
  {
    name: "ended with all of its subject, accepted",
    invariants: ["I5"],
    shows: "accepted",
    needs: "revokeSubject",
  },
  { name: "acknowledged data lost", invariants: ["I4"], shows: "read" },
  { name: "alive, told to be signed out", invariants: ["I7"], shows: "refused" },
  {
    name: "missing in a list, or wrongly in it",
    invariants: ["I5"],
    shows: "listed",
    needs: "list",
  },
  { name: "taken for another's", invariants: ["identity"], shows: "accepted" },
];

export function cellOf({ figures, violations, excused, slowestMs }: RunResult): FaultCell {
  const found = [...violations, ...excused];
  const broken = PROMISES.map(({ name, invariants, shows }) => {
    const those = found.filter((one) => one.shows === shows && invariants.includes(one.invariant));
    const count = (some: readonly Violation[]): number =>
      new Set(some.map(({ session }) => session)).size;
    const atTheEnd = count(those.filter(({ remains }) => remains));
    return [name, { sessions: count(those), atTheEnd }] as const;
  });
  return {
    sessions: figures.byKind["open"] ?? 0,
    calls: figures.operations,
    trouble: figures.unknown,
    slowestMs: Math.round(slowestMs),
    broken: Object.fromEntries(broken),
  };
}

const NO_SUCH_THING = "no such call";
const NEVER_SEEN = "0";

/** Two tables: without a fault, and with one. */
export function markdown({ seed, seconds, versions, races, faults }: Comparison): string {
  const names = Object.keys(versions);
  const heads = names.map((name) => `${peers[name]?.title ?? name} (${versions[name]})`);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = (first: string): string[] => {
    const cells = [first, ...heads];
    return [line(cells), `|${cells.map(() => "---").join("|")}|`];
  };
  const text = (cell: Cell<string>): string => cell ?? NO_SUCH_THING;
  const raceRows = races.map(({ race, counts, cells }) =>
    line([
      `${race}: ${counts}`,
      ...names.map((name) => text(told(cells[name], ({ wrong, of }) => `${wrong} of ${of}`))),
    ]),
  );
  const faultRows = faults.flatMap(({ title, cells }) => [
    line([
      `**${title}**: sessions; calls, answered with an error; longest call`,
      ...names.map((name) => text(told(cells[name], exposure))),
    ]),
    ...PROMISES.filter(({ name: promise }) =>
      names.some((name) => broke(cells[name], promise)),
    ).map((promise) =>
      line([promise.name, ...names.map((name) => brokenText(name, promise, cells[name]))]),
    ),
  ]);
  return [
    `Seed ${seed}, ${seconds} s each.`,
    "",
    ...head("requests that meet"),
    ...raceRows,
    "",
    ...head("what was done: sessions concerned"),
    ...faultRows,
  ].join("\n");
}

function exposure({ sessions, calls, trouble, slowestMs }: FaultCell): string {
  return `${sessions}; ${calls}, ${trouble}; ${(slowestMs / 1_000).toFixed(1)} s`;
}

function told<Numbers extends object>(
  cell: Cell<Numbers>,
  write: (numbers: Numbers) => string,
): Cell<string> {
  return typeof cell === "object" ? write(cell) : cell;
}

function broke(cell: Cell<FaultCell>, promise: string): boolean {
  return typeof cell === "object" && (cell.broken[promise]?.sessions ?? 0) > 0;
}

function brokenText(name: string, { name: promise, needs }: Promised, cell: Cell<FaultCell>) {
  if (needs !== undefined && peers[name]?.lacks.includes(needs) === true) return NO_SUCH_THING;
  if (typeof cell !== "object") return "-";
  const { sessions = 0, atTheEnd = 0 } = cell.broken[promise] ?? {};
  return sessions === 0 ? NEVER_SEEN : `${sessions}, ${atTheEnd} to the end`;
}
