/**
 * The sweep of many expired sessions while verifies go on in the same process, strict, at a steady
 * pace: how much longer the slow ones take meanwhile. `--only sweep --sessions N --minutes M`.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSessions } from "sojourn";
import type { Sessions, SessionStore, StoreDelta } from "sojourn";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { FULL } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atMost, round } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { recordMaker } from "../sqlite/world.ts";
import { storeByUrl } from "./by-url.ts";

const SESSIONS = { full: 1_000_000, quick: 20_000 } as const;
const LONG_AGO_MS = 400 * 86_400_000;
const PER_SUBJECT = 4;
const VERIFIED = 1000;
/** Verifies a second. */
const PACE = 200;
/** Long enough for every session verified to have been touched, which is done once a minute. */
const QUIET_MS = 62_000;
/** A sweep that takes longer is measured for so long, and then left: `--minutes`. */
const MINUTES_MAX = 10;
/** Deltas of one call, and calls at once, when the store is filled. */
const FILL = { each: 1280, atOnce: 4 } as const;
const P99_RATIO_MAX = 2;

interface Engine {
  readonly url: string;
  stop(): Promise<void> | void;
}

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  PostgreSQL: () =>
    startPostgres({
      args: ["-c", "fsync=on", "-c", "full_page_writes=on", "-c", "shared_buffers=256MB"],
    }),
  Redis: () => startRedis(),
  SQLite: async () => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-"));
    const stop = (): void => rmSync(folder, { recursive: true, force: true });
    return { url: join(folder, "sessions.db"), stop };
  },
};

export async function sweep(effort: Effort): Promise<Section> {
  const quick = effort.samples < FULL.samples;
  const count = effort.sessions ?? (quick ? SESSIONS.quick : SESSIONS.full);
  const measuredMaxMs = (effort.minutes ?? MINUTES_MAX) * 60_000;
  const goals: Goal[] = [];
  const notes: string[] = [];
  for (const [name, start] of Object.entries(ENGINES)) {
    const engine = await start();
    const store = storeByUrl(engine.url);
    const sessions = createSessions({ secrets: [randomBytes(32)], store, sweep: false });
    try {
      const tokens = await opened(sessions);
      await fill(store, count);
      const before = await paced(sessions, tokens, sleep(QUIET_MS));
      const began = performance.now();
      const swept = { ended: 0 };
      const sweeping = sweepAll(sessions, swept);
      const during = await paced(sessions, tokens, atMostFor(measuredMaxMs, sweeping));
      const seconds = (performance.now() - began) / 1000;
      const { ended } = swept;
      if (seconds * 1000 < measuredMaxMs && ended !== count) {
        throw new Error(`${ended} of ${count} were ended`);
      }
      goals.push(
        atMost(
          `${name}: p99 of verifies, sweeping ÷ quiet`,
          p99(during) / p99(before),
          P99_RATIO_MAX,
          "×",
        ),
      );
      const note =
        `${name}: ${ended.toLocaleString("en")} of ${count.toLocaleString("en")} ended in ` +
        `${round(seconds)} s; verify p99 ` +
        `${round(p99(before))} ms quiet (${before.length}), ${round(p99(during))} ms (${during.length})`;
      console.error(note);
      notes.push(note);
    } finally {
      await sessions.close();
      await store.close();
      await engine.stop();
    }
  }
  return {
    title: `Sweep of expired sessions, ${PACE} verifies/s beside it`,
    figures: [],
    goals,
    notes,
  };
}

async function opened(sessions: Sessions): Promise<string[]> {
  const tokens: string[] = [];
  for (let index = 0; index < VERIFIED; index += 1) {
    tokens.push((await sessions.open({ subject: `verified-${index}`, amr: ["pwd"] })).token);
  }
  return tokens;
}

/** Sessions that ended long ago and were never looked at since. */
async function fill(store: SessionStore, count: number): Promise<void> {
  const maker = await recordMaker();
  const createdAt = Date.now() - LONG_AGO_MS;
  let made = 0;
  const worker = async (): Promise<void> => {
    while (made < count) {
      const first = made;
      made += FILL.each;
      const deltas = Array.from({ length: Math.min(FILL.each, count - first) }, (_, index) => {
        const subject = `gone-${Math.floor((first + index) / PER_SUBJECT)}`;
        const record = maker.make(subject, createdAt + first + index);
        const session = { record, data: maker.data, dataVersion: 1, subjectEpoch: 0 };
        return { kind: "session", session } satisfies StoreDelta;
      });
      await store.apply(deltas, "bench");
    }
  };
  await Promise.all(Array.from({ length: FILL.atOnce }, worker));
}

async function sweepAll(sessions: Sessions, swept: { ended: number }): Promise<void> {
  sessions.events.on("session-ended", () => void (swept.ended += 1));
  while ((await sessions.sweep()) > 0);
}

async function atMostFor(ms: number, work: Promise<void>): Promise<void> {
  const stop = new AbortController();
  await Promise.race([work, sleep(ms, undefined, { signal: stop.signal, ref: false })]);
  stop.abort();
}

/** Milliseconds from the instant at which each verify was due to its answer. */
async function paced(
  sessions: Sessions,
  tokens: readonly string[],
  until: Promise<unknown>,
): Promise<number[]> {
  const took: number[] = [];
  const under = new Set<Promise<void>>();
  let over = false;
  const ended = until.finally(() => void (over = true));
  const began = performance.now();
  for (let turn = 0; !over; turn += 1) {
    const dueAt = began + (turn * 1000) / PACE;
    const wait = dueAt - performance.now();
    if (wait > 0) await sleep(wait);
    const verify = async (): Promise<void> => {
      const { state } = await sessions.authenticate(tokens[turn % tokens.length] ?? "");
      if (state !== "active") throw new Error(`a verify was answered ${state}`);
      took.push(performance.now() - dueAt);
    };
    const one = verify().finally(() => void under.delete(one));
    under.add(one);
  }
  await Promise.all([ended, ...under]);
  return took;
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
