/** Revoke-all of 1, 100, 1000 and 5000 sessions: to the first refusal, and to a clean index. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { FULL, median } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atMost, round } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { recordMaker, TENANT, withSuccessor } from "../sqlite/world.ts";
import type { RecordMaker } from "../sqlite/world.ts";
import { storeByUrl } from "./by-url.ts";

const SIZES = [1, 100, 1_000, 5_000] as const;
const ASKED = { sessions: 1_000, ms: 30 } as const;
const TOGETHER = 100;

interface Times {
  readonly refusedMs: number;
  readonly cleanMs: number;
}

export async function crowds(effort: Effort): Promise<Section> {
  const rounds = effort.samples < FULL.samples ? 3 : 9;
  const maker = await recordMaker();
  const goals: Goal[] = [];
  const notes: string[] = [];
  const measure = async (name: string, url: string): Promise<void> => {
    const store = storeByUrl(url);
    const texts: string[] = [];
    for (const size of SIZES) {
      const { refusedMs, cleanMs } = await timesOf(store, maker, { size, rounds });
      texts.push(`${size}: ${round(refusedMs)} / ${round(cleanMs)} ms`);
      if (size !== ASKED.sessions) continue;
      goals.push(atMost(`${name}: ${size} sessions, clean index`, cleanMs, ASKED.ms, "ms"));
    }
    notes.push(`${name}, first refusal / clean index by sessions: ${texts.join("; ")}`);
    await store.close();
  };
  const folder = mkdtempSync(join(tmpdir(), "sojourn-crowds-"));
  await measure("SQLite", join(folder, "sessions.db"));
  rmSync(folder, { recursive: true, force: true });
  for (const [name, start] of [
    ["Redis", startRedis],
    ["PostgreSQL", startPostgres],
  ] as const) {
    const engine = await start();
    try {
      await measure(name, engine.url);
    } finally {
      await engine.stop();
    }
  }
  return { title: "Revoke-all: medians", figures: [], goals, notes };
}

/** Medians. One of the sessions is asked for, time after time, until it is refused. */
async function timesOf(
  store: SessionStore,
  maker: RecordMaker,
  { size, rounds }: { readonly size: number; readonly rounds: number },
): Promise<Times> {
  const sessions = createSessions({ store, secrets: [randomBytes(32)], sweep: false });
  const times: Times[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    const subject = `crowd-${size}-${turn}`;
    const { token } = await sessions.open({ subject });
    await sessions.authenticate(token);
    let refusedMs = Number.NaN;
    const cleanMs = await crowdEndMs(store, maker, { subject, size: size - 1 }, async () => {
      const start = performance.now();
      while ((await sessions.authenticate(token, { activity: false })).state === "active") {
        // SQLite answers without leaving the turn, and writes in the next.
        await new Promise((resolve) => setImmediate(resolve));
      }
      refusedMs = performance.now() - start;
    });
    times.push({ refusedMs, cleanMs });
  }
  await sessions.close();
  return {
    refusedMs: median(times.map((one) => one.refusedMs)),
    cleanMs: median(times.map((one) => one.cleanMs)),
  };
}

/**
 * Opens `size` sessions and revokes all of the subject's. @returns until its index is clean.
 *
 * @param meanwhile Runs beside the revocation.
 */
export async function crowdEndMs(
  store: SessionStore,
  maker: RecordMaker,
  { subject, size }: { readonly subject: string; readonly size: number },
  meanwhile?: () => Promise<void>,
): Promise<number> {
  const now = Date.now();
  for (let made = 0; made < size; made += TOGETHER) {
    const few = Array.from({ length: Math.min(TOGETHER, size - made) }, () =>
      withSuccessor(maker.make(subject, now)),
    );
    await Promise.all(few.map((record) => store.create(record, { now, data: maker.data })));
  }
  const end = { reason: "subject_revoked", at: now } as const;
  const start = performance.now();
  const revoking = store.revokeSubject(TENANT, subject, { now, end }).then(({ ended }) => {
    if (ended.length < size) throw new Error(`${ended.length} of ${size} were ended`);
    return performance.now() - start;
  });
  const [ms] = await Promise.all([revoking, meanwhile?.()]);
  return ms;
}
