/** Makes Sojourn for a worker: real stores over real drivers, as an application would. */
import { DatabaseSync } from "node:sqlite";
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { NearCache } from "sojourn/stores/near-cache";
import { PostgresStore } from "sojourn/stores/postgres";
import { followSentinels, RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";
import { createClient, createCluster } from "redis";
import { poolTo } from "../support/postgres.ts";
import type { StoreSpec } from "./messages.ts";
import { SojournSubject } from "./sojourn.ts";
import type { SubjectUnderTest } from "./subject.ts";

const POOL = 8;
const TOUCH_MS = 1_000;
/** The worst case: a primary that nobody follows goes on acknowledging. */
const ACCEPTED = ["stale-primary", "sentinels"] as const;

interface Opened {
  readonly store: SessionStore;
  suffer?(fault: string, on: boolean): void;
  end?(): Promise<void>;
}

export async function makeSubject(spec: StoreSpec): Promise<SubjectUnderTest> {
  const opened = openStore(spec);
  const { stalenessMs } = spec;
  const store = stalenessMs > 0 ? new NearCache(opened.store, { stalenessMs }) : opened.store;
  const sessions = createSessions({
    store,
    secrets: [spec.secret],
    policy: {
      extends: "saas",
      idleMs: spec.idleMs,
      touchEveryMs: TOUCH_MS,
      concurrency: { max: null, onLimit: "reject" },
      justification: "many sessions of few subjects, touched often: a test",
    },
    storeTimeoutMs: spec.timeoutMs,
    warn: () => undefined,
    onError: () => undefined,
    production: true,
  });
  return Object.assign(new SojournSubject(sessions), {
    suffer: (fault: string, on: boolean) => opened.suffer?.(fault, on),
    close: async () => {
      await sessions.close();
      await store.close();
      await opened.end?.();
    },
  });
}

function openStore(spec: StoreSpec): Opened {
  switch (spec.kind) {
    case "redis":
      return openRedis(spec);
    case "redis-cluster":
      return openCluster(spec);
    case "redis-sentinel":
      return openSentinel(spec);
    case "postgres":
      return openPostgres(spec);
    case "sqlite":
      return openSqlite(spec);
    default:
      throw new Error(`no store is called ${spec.kind}`);
  }
}

function openRedis({ url }: StoreSpec): Opened {
  const client = createClient({ url, disableOfflineQueue: true });
  client.on("error", () => undefined);
  return { store: new RedisStore({ client }) };
}

/** `redis-sentinel://host:port,host:port/name` */
function openSentinel({ url }: StoreSpec): Opened {
  const [, hosts = "", name = ""] = /^redis-sentinel:\/\/([^/]+)\/(.+)$/.exec(url) ?? [];
  const addresses = hosts.split(",").map((one) => {
    const [host = "", port] = one.split(":");
    return { host, port: Number(port) };
  });
  const connect = (socket: { readonly host: string; readonly port: number }) =>
    createClient({ socket, disableOfflineQueue: true });
  const client = followSentinels({ name, addresses, connect });
  client.on("error", () => undefined);
  return { store: new RedisStore({ client, acceptRisks: ACCEPTED }) };
}

function openCluster({ url }: StoreSpec): Opened {
  const client = createCluster({
    rootNodes: url.split(",").map((one) => ({ url: one })),
    defaults: { disableOfflineQueue: true },
  });
  client.on("error", () => undefined);
  return { store: new RedisStore({ client, acceptRisks: ACCEPTED }) };
}

function openPostgres({ url }: StoreSpec): Opened {
  const pool = poolTo(url, POOL);
  return { store: new PostgresStore({ pool }), end: () => pool.end() };
}

function openSqlite({ url }: StoreSpec): Opened {
  const database = new DatabaseSync(url);
  const pages = (): number =>
    Number(Object.values(database.prepare("PRAGMA page_count").get() ?? {})[0]);
  return {
    store: new SqliteStore({ database }),
    // A full disk as SQLite sees it: the file can grow no more.
    suffer: (fault, on) => {
      if (fault !== "disk-full") return;
      database.exec(`PRAGMA max_page_count = ${on ? pages() : 4_294_967_294}`);
    },
  };
}
