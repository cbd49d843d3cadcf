/**
 * Pages of a search among many sessions, the first and one far behind, by each facet and by pairs;
 * and what it costs to keep the index.
 *
 *   node bench/search.ts [sqlite|postgres] [sessions]
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { createSessions } from "sojourn";
import type { Sessions, SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { SqliteStore } from "sojourn/stores/sqlite";
import { generateSecret } from "sojourn/tokens";
import type { ControlSql } from "../packages/sojourn-server/src/control/control-sql.ts";
import { PostgresControl } from "../packages/sojourn-server/src/control/postgres-control.ts";
import { SqliteControl } from "../packages/sojourn-server/src/control/sqlite-control.ts";
import { Operations } from "../packages/sojourn-server/src/operations/operations.ts";
import type { SearchFilter } from "../packages/sojourn-server/src/search/facets.ts";
import { IndexTable } from "../packages/sojourn-server/src/search/index-table.ts";
import { Search } from "../packages/sojourn-server/src/search/search.ts";
import { Terms } from "../packages/sojourn-server/src/search/terms.ts";
import { startPostgres } from "../tools/engines.mjs";
import { ASKED, fillIndex, generate, fillSessions, STEP_MS, TENANT } from "./search-fill.ts";
import type { Dialect } from "./search-fill.ts";

const RUNS = 40;
const PAGE = 50;
const OPENED = 2_000;
const ENDED = 1_000;
const PROBE_MS = 5;

interface Ground {
  readonly name: string;
  readonly store: SessionStore;
  readonly sql: ControlSql;
  readonly dialect: Dialect;
  sizes(): Promise<string>;
  end(): Promise<void>;
}

const FILTERS: readonly (readonly [string, SearchFilter])[] = [
  ["all live", {}],
  ["any state", { state: "any" }],
  ["ended", { state: "ended" }],
  ["client (1 in 20)", { client: "app-7" }],
  ["agent (1 in 6)", { agent: "Firefox" }],
  ["acr (1 in 3)", { acr: "aal2" }],
  ["role admin (1 in 1000)", { role: "admin" }],
  ["role buyer (nearly all)", { role: "buyer" }],
  ["address (1 in 500)", { address: "10.4.3.0/24" }],
  ["subject (2 sessions)", { subject: `user-${ASKED}` }],
  ["device (2 sessions)", { device: `device-${ASKED}` }],
  ["reason (1 in 40)", { reason: "revoked" }],
  ["client + agent", { client: "app-6", agent: "Firefox" }],
  ["agent + acr", { agent: "Chrome", acr: "aal1" }],
  ["acr + role", { acr: "aal2", role: "staff" }],
  ["address + agent", { address: "10.4.3.0/24", agent: "Safari" }],
  ["client + acr + role", { client: "app-0", acr: "aal2", role: "staff" }],
  ["agent + client, none has both", { agent: "Firefox", client: "app-7" }],
];

function at(list: readonly number[], part: number): number {
  return list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) * part)] ?? 0;
}

async function measure(search: Search, filter: SearchFilter, newest: number): Promise<string> {
  const times: { first: number[]; deep: number[] } = { first: [], deep: [] };
  let rows = 0;
  let short = 0;
  for (let run = 0; run < RUNS; run += 1) {
    // 10 000 pages of 50 of all sessions behind the first one.
    const deep = `${newest - (10_000 * PAGE + run * 1_237) * STEP_MS}.A`;
    for (const [name, cursor] of [
      ["first", undefined],
      ["deep", deep],
    ] as const) {
      const begun = performance.now();
      const page = await search.page(TENANT, filter, { limit: PAGE, cursor });
      times[name].push(performance.now() - begun);
      rows = Math.max(rows, page.items.length);
      if (page.items.length < PAGE && page.cursor !== undefined) short += 1;
    }
  }
  return [at(times.first, 0.5), at(times.first, 0.95), at(times.deep, 0.5), at(times.deep, 0.95)]
    .map((ms) => ms.toFixed(2).padStart(8))
    .concat(String(rows).padStart(6), String(short).padStart(6))
    .join("");
}

function onSqlite(): Ground {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-search-"));
  const store = new SqliteStore({ path: join(folder, "sessions.db") });
  const sql = new SqliteControl(join(folder, "control.db"));
  const size = (name: string): number => statSync(join(folder, name)).size;
  let direct: DatabaseSync | undefined;
  // Once the store has made its tables.
  const opened = (): DatabaseSync => {
    if (direct !== undefined) return direct;
    direct = new DatabaseSync(join(folder, "sessions.db"));
    direct.exec(`ATTACH '${join(folder, "control.db")}' AS control`);
    direct.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
    direct.exec("CREATE TEMP TABLE gen (n INTEGER, id BLOB, packed BLOB)");
    return direct;
  };
  const columns =
    "id, tenant, subject, version, state, epoch, created_at, seen_at, idle_ms, idle_lock, life_ms, " +
    "lock_factors, ended_at, ending, device, due, generation, verifier, confirmed, issued, " +
    "fingerprint, pending, sent_at, turn, cold, data_version, data";
  return {
    name: "SQLite",
    store,
    sql,
    dialect: {
      session: "main.session",
      columns: columns.split(", "),
      async generate(rows) {
        const file = opened();
        const add = file.prepare("INSERT INTO gen (n, id, packed) VALUES (?, ?, ?)");
        file.exec("BEGIN");
        for (const { n, id, packed } of rows) add.run(n, id, packed);
        file.exec("COMMIT");
      },
      dueMs: 1_000,
      async run(text) {
        opened().exec(text);
      },
    },
    sizes: async () => `sessions ${size("sessions.db")}, control ${size("control.db")} bytes`,
    async end() {
      await store.close();
      await sql.close();
      direct?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function onPostgres(): Promise<Ground> {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url, max: 10 });
  const filling = new Pool({ connectionString: server.url, max: 1 });
  const columns =
    "created_at, seen_at, idle_ms, life_ms, sent_at, ended_at, tenant, version, epoch, due, " +
    "data_version, pending, state, idle_lock, lock_factors, id, subject, device, ending, turn, " +
    "cold, data";
  return {
    name: "PostgreSQL",
    store: new PostgresStore({ pool }),
    sql: new PostgresControl(pool as never, "control", 60_000),
    dialect: {
      session: "sojourn.session",
      columns: columns.split(", "),
      async generate(rows) {
        const text = "INSERT INTO gen SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])";
        await filling.query(
          "CREATE TEMP TABLE IF NOT EXISTS gen (n bigint, id bytea, packed bytea)",
        );
        const columns = [rows.map(({ n }) => n), rows.map(({ id }) => id)];
        await (filling as { query(text: string, values: unknown[]): Promise<unknown> }).query(
          text,
          [...columns, rows.map(({ packed }) => packed)],
        );
      },
      dueMs: 10_000,
      async run(text) {
        await filling.query("SET synchronous_commit = off; SET work_mem = '200MB'");
        await filling.query(text);
      },
    },
    async sizes() {
      await filling.query("ANALYZE");
      const { rows } = await filling.query<{ s: string; n: string }>(
        "SELECT schemaname AS s, sum(pg_total_relation_size(relid)) AS n " +
          "FROM pg_stat_user_tables GROUP BY 1 ORDER BY 1",
      );
      return rows.map(({ s, n }) => `${s} ${n} bytes`).join(", ");
    },
    async end() {
      await filling.end();
      await pool.end();
      await server.stop();
    },
  };
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function seconds(work: () => Promise<unknown>): Promise<string> {
  const begun = performance.now();
  await work();
  return `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
}

/** What a feed costs beside requests: how long a verify waits while sessions are filed or ended. */
async function beside(
  sessions: Sessions,
  token: string,
  work: () => Promise<void>,
): Promise<string> {
  const waits: number[] = [];
  let over = false;
  const verifying = (async () => {
    while (!over) {
      const begun = performance.now();
      await sessions.authenticate(token, { activity: false });
      waits.push(performance.now() - begun);
      const due = performance.now();
      await sleep(PROBE_MS);
      // Whoever comes while the thread is busy waits as well.
      waits.push(Math.max(0, performance.now() - due - PROBE_MS));
    }
  })();
  const took = await seconds(work);
  over = true;
  await verifying;
  return `${took}; a verify beside it p50 ${at(waits, 0.5).toFixed(2)}, p99 ${at(waits, 0.99).toFixed(1)} ms`;
}

async function costs(search: Search, sql: ControlSql, sessions: Sessions): Promise<void> {
  const { token } = await sessions.open({ subject: "probe", amr: ["pwd"] });
  const open = async (): Promise<void> => {
    for (let n = 0; n < OPENED; n += 1) {
      await sessions.open({
        subject: `new-${n}`,
        amr: ["pwd"],
        client: n < ENDED ? "doomed" : "kept",
        roles: ["buyer"],
        device: { id: `new-device-${n}`, label: "Firefox", address: "192.0.2.1" },
      });
    }
  };
  say(`open ${OPENED}, no feed: ${await beside(sessions, token, open)}`);
  await search.start();
  const caughtUp = async (): Promise<void> => void (await search.caughtUp(Date.now(), 600_000));
  say(`file ${OPENED}: ${await beside(sessions, token, caughtUp)}`);
  const log = { note: (): void => undefined };
  const parts = { sql, search, sessions, log, circumstances: () => ({}), now: Date.now };
  const operations = new Operations(parts);
  operations.work();
  const end = async (): Promise<void> => {
    const wanted = { tenant: TENANT, actor: "bench", action: "revoke" } as const;
    const { id } = await operations.start({ ...wanted, filter: { client: "doomed" } });
    while ((await operations.find(TENANT, id))?.state === "running") await sleep(50);
  };
  say(`end ${ENDED} by an operation: ${await beside(sessions, token, end)}`);
  await operations.stop();
  await search.stop();
}

async function main(): Promise<void> {
  const [, , engine = "sqlite", amount = "100000"] = process.argv;
  const count = Number(amount);
  const ground = engine === "postgres" ? await onPostgres() : onSqlite();
  const { store, sql, dialect } = ground;
  const newest = Date.now() - 60_000;
  const from = newest - count * STEP_MS;
  try {
    say(`${ground.name}, ${count} sessions, ${cpus().length} cores, Node ${process.version}`);
    const secret = generateSecret();
    const sessions = createSessions({ secrets: [secret, generateSecret()], store, sweep: false });
    await sessions.open({ subject: randomBytes(4).toString("hex"), amr: ["pwd"] });
    const table = new IndexTable(sql);
    const stand = await table.stand();
    await generate(dialect, count);
    say(`sessions made in ${await seconds(() => fillSessions(dialect, from))}`);
    const terms = new Terms(stand.salt);
    say(`filed in ${await seconds(() => fillIndex(dialect, terms, from))}`);
    say(await ground.sizes());
    // As if it had been fed until now.
    await sql.run("bench", "UPDATE control.search_feed SET scan = NULL WHERE one = 1");
    const search = new Search({ sql, store, sessions, now: Date.now });
    say("pages of 50, ms               first: p50     p95  deep: p50   p95  items short");
    for (const [name, filter] of FILTERS) {
      say(`${name.padEnd(30)}${await measure(search, filter, newest)}`);
    }
    await costs(search, sql, sessions);
    await sessions.close();
  } finally {
    await ground.end();
  }
}

await main();
