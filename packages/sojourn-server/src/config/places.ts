/** Where sessions and the service's own records may live, as written: `redis://…`, `sqlite:…`. */
import { nearest } from "./nearest.ts";
import { countOption, PlaceProblem, readPlaceUrl, wordOption } from "./place-url.ts";
import type { HostPort, PlaceUrl } from "./place-url.ts";
import { present } from "./present.ts";

export type { HostPort } from "./place-url.ts";

export interface MemoryPlace {
  readonly kind: "memory";
}

export interface SqlitePlace {
  readonly kind: "sqlite";
  readonly path: string;
}

/** How the server's certificate is judged; `undefined` where this is: no TLS. */
export interface TlsChoice {
  /** False: any certificate will do. */
  readonly verify: boolean;
  /** File with the certificates to trust instead of the system's. */
  readonly caFile?: string;
}

interface Account {
  readonly user?: string;
  readonly password?: string;
}

export interface PostgresPlace extends Account {
  readonly kind: "postgres";
  /** A path for the socket of a server on this machine. */
  readonly host: string;
  readonly port: number;
  /** Default: the driver's, `PGDATABASE` or the user's name. */
  readonly database?: string;
  readonly tls: TlsChoice | undefined;
  readonly schema?: string;
  readonly prepare: boolean;
  /** Most connections of one process. */
  readonly connections: number;
}

export interface RedisPlace extends Account {
  readonly kind: "redis";
  /** One address, Sentinels that know it, or a Cluster. */
  readonly form: "single" | "sentinel" | "cluster";
  readonly hosts: readonly HostPort[];
  /** Of the primary, for Sentinel. */
  readonly name?: string;
  readonly sentinel: Account;
  readonly tls: TlsChoice | undefined;
  readonly database: number;
  readonly prefix?: string;
  readonly buckets?: number;
}

/** Shared memory of several machines. It holds nothing that a store does not. */
export interface CachePlace {
  readonly hosts: readonly HostPort[];
}

export type StorePlace = MemoryPlace | SqlitePlace | PostgresPlace | RedisPlace;
export type ControlPlace = MemoryPlace | SqlitePlace | PostgresPlace;

export const CONTROL_ACCEPTED = "sqlite:PATH or postgres://USER@HOST/DATABASE";
export const STORE_ACCEPTED =
  "sqlite:PATH, memory:, postgres://…, redis://…, rediss://…, redis+sentinel://HOST,HOST/NAME, " +
  "redis-cluster://HOST,HOST";

const POSTGRES_OPTIONS = ["schema", "prepare", "connections", "sslmode", "sslrootcert", "host"];
const REDIS_OPTIONS = [
  "prefix",
  "buckets",
  "database",
  "ca",
  "sentinelUser",
  "sentinelPassword",
] as const;
const POSTGRES_PORT = 5_432;
const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;
const MEMCACHED_PORT = 11_211;
const CONNECTIONS = 20;
const CONNECTIONS_MAX = 500;
const BUCKETS_MAX = 65_536;
const DATABASE_MAX = 65_535;
const REDIS_FORMS: ReadonlyMap<string, RedisPlace["form"]> = new Map([
  ["redis", "single"],
  ["rediss", "single"],
  ["redis+sentinel", "sentinel"],
  ["rediss+sentinel", "sentinel"],
  ["redis-cluster", "cluster"],
  ["rediss-cluster", "cluster"],
]);
const SCHEMES = ["sqlite", "postgres", "postgresql", ...REDIS_FORMS.keys()];

/** @throws {PlaceProblem} which says what is accepted and quotes nothing after the scheme. */
export function readStorePlace(text: string): StorePlace {
  if (text === "memory:") return { kind: "memory" };
  if (text.startsWith("sqlite:")) return readSqlite(text);
  const [, scheme] = /^([a-z+-]{1,20}):\/\//.exec(text) ?? [];
  if (scheme === undefined) throw new PlaceProblem(`accepted: ${STORE_ACCEPTED}`);
  if (scheme === "postgres" || scheme === "postgresql") return readPostgres(text);
  const form = REDIS_FORMS.get(scheme);
  if (form !== undefined) return readRedis(text, form, scheme.startsWith("rediss"));
  const guess = nearest(scheme, SCHEMES);
  const hint = guess === undefined ? "" : `did you mean ${guess}://? `;
  throw new PlaceProblem(`${hint}accepted: ${STORE_ACCEPTED}`);
}

/** @throws {PlaceProblem} */
export function readControlPlace(text: string): ControlPlace {
  if (/^(?:sqlite|memory|postgres|postgresql):/.test(text)) {
    const place = readStorePlace(text);
    if (place.kind !== "redis") return place;
  }
  throw new PlaceProblem(`accepted: ${CONTROL_ACCEPTED}`);
}

/** @throws {PlaceProblem} */
export function readCachePlace(text: string): CachePlace {
  const accepted = "accepted: memcached://HOST:PORT,HOST:PORT";
  if (!text.startsWith("memcached://")) throw new PlaceProblem(accepted);
  const { hosts, path, user, password } = readPlaceUrl(text, MEMCACHED_PORT, []);
  if (hosts.length > 0 && path === "" && user === undefined && password === undefined) {
    return { hosts };
  }
  throw new PlaceProblem(`${accepted}, without a user or a path`);
}

/** The place in a line for people: scheme, hosts and path; no user, password or option. */
export function nameOfPlace(place: StorePlace): string {
  switch (place.kind) {
    case "memory":
      return "memory:";
    case "sqlite":
      return `sqlite:${place.path}`;
    case "postgres": {
      const database = place.database ?? "";
      if (place.host.startsWith("/")) return `postgres:///${database}?host=${place.host}`;
      return `postgres://${hostText(place)}/${database}`;
    }
    case "redis": {
      const tls = place.tls === undefined ? "redis" : "rediss";
      const form = { single: "", sentinel: "+sentinel", cluster: "-cluster" }[place.form];
      const path = place.name ?? (place.database === 0 ? "" : String(place.database));
      const hosts = place.hosts.map(hostText).join(",");
      return `${tls}${form}://${hosts}${path === "" ? "" : `/${path}`}`;
    }
  }
}

export function hostText({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function readSqlite(text: string): SqlitePlace {
  const path = text.slice("sqlite:".length);
  if (path === "" || path === ":memory:") throw new PlaceProblem("accepted: sqlite:PATH");
  return { kind: "sqlite", path };
}

function readPostgres(text: string): PostgresPlace {
  const url = readPlaceUrl(text, POSTGRES_PORT, POSTGRES_OPTIONS);
  const { user, password, path } = url;
  const schema = url.options.get("schema");
  return {
    kind: "postgres",
    ...postgresHost(url),
    ...present({ user, password, schema, database: path === "" ? undefined : path }),
    tls: postgresTls(url),
    prepare: wordOption(url, "prepare", ["true", "false"]) === "true",
    connections: countOption(url, "connections", [2, CONNECTIONS_MAX]) ?? CONNECTIONS,
  };
}

function postgresHost(url: PlaceUrl): HostPort {
  const [first, second] = url.hosts;
  const socket = url.options.get("host");
  if (first === undefined) {
    if (socket?.startsWith("/") === true) return { host: socket, port: POSTGRES_PORT };
    throw new PlaceProblem("the host is missing; for a socket: postgres:///DATABASE?host=/PATH");
  }
  if (second === undefined && socket === undefined) return first;
  throw new PlaceProblem(
    "names several hosts; give the one address that always leads to the primary",
  );
}

function postgresTls(url: PlaceUrl): TlsChoice | undefined {
  const caFile = url.options.get("sslrootcert");
  const modes = ["disable", "require", "verify-full", "no-verify"] as const;
  const mode = wordOption(url, "sslmode", modes) ?? (caFile === undefined ? "disable" : "require");
  if (mode === "disable") {
    if (caFile === undefined) return undefined;
    throw new PlaceProblem('option "sslrootcert" needs sslmode=require');
  }
  return { verify: mode !== "no-verify", ...present({ caFile }) };
}

function readRedis(text: string, form: RedisPlace["form"], tls: boolean): RedisPlace {
  const url = readPlaceUrl(text, form === "sentinel" ? SENTINEL_PORT : REDIS_PORT, REDIS_OPTIONS);
  const { user, password, hosts, options } = url;
  if (hosts.length === 0) throw new PlaceProblem("the host is missing");
  if (form === "single" && hosts.length > 1) {
    throw new PlaceProblem(
      "names several hosts; accepted: one, or redis+sentinel://HOST,HOST/NAME, or " +
        "redis-cluster://HOST,HOST",
    );
  }
  const caFile = options.get("ca");
  if (caFile !== undefined && !tls) throw new PlaceProblem('option "ca" needs rediss://');
  return {
    kind: "redis",
    form,
    hosts,
    ...namesOf(url, form),
    sentinel: present({
      user: options.get("sentinelUser"),
      password: options.get("sentinelPassword"),
    }),
    tls: tls ? { verify: true, ...present({ caFile }) } : undefined,
    ...present({
      user,
      password,
      prefix: options.get("prefix"),
      buckets: countOption(url, "buckets", [1, BUCKETS_MAX]),
    }),
  };
}

/** The path is the primary's name for Sentinel, else the number of the database. */
function namesOf(
  url: PlaceUrl,
  form: RedisPlace["form"],
): { readonly name?: string; readonly database: number } {
  const option = countOption(url, "database", [0, DATABASE_MAX]);
  if (form === "sentinel") {
    if (/^[\w.-]{1,64}$/.test(url.path)) return { name: url.path, database: option ?? 0 };
    throw new PlaceProblem("the primary's name is missing: redis+sentinel://HOST,HOST/NAME");
  }
  const path = url.path === "" ? undefined : url.path;
  if (path !== undefined && !/^\d{1,5}$/.test(path)) {
    throw new PlaceProblem("the path is the number of the database, like redis://HOST/1");
  }
  const database = option ?? Number(path ?? 0);
  if (form === "cluster" && database !== 0) {
    throw new PlaceProblem("a Cluster has database 0 alone");
  }
  return { database };
}
