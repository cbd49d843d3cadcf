/** Refresh tokens: a use that rotates, on each kind of store, and what it writes. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createSessions, MemoryStore } from "sojourn";
import type { SessionStore, Sessions } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { SqliteStore } from "sojourn/stores/sqlite";
import { startPostgres } from "../../tools/engines.mjs";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Section } from "../report.ts";

/** Clients that refresh at the same time. */
const AT_ONCE = 32;
/** Past the grace of every preset, so that each use rotates. */
const APART_MS = 31_000;
const AUDIENCE = "https://api.example";

interface Stage {
  run(): Promise<void>;
  readonly writes: { replaces: number; others: number; uses: number };
  close(): Promise<void>;
}

export async function refresh(effort: Effort): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-"));
  const engine = await startPostgres({});
  const pool = new pg.Pool({ connectionString: engine.url, max: 8 });
  pool.on("error", () => undefined);
  const memory = stageOn(new MemoryStore());
  const sqlite = stageOn(new SqliteStore({ path: join(folder, "s.db") }));
  const postgres = stageOn(new PostgresStore({ pool }));
  const figures = await compare(
    [
      { name: "use, memory", operations: AT_ONCE, run: memory.run },
      { name: "use, SQLite", operations: AT_ONCE, run: sqlite.run },
      { name: "use, PostgreSQL (this process's CPU)", operations: AT_ONCE, run: postgres.run },
    ],
    effort,
  );
  for (const stage of [memory, sqlite, postgres]) await stage.close();
  await pool.end();
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
  const [, inFile, inPostgres] = figures;
  const perUse = ({ writes }: Stage): number =>
    (writes.replaces + writes.others) / Math.max(1, writes.uses);
  return {
    title: `Refresh tokens, ${AT_ONCE} clients at once, each use rotates`,
    figures,
    goals: [
      atLeast("SQLite, per core", 1e6 / (inFile?.cpuUs ?? Number.NaN), 1_500, "/s"),
      atLeast("PostgreSQL, per core", 1e6 / (inPostgres?.cpuUs ?? Number.NaN), 1_500, "/s"),
      atMost("writes of a use, SQLite", perUse(sqlite), 2, "writes"),
      atMost("writes of a use, PostgreSQL", perUse(postgres), 2, "writes"),
    ],
    notes: ["every use confirms its token and issues the next in one compare-and-set"],
  };
}

function stageOn(store: SessionStore): Stage {
  let now = Date.now();
  // Time by hand, real timers: what goes out late is not to time out meanwhile.
  const clock = { now: () => now, learn: () => undefined };
  const writes = { replaces: 0, others: 0, uses: 0 };
  const replace = store.replace.bind(store);
  store.replace = (record, version) => {
    writes.replaces += 1;
    return replace(record, version);
  };
  const touch = store.touch.bind(store);
  store.touch = (batch) => {
    writes.others += batch.length;
    return touch(batch);
  };
  const secrets = [randomBytes(32).toString("base64url")];
  const sessions = createSessions({ store, secrets, clock, sweep: false });
  let tokens: (string | undefined)[] = Array.from({ length: AT_ONCE });
  return {
    writes,
    async run() {
      tokens = await Promise.all(tokens.map((token) => nextOf(sessions, token)));
      writes.uses += AT_ONCE;
      now += APART_MS;
    },
    async close() {
      await sessions.close();
      await store.close();
    },
  };
}

async function nextOf(sessions: Sessions, token: string | undefined): Promise<string> {
  if (token !== undefined) {
    const used = await sessions.refreshTokens.use(token, { client: "app", fingerprint: "phone" });
    if (used.state === "active" && used.successor !== undefined) return used.successor;
  }
  const { session } = await sessions.open({ subject: `user-${randomBytes(6).toString("hex")}` });
  const grant = { client: "app", audience: AUDIENCE, scope: "cart:read", fingerprint: "phone" };
  return (await sessions.refreshTokens.issue(session, grant)).token;
}
