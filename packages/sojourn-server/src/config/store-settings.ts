/** Where sessions and the service's own records live, and how long is waited for them. */
import { dirname, join } from "node:path";
import type { ConfigProblem } from "sojourn";
import { readCachePlace, readControlPlace, readStorePlace } from "./places.ts";
import type { CachePlace, ControlPlace, StorePlace } from "./places.ts";
import { RISKS } from "./risks.ts";
import type { Risk } from "./risks.ts";
import type { ValueReader } from "./values.ts";

export interface StoreSettings {
  readonly store: StorePlace;
  /** Service keys and kept replies. */
  readonly control: ControlPlace;
  readonly acceptRisks: readonly Risk[];
  readonly storeTimeoutMs: number;
  /** How old a kept session may be; `undefined`: every request asks the store. */
  readonly nearCacheMs: number | undefined;
  /** Between near-cache and store. */
  readonly cache: CachePlace | undefined;
}

/** Memcached counts whole seconds, and nothing may lie there longer than a near-cache keeps it. */
export const CACHE_MS_MIN = 1_000;

const STORE_TIMEOUT_MS = 5_000;
const STORE: StorePlace = { kind: "sqlite", path: "sojourn.db" };
const CONTROL_FILE = "control.db";
const CONTROL_APART: ControlPlace = { kind: "sqlite", path: "sojourn-control.db" };

export function readStoreSettings(read: ValueReader, problems: ConfigProblem[]): StoreSettings {
  const store = read.place("store", readStorePlace) ?? STORE;
  const shown = "a span from 100ms to 60s";
  const nearCacheMs = read.span("nearCache", [100, 60_000], shown);
  const cache = read.place("cache", readCachePlace);
  if (cache !== undefined && (nearCacheMs ?? 0) < CACHE_MS_MIN) {
    const message = "needs nearCache (--near-cache) of at least 1s";
    problems.push({ path: "cache", message });
  }
  return {
    store,
    control: read.place("control", readControlPlace) ?? controlBeside(store),
    acceptRisks: read.words("acceptRisks", RISKS) ?? [],
    storeTimeoutMs: read.span("storeTimeout", [100, 60_000], shown) ?? STORE_TIMEOUT_MS,
    nearCacheMs,
    cache,
  };
}

/** With the sessions where those lie in SQL; a file of its own beside Redis. */
function controlBeside(store: StorePlace): ControlPlace {
  switch (store.kind) {
    case "memory":
      return store;
    case "sqlite":
      return { kind: "sqlite", path: join(dirname(store.path), CONTROL_FILE) };
    case "postgres":
      return { ...store, schema: `${store.schema ?? "sojourn"}_control` };
    case "redis":
      return CONTROL_APART;
  }
}
