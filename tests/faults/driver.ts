/**
 * One run: workers under load, a fault in the middle, then rest, audit and the checker's verdict.
 */
import { createReadStream, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkHistory, readHistory, SeededRandom } from "sojourn/testing";
import type { HistoryEvent, HistoryVerdict } from "sojourn/testing";
import { Fleet, historyFile } from "./fleet.ts";
import { machineNow } from "./recorder.ts";
import type { Strike, World } from "./strike.ts";

export interface RunOptions {
  readonly seed: number;
  /** Load before the fault, and after it has healed. */
  readonly calmMs: number;
  readonly holdMs: number;
  readonly workers?: number;
  readonly loops?: number;
  readonly pauseMs?: number;
  readonly population?: number;
  /** Address of a module with `makeSubject`. Default: Sojourn. */
  readonly subject?: string;
  readonly progress?: (what: string) => void;
}

/** How calls went between the strike and the heal. */
export type During = Readonly<Record<string, { readonly done: number; readonly trouble: number }>>;

export interface RunResult extends HistoryVerdict {
  readonly engine: string;
  readonly fault: string;
  readonly seed: number;
  readonly faultMs: number;
  /** From the end of the fault to the first answer that every process got. */
  readonly recoveryMs: number;
  readonly during: During;
  /** The longest call, answered or not. */
  readonly slowestMs: number;
  /** Calls of the final audit that got no answer. */
  readonly unanswered: number;
}

const SUBJECTS = 12;
const HEALTHY_WITHIN_MS = 60_000;
/** A process looks once a second whether its store has changed, and writes again what it knows. */
const SETTLE_MS = { usual: 300, forgetful: 12_000 };
const SOJOURN = new URL("sojourn-subject.ts", import.meta.url).href;

export async function run(world: World, strike: Strike, options: RunOptions): Promise<RunResult> {
  const { seed, workers = 3, progress = () => undefined } = options;
  const folder = mkdtempSync(join(tmpdir(), "sojourn-history-"));
  const random = new SeededRandom(seed);
  const fleet = new Fleet((process) => ({
    process,
    seed: random.uint32(),
    subject: options.subject ?? SOJOURN,
    store: world.store,
    history: historyFile(folder, process),
    loops: options.loops ?? 4,
    pauseMs: options.pauseMs ?? 6,
    population: options.population ?? 150,
    subjects: SUBJECTS,
  }));
  try {
    progress("starting");
    // The first alone: it makes the tables, as a deployment's first process does.
    await fleet.add("w1");
    const others = Array.from({ length: workers - 1 }, (_, index) => fleet.add(`w${index + 2}`));
    await Promise.all(others);
    const story = await unfold({ world, strike, fleet, random, options, progress });
    progress("checking");
    const { fault, ...facts } = story;
    const events = [fault, ...fleet.died, ...(await collected(fleet.histories))];
    const verdict = checkHistory(events, { stalenessMs: world.store.stalenessMs });
    const { engine } = world;
    const during = duringFault(events, fault);
    const slowestMs = slowest(events);
    return { ...verdict, engine, fault: strike.name, seed, during, slowestMs, ...facts };
  } finally {
    await fleet.end();
    if (process.env["SOJOURN_KEEP_HISTORY"] === undefined) rmSync(folder, { recursive: true });
    else progress(`history kept in ${folder}`);
  }
}

interface Scene {
  readonly world: World;
  readonly strike: Strike;
  readonly fleet: Fleet;
  readonly random: SeededRandom;
  readonly options: RunOptions;
  readonly progress: (what: string) => void;
}

type Fault = Extract<HistoryEvent, { kind: "fault" }> & { readonly healedAt: number };

async function unfold({ world, strike, fleet, random, options, progress }: Scene): Promise<{
  fault: Fault;
  faultMs: number;
  recoveryMs: number;
  unanswered: number;
}> {
  const { calmMs, holdMs } = options;
  const alive = (): void => {
    if (fleet.trouble !== undefined) throw new Error(fleet.trouble);
  };
  progress("load");
  await sleep(calmMs);
  alive();
  if (fleet.sessions.length === 0) throw new Error("no session could be opened");
  progress(strike.name);
  const at = machineNow();
  await strike.strike({ world, fleet, random, holdMs, pause: (ms) => sleep(ms) });
  const over = machineNow();
  progress("healing");
  if (!(await fleet.healthy(HEALTHY_WITHIN_MS))) throw new Error("the workers found no way back");
  const recovered = machineNow();
  const forgets = strike.forgets ?? strike.forgetsOn?.includes(world.engine) ?? false;
  const { stalenessMs } = world.store;
  await sleep((forgets ? SETTLE_MS.forgetful : SETTLE_MS.usual) + stalenessMs);
  const healedAt = machineNow();
  progress("load");
  await sleep(calmMs);
  alive();
  progress("audit");
  await fleet.rest();
  await sleep(stalenessMs);
  const subjects = Array.from({ length: SUBJECTS }, (_, index) => `user-${index + 1}`);
  const unanswered = await fleet.audit(stalenessMs > 0, subjects);
  alive();
  return {
    fault: { kind: "fault", name: strike.name, at, healedAt, forgets },
    faultMs: over - at,
    recoveryMs: recovered - over,
    unanswered,
  };
}

async function collected(files: readonly string[]): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (const file of files.filter(existsSync)) {
    for await (const event of readHistory(createReadStream(file))) events.push(event);
  }
  return events;
}

function duringFault(events: readonly HistoryEvent[], { at, healedAt }: Fault): During {
  const during: Record<string, { done: number; trouble: number }> = {};
  for (const event of events) {
    if (event.kind === "fault" || event.kind === "died" || event.outcome === "pending") continue;
    if (event.invokedAt < at || event.invokedAt > healedAt) continue;
    const row = (during[event.kind] ??= { done: 0, trouble: 0 });
    if (event.outcome === "unknown") row.trouble += 1;
    else row.done += 1;
  }
  return during;
}

function slowest(events: readonly HistoryEvent[]): number {
  let most = 0;
  for (const event of events) {
    if (event.kind === "fault" || event.kind === "died") continue;
    most = Math.max(most, (event.returnedAt ?? event.invokedAt) - event.invokedAt);
  }
  return most;
}
