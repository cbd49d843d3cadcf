/** Sessions with facets, an index that follows them, and what a full scan would answer. */
import { createClient } from "redis";
import { createSessions, MemoryStore } from "sojourn";
import type { Description, Sessions, SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { matches } from "../../packages/sojourn-server/src/search/facets.ts";
import type { SearchFilter } from "../../packages/sojourn-server/src/search/facets.ts";
import { Search } from "../../packages/sojourn-server/src/search/search.ts";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { folder, SECRET } from "../integration/service-harness.ts";
import { poolTo } from "./postgres.ts";

export const TENANT = "default";

/** Places for sessions, each opened by as many processes as are wanted. */
export interface StoreGround {
  fresh(): () => SessionStore;
  end(): Promise<void>;
}

function onSqlite(): StoreGround {
  const place = folder();
  let files = 0;
  return {
    fresh: () => {
      files += 1;
      const path = `${place.path}/sessions-${files}.db`;
      return () => new SqliteStore({ path });
    },
    end: async () => place.remove(),
  };
}

async function onPostgres(): Promise<StoreGround> {
  const server = await startPostgres();
  const pools: { end(): Promise<void> }[] = [];
  let schemas = 0;
  return {
    fresh: () => {
      schemas += 1;
      const schema = `sessions_${schemas}`;
      return () => {
        const pool = poolTo(server.url, 5);
        pools.push(pool);
        return new PostgresStore({ pool, schema, tailPollMs: 20 });
      };
    },
    end: async () => {
      await Promise.allSettled(pools.map((pool) => pool.end()));
      await server.stop();
    },
  };
}

async function onRedis(): Promise<StoreGround> {
  const server = await startRedis();
  let prefixes = 0;
  return {
    fresh: () => {
      prefixes += 1;
      const prefix = `search${prefixes}:`;
      return () => {
        const client = createClient({ url: server.url, disableOfflineQueue: true });
        return new RedisStore({ client, prefix, acceptRisks: ["no-aof"] });
      };
    },
    end: () => server.stop(),
  };
}

export const STORE_ENGINES: Readonly<Record<string, () => StoreGround | Promise<StoreGround>>> = {
  SQLite: onSqlite,
  PostgreSQL: onPostgres,
  Redis: onRedis,
};

/** One process: its sessions and its search. */
export interface Searcher {
  readonly store: SessionStore;
  readonly sessions: Sessions;
  readonly search: Search;
  readonly troubles: unknown[];
  /** The index has everything that was acknowledged before. */
  settled(): Promise<void>;
  /** All pages, one after the other. */
  pages(filter: SearchFilter, limit?: number): Promise<readonly Description[]>;
  close(): Promise<void>;
}

const SETTLED_MS = 30_000;
const PAGES_MAX = 2_000;

export function searcher(sql: ControlSql, store: SessionStore = new MemoryStore()): Searcher {
  const sessions = createSessions({ store, secrets: [SECRET], sweep: false });
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown): void => void troubles.push(error);
  const search = new Search({ sql, store, sessions, now: Date.now, onTrouble });
  return {
    store,
    sessions,
    search,
    troubles,
    async settled() {
      if (await search.caughtUp(Date.now() + 1, SETTLED_MS)) return;
      throw new Error(`the index is behind: ${JSON.stringify(await search.freshness())}`);
    },
    async pages(filter, limit = 50) {
      const found: Description[] = [];
      let cursor: string | undefined;
      for (let pages = 0; pages < PAGES_MAX; pages += 1) {
        const page = await search.page(TENANT, filter, { limit, cursor });
        if (page.items.length > limit) throw new Error("a page is longer than asked for");
        found.push(...page.items);
        ({ cursor } = page);
        if (cursor === undefined) return found;
      }
      throw new Error("a search comes to no end");
    },
    async close() {
      await search.stop();
      await sessions.close();
      await store.close();
    },
  };
}

/** All that there is, looked at one by one. @returns what of it a filter means. */
export async function scanOf(
  sessions: Sessions,
  handles: readonly string[],
): Promise<(filter: SearchFilter) => readonly string[]> {
  const all = await Promise.all(handles.map((handle) => sessions.describe(handle)));
  return (filter) =>
    all
      .filter((one) => one !== undefined)
      .filter((one) => matches(filter, one))
      .map(({ summary }) => summary.id)
      .toSorted();
}

export async function scanned(
  sessions: Sessions,
  handles: readonly string[],
  filter: SearchFilter,
): Promise<readonly string[]> {
  return (await scanOf(sessions, handles))(filter);
}

export function idsOf(found: readonly Description[]): readonly string[] {
  return found.map(({ summary }) => summary.id);
}

const AGENTS = ["Firefox", "Chrome on Android", "curl/8.0"];

/** The n-th session of a world in which every facet has a few values. */
export async function opened(sessions: Sessions, n: number): Promise<string> {
  const { session } = await sessions.open({
    subject: `user-${n % 7}`,
    amr: n % 3 === 0 ? ["pwd", "otp"] : ["pwd"],
    acr: n % 3 === 0 ? "aal2" : "aal1",
    client: `app-${n % 4}`,
    roles: n % 5 === 0 ? ["admin", "buyer"] : ["buyer"],
    device: {
      id: `device-${n % 9}`,
      label: AGENTS[n % 3] ?? "",
      address: n % 2 === 0 ? `203.0.113.${n % 250}` : `2001:db8:${n % 3}::1`,
    },
  });
  return session.id ?? "";
}

/** Every facet, some pairs, and what nothing has. */
export const FILTERS: readonly SearchFilter[] = [
  {},
  { state: "any" },
  { state: "active" },
  { state: "locked" },
  { state: "pending" },
  { state: "ended" },
  { reason: "revoked" },
  { reason: "subject_revoked" },
  { reason: "logout" },
  { subject: "user-3" },
  { device: "device-4" },
  { address: "203.0.113.7" },
  { address: "2001:db8:1::/48" },
  { agent: "Firefox" },
  { agent: "Chrome" },
  { agent: "curl" },
  { client: "app-2" },
  { role: "admin" },
  { role: "buyer", state: "any" },
  { acr: "aal2" },
  { kind: "user" },
  { client: "app-1", acr: "aal1" },
  { agent: "Firefox", role: "admin", state: "any" },
  { subject: "user-1", state: "ended" },
  { client: "app-3", state: "locked" },
  { client: "nobody" },
  { subject: "nobody", client: "app-1" },
];
