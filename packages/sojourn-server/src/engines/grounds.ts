/** What the service stands on: the session store and the control store, opened and closed. */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { ConfigError, MemoryStore } from "sojourn";
import type { SessionStore } from "sojourn";
import { MemcachedTier } from "sojourn/stores/memcached";
import { NearCache } from "sojourn/stores/near-cache";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { ServerConfig } from "../config/config.ts";
import { present } from "../config/present.ts";
import { hostText, nameOfPlace } from "../config/places.ts";
import type { PostgresPlace, RedisPlace, StorePlace } from "../config/places.ts";
import { redisRisks } from "../config/risks.ts";
import { CACHE_MS_MIN } from "../config/store-settings.ts";
import type { ControlSql } from "../control/control-sql.ts";
import { PostgresControl } from "../control/postgres-control.ts";
import { SqliteControl } from "../control/sqlite-control.ts";
import { within } from "./deadline.ts";
import { inTurn } from "./in-turn.ts";
import { openPostgres } from "./postgres.ts";
import type { PostgresPool } from "./postgres.ts";
import { openRedis } from "./redis.ts";
import { timedStore } from "./timed-store.ts";
import type { StoreCall } from "./timed-store.ts";
import { inServiceWords, placeTrouble } from "./trouble.ts";

/** Readable by its owner alone: the files hold who is signed in. */
const OWNER_ONLY = 0o700;
const OWNER_ONLY_FILE = 0o600;
/** Keys are read twice a second each, replies written once per opened session. */
const CONTROL_CONNECTIONS = 5;
/** A migration of large tables may take its time; a server that says nothing may not. */
const READY_MS = 35_000;

export class Grounds {
  readonly #config: ServerConfig;
  readonly #storeCall: ((call: StoreCall) => void) | undefined;
  /** What to close, last opened first. */
  readonly #open: (() => Promise<void>)[] = [];
  /** Over the store, where one was asked for. */
  near: NearCache | undefined;
  tier: MemcachedTier | undefined;
  /** The store itself, below what keeps sessions near. */
  base: SessionStore | undefined;
  #pool: PostgresPool | undefined;

  /** @param storeCall Told of every call of the store, below the caches. */
  constructor(config: ServerConfig, storeCall?: (call: StoreCall) => void) {
    this.#config = config;
    this.#storeCall = storeCall;
  }

  /** @throws {PlaceError | ConfigError} with what mends it. */
  async openStore(): Promise<SessionStore> {
    const { store: place } = this.#config;
    const store = await this.#storeAt();
    this.base = store;
    // Whoever lies over the store closes it too.
    this.#open.unshift(() => (this.near ?? store).close());
    if (place.kind === "postgres" || place.kind === "redis") {
      await this.#ready(place, store);
    }
    const timed = this.#storeCall === undefined ? store : timedStore(store, this.#storeCall);
    return this.#nearTo(place, timed);
  }

  /** In memory, and in what services share, where they were asked for. */
  #nearTo(place: StorePlace, store: SessionStore): SessionStore {
    const { nearCacheMs: stalenessMs, cache } = this.#config;
    // What is in this process is near already.
    if (stalenessMs === undefined || place.kind === "memory") return store;
    if (cache !== undefined) {
      const servers = cache.hosts.map(hostText);
      const ttlMs = stalenessMs - (stalenessMs % CACHE_MS_MIN);
      this.tier = this.#made(place, () => new MemcachedTier(store, { servers, ttlMs }));
    }
    const below = this.tier ?? store;
    this.near = this.#made(place, () => new NearCache(below, { stalenessMs }));
    return this.near;
  }

  async #storeAt(): Promise<SessionStore> {
    const { store: place, acceptRisks, storeTimeoutMs } = this.#config;
    switch (place.kind) {
      case "memory":
        return new MemoryStore();
      case "sqlite":
        mkdirSync(dirname(place.path), { recursive: true, mode: OWNER_ONLY });
        // SQLite gives its other files the mode of this one.
        closeSync(openSync(place.path, "a", OWNER_ONLY_FILE));
        return new SqliteStore({ path: place.path });
      case "postgres": {
        const pool = await openPostgres(place, storeTimeoutMs);
        this.#keep(pool);
        this.#pool = pool;
        const { schema, prepare } = place;
        const options = { pool, prepare, ...present({ schema }) };
        return this.#made(place, () => new PostgresStore(options));
      }
      case "redis": {
        const { prefix, buckets } = place;
        const client = await openRedis(place);
        const risks = redisRisks(acceptRisks);
        const options = { client, acceptRisks: risks, ...present({ prefix, buckets }) };
        return this.#made(place, () => new RedisStore(options));
      }
    }
  }

  async openControl(): Promise<ControlSql> {
    const { control: place } = this.#config;
    const control = await this.#controlAt();
    this.#open.unshift(() => control.close());
    try {
      // A place that cannot be used is said now, not at the first request.
      await control.run("open", "SELECT id FROM control.service_key WHERE id = ?", "");
    } catch (error) {
      throw refusal(error, place);
    }
    return control;
  }

  async #controlAt(): Promise<ControlSql> {
    const { control: place, store, storeTimeoutMs } = this.#config;
    if (place.kind === "memory") return new SqliteControl(":memory:");
    if (place.kind === "sqlite") return new SqliteControl(place.path);
    let pool = this.#pool;
    if (pool === undefined || !sameDatabase(place, store)) {
      pool = await openPostgres(place, storeTimeoutMs, CONTROL_CONNECTIONS);
      this.#keep(pool);
    }
    const schema = place.schema ?? "sojourn_control";
    return new PostgresControl(pool, schema, storeTimeoutMs);
  }

  async close(): Promise<void> {
    await inTurn(this.#open.splice(0));
  }

  #keep(pool: PostgresPool): void {
    this.#open.unshift(() => pool.end());
  }

  #made<Made>(place: StorePlace, make: () => Made): Made {
    try {
      return make();
    } catch (error) {
      throw refusal(error, place);
    }
  }

  /** The first use looks at the server and makes what is missing. */
  async #ready(place: PostgresPlace | RedisPlace, store: SessionStore): Promise<void> {
    try {
      await within(READY_MS, store.health());
    } catch (error) {
      throw refusal(error, place);
    }
  }
}

/** Why a place cannot be used, in the words of the service. */
function refusal(error: unknown, place: StorePlace): unknown {
  const name = nameOfPlace(place);
  if (error instanceof ConfigError) return inServiceWords(error, name);
  const remote = place.kind === "postgres" || place.kind === "redis";
  return remote ? placeTrouble(error, place.kind, name) : error;
}

/** One pool serves both: schemas are named in every statement. */
function sameDatabase(place: PostgresPlace, store: ServerConfig["store"]): boolean {
  const strip = ({ schema: _schema, ...rest }: PostgresPlace): string => JSON.stringify(rest);
  return store.kind === "postgres" && strip(store) === strip(place);
}
