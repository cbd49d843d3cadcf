/** Several processes that keep sessions near: ended in one, refused in the others. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { startPostgres, startRedis, startTcpProxy } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import type { Told } from "./near-cache-child.ts";

const CHILD = fileURLToPath(new URL("./near-cache-child.ts", import.meta.url));
const STALENESS_MS = 2_000;
/** What a look that had begun may take to be answered, on a machine with much else to do. */
const SLACK_MS = 250;
const PATIENCE_MS = 60_000;
const secret = randomBytes(32).toString("base64url");

class Process {
  readonly child: ChildProcess;
  readonly #told: Told[] = [];

  constructor(engine: string, place: string) {
    const args = [engine, place, secret, String(STALENESS_MS)];
    this.child = fork(CHILD, args, { execArgv: [], stdio: "inherit" });
    this.child.on("message", (told: Told) => void this.#told.push(told));
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  watch(token: string): void {
    this.child.send(token);
  }

  async told<What extends Told["what"]>(what: What): Promise<Extract<Told, { what: What }>> {
    const find = () => this.#told.find((one) => one.what === what);
    await expect.poll(find, { timeout: PATIENCE_MS / 2 }).toBeDefined();
    return find() as Extract<Told, { what: What }>;
  }
}

interface Engine {
  readonly name: string;
  readonly start: () => Promise<{ readonly place: string; readonly store: SessionStore }>;
}

function redisStore(url: string): SessionStore {
  const client = createClient({ url, disableOfflineQueue: true });
  client.on("error", () => undefined);
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

const ENGINES: readonly Engine[] = [
  {
    name: "SQLite",
    start: () => {
      const folder = mkdtempSync(join(tmpdir(), "sojourn-near-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const place = join(folder, "sessions.db");
      return Promise.resolve({ place, store: new SqliteStore({ path: place }) });
    },
  },
  {
    name: "PostgreSQL",
    start: async () => {
      const engine = await startPostgres();
      const pool = poolTo(engine.url);
      onTestFinished(async () => {
        await pool.end();
        await engine.stop();
      });
      return { place: engine.url, store: new PostgresStore({ pool }) };
    },
  },
  {
    name: "Redis",
    start: async () => {
      const engine = await startRedis();
      onTestFinished(() => engine.stop());
      return { place: engine.url, store: redisStore(engine.url) };
    },
  },
];

async function signedIn(store: SessionStore, more: { readonly stalenessMs?: number } = {}) {
  const usual = { store, sweep: false, production: false } as const;
  const sessions = createSessions({ secrets: [secret], ...usual, ...more });
  const { token } = await sessions.open({ subject: "ada" });
  return { sessions, token };
}

describe.each(ENGINES)("on $name", ({ name, start }) => {
  it(
    "[TE-09] a session that one process ends is refused in the others within S (I3)",
    async () => {
      const { place, store } = await start();
      const { sessions, token } = await signedIn(store, { stalenessMs: STALENESS_MS });
      const processes = [1, 2, 3].map(() => new Process(name, place));
      for (const one of processes) one.watch(token);
      await Promise.all(processes.map((one) => one.told("warm")));
      expect((await sessions.authenticate(token)).state).toBe("active");
      await sessions.subject("ada").revokeAll();
      const acknowledgedAt = Date.now();
      const atHome = await sessions.authenticate(token);
      expect(atHome.state, "at once where it was ended").toBe("ended");
      const told = await Promise.all(processes.map((one) => one.told("refused")));
      expect(told.map(({ state }) => state)).toEqual(["ended", "ended", "ended"]);
      const lags = told.map(({ lastActiveAt }) => lastActiveAt - acknowledgedAt);
      expect(Math.max(...lags)).toBeLessThanOrEqual(STALENESS_MS + SLACK_MS);
      console.log(
        `note: ${name}: last served ${lags.join(", ")} ms after the end was acknowledged`,
      );
      await sessions.close();
      await store.close();
    },
    PATIENCE_MS,
  );
});

describe("a process that is cut off from Redis", () => {
  it(
    "[TE-09] serves what it keeps until S and then nothing; and it calls nothing ended (I3, I7)",
    async () => {
      const engine = await startRedis();
      const proxy = await startTcpProxy(engine);
      onTestFinished(async () => {
        proxy.stop();
        await engine.stop();
      });
      const store = redisStore(engine.url);
      const { sessions, token } = await signedIn(store);
      const away = new Process("Redis", `redis://127.0.0.1:${proxy.port}`);
      away.watch(token);
      await away.told("warm");
      proxy.cut();
      await sessions.subject("ada").revokeAll();
      const acknowledgedAt = Date.now();
      const { state, lastActiveAt } = await away.told("refused");
      expect(lastActiveAt - acknowledgedAt).toBeLessThanOrEqual(STALENESS_MS + SLACK_MS);
      expect(state).toBe("unavailable");
      await sessions.close();
      await store.close();
    },
    PATIENCE_MS,
  );
});
