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
import { digest, entropy } from "../../packages/sojourn/dist/platform/node.js";
import { createKeyRing } from "../../packages/sojourn/dist/tokens/key-ring.js";
import { sessionTokens } from "../../packages/sojourn/dist/tokens/session-token.js";
import { successors } from "../../packages/sojourn/dist/tokens/successor.js";
import { parseToken } from "../../packages/sojourn/dist/tokens/token-format.js";
import { startPostgres } from "../../tools/engines.mjs";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Section } from "../report.ts";

/** Clients that refresh at the same time. */
const AT_ONCE = 32;
/** Past the grace of every preset, so that each use rotates. */
const APART_MS = 31_000;
const BARE = { name: "bare", text: "SELECT $1::text AS one, now() AS two", values: ["x"] };
const WARM_ROUNDS = 100;
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
  const seal = await sealing();
  // A sample holds few uses: the code is to be warm before.
  for (let round = 0; round < WARM_ROUNDS; round += 1) {
    for (const stage of [memory, sqlite, postgres]) await stage.run();
  }
  const figures = await compare(
    [
      { name: "seal a successor", run: seal },
      { name: "use, memory", operations: AT_ONCE, run: memory.run },
      { name: "use, SQLite", operations: AT_ONCE, run: sqlite.run },
      { name: "use, PostgreSQL (this process's CPU)", operations: AT_ONCE, run: postgres.run },
      {
        name: "bare driver: as many statements as a use on PostgreSQL",
        operations: AT_ONCE,
        run: () => Promise.all(Array.from({ length: AT_ONCE * 3 }, () => pool.query(BARE))),
      },
    ],
    effort,
  );
  for (const stage of [memory, sqlite, postgres]) await stage.close();
  await pool.end();
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
  const [sealed, , inFile, inPostgres] = figures;
  const perUse = ({ writes }: Stage): number =>
    (writes.replaces + writes.others) / Math.max(1, writes.uses);
  return {
    title: `Refresh tokens, ${AT_ONCE} clients at once, each use rotates`,
    figures,
    goals: [
      atMost("sealed successor, CPU", sealed?.cpuUs ?? Number.NaN, 25, "µs"),
      atLeast("SQLite, per core", 1e6 / (inFile?.cpuUs ?? Number.NaN), 1_500, "/s"),
      atLeast("PostgreSQL, per core", 1e6 / (inPostgres?.cpuUs ?? Number.NaN), 1_500, "/s"),
      atMost("writes of a use, SQLite", perUse(sqlite), 2, "writes"),
      atMost("writes of a use, PostgreSQL", perUse(postgres), 2, "writes"),
    ],
    notes: ["every use confirms its token and issues the next in one compare-and-set"],
  };
}

/** What the grace answers all of them with: the next token, sealed under the present one. */
async function sealing(): Promise<() => unknown> {
  const ring = await createKeyRing({ secrets: [randomBytes(32)], digest });
  const tools = { ring, entropy };
  const place = { tenant: "default", id: "A".repeat(24) };
  const mint = async (generation: number): Promise<string> => {
    const of = { ...place, subject: "alice", generation, type: "refresh" as const };
    return (await sessionTokens(tools).mint(of)).text;
  };
  const confirmed = parseToken(await mint(1), "refresh");
  const next = await mint(2);
  if (confirmed === undefined) throw new Error("a minted token does not parse");
  const { seal } = successors(tools);
  return () => seal(confirmed, next, { ...place, generation: 2 });
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
