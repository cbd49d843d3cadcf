/** What the tier is told, and what is wrong with it. */
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin, mixUp, unknownOptions } from "../../engine/given.ts";
import type { SessionStore } from "../../engine/ports.ts";
import type { Address } from "./meta-client.ts";

export interface MemcachedTierOptions {
  /** `host`, `host:port` or `memcached://host:port`; the same list in every process. */
  readonly servers: readonly string[];
  /** How long a value may lie there: whole seconds from 1000 to 60000, default 2000. */
  readonly ttlMs?: number;
  /** An answer that takes longer is a miss. 1–5000 milliseconds, default 100. */
  readonly timeoutMs?: number;
}

const OPTIONS: readonly (keyof MemcachedTierOptions)[] = ["servers", "ttlMs", "timeoutMs"];
const PORT_DEFAULT = 11_211;
const PORT_MAX = 65_535;
const SECOND_MS = 1_000;
const TTL_MS_MAX = 60_000;
const TIMEOUT_MS_MAX = 5_000;

export function readServers(servers: readonly string[]): readonly Address[] {
  return servers.flatMap((server) => readServer(server) ?? []);
}

/** Everything that is wrong, at once. A server's text is not repeated: it may hold a password. */
export function problemsOf(store: unknown, options: unknown): readonly ConfigProblem[] {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const problems = [...storeProblems(store), ...unknownOptions(given, OPTIONS, "MemcachedTier.")];
  const { servers, ttlMs = SECOND_MS, timeoutMs = 1 } = given;
  const check = (fits: boolean, option: string, message: string): void => {
    if (!fits) problems.push({ path: `MemcachedTier.${option}`, message });
  };
  const list: readonly unknown[] = Array.isArray(servers) ? servers : [];
  check(list.length > 0, "servers", "takes a list of at least one server");
  for (const [index, server] of list.entries()) {
    const fits = typeof server === "string" && readServer(server) !== undefined;
    const message = "takes host, host:port or memcached://host:port, without a user or a path";
    check(fits, `servers[${index}]`, message);
  }
  const seconds = isWholeWithin(ttlMs, SECOND_MS, TTL_MS_MAX) && ttlMs % SECOND_MS === 0;
  check(seconds, "ttlMs", "whole seconds in milliseconds, from 1000 to 60000");
  check(
    isWholeWithin(timeoutMs, 1, TIMEOUT_MS_MAX),
    "timeoutMs",
    "whole milliseconds from 1 to 5000",
  );
  return problems;
}

function storeProblems(given: unknown): readonly ConfigProblem[] {
  const path = "MemcachedTier.store";
  const store = given as Partial<SessionStore> | null | undefined;
  if (typeof store?.find !== "function" || store.capabilities === undefined) {
    const mixed = mixUp(given, { class: "new NAME(…)", text: "new PostgresStore({ pool })" });
    return [{ path, message: `takes the store that keeps the sessions${mixed}` }];
  }
  if (store.tier !== undefined) return [{ path, message: "has a shared cache already" }];
  if (store.near === undefined) return [];
  const message = "is a near-cache: new NearCache(new MemcachedTier(store, …), …) is the order";
  return [{ path, message }];
}

function readServer(text: string): Address | undefined {
  const url = URL.parse(text.includes("://") ? text : `memcached://${text}`);
  if (url === null || url.protocol !== "memcached:" || url.hostname === "") return undefined;
  const bare = `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (!bare || !["", "/"].includes(url.pathname)) return undefined;
  const port = url.port === "" ? PORT_DEFAULT : Number(url.port);
  if (port < 1 || port > PORT_MAX) return undefined;
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}
