/** One refresh token in four processes at once, on each shared store. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import { redisWorld } from "../support/redis-world.ts";
import { secretOf } from "../support/world.ts";

const PROCESSES = 4;
const TIMES = 25;
const SECRET = secretOf(7);

interface Told {
  readonly successors: readonly string[];
  readonly alarms: number;
}

interface Refresher {
  use(token: string): Promise<Told>;
  stop(): Promise<void>;
}

async function startRefresher(url: string): Promise<Refresher> {
  const script = fileURLToPath(new URL("../support/refresher.mjs", import.meta.url));
  const stdio = ["pipe", "pipe", "inherit"] as const;
  const child = spawn(process.execPath, [script, url, SECRET], { stdio: [...stdio] });
  const exited = once(child, "exit");
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("a process without pipes");
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => String((await lines.next()).value);
  expect(await answer()).toBe("ready");
  return {
    async use(token) {
      stdin.write(`${JSON.stringify({ token, times: TIMES })}\n`);
      return JSON.parse(await answer()) as Told;
    },
    async stop() {
      stdin.end();
      await exited;
    },
  };
}

interface Ground {
  readonly url: string;
  readonly store: SessionStore;
  end(): Promise<void>;
}

const GROUNDS: Readonly<Record<string, () => Promise<Ground>>> = {
  async SQLite() {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-refresh-"));
    const url = join(folder, "s.db");
    const store = new SqliteStore({ path: url });
    await store.health();
    const end = async (): Promise<void> => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    };
    return { url, store, end };
  },
  async PostgreSQL() {
    const engine = await startPostgres({});
    const pool = poolTo(engine.url, 4);
    const store = new PostgresStore({ pool });
    await store.health();
    const end = async (): Promise<void> => {
      await store.close();
      await pool.end();
      await engine.stop();
    };
    return { url: engine.url, store, end };
  },
  async Redis() {
    const world = await redisWorld();
    const store = world.store();
    await store.check();
    return { url: world.url, store, end: () => world.end() };
  },
};

describe.each(Object.keys(GROUNDS))("four processes on %s", (name) => {
  let end: (() => Promise<unknown>) | undefined;
  afterAll(() => end?.());

  it("[RT-02, RT-03] give 100 parallel uses of one token the same successor, twice over", async () => {
    const ground = await GROUNDS[name]?.();
    if (ground === undefined) throw new Error(name);
    const sessions = createSessions({ store: ground.store, secrets: [SECRET], sweep: false });
    const all = Array.from({ length: PROCESSES }, () => startRefresher(ground.url));
    const processes = await Promise.all(all);
    end = async () => {
      await Promise.all(processes.map((one) => one.stop()));
      await sessions.close();
      await ground.end();
    };
    const { session } = await sessions.open({ subject: "alice" });
    const grant = { client: "app", audience: "https://api.example", fingerprint: "phone" };
    const { token, family } = await sessions.refreshTokens.issue(session, grant);
    let current = token;
    for (const _round of [1, 2]) {
      const told = await Promise.all(processes.map((one) => one.use(current)));
      const successors = told.flatMap((one) => one.successors);
      expect(successors).toHaveLength(PROCESSES * TIMES);
      expect(new Set(successors).size).toBe(1);
      expect(told.map(({ alarms }) => alarms)).toEqual([0, 0, 0, 0]);
      current = successors[0] ?? "";
    }
    const { summary } = (await sessions.describe(family)) ?? {};
    // One write each round: nobody else's compare-and-set went through.
    expect(summary?.version).toBe(3);
  }, 60_000);
});
