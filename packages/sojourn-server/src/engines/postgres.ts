/** PostgreSQL for the service: a pool to the primary, looked at before anything relies on it. */
import { readFileSync } from "node:fs";
import type pgModule from "pg";
import { present } from "../config/present.ts";
import { nameOfPlace } from "../config/places.ts";
import type { PostgresPlace, TlsChoice } from "../config/places.ts";
import { driver } from "./driver.ts";
import { PROBE_MS, within } from "./deadline.ts";
import { PlaceError, placeTrouble } from "./trouble.ts";

type Pg = typeof pgModule;
export type PostgresPool = InstanceType<Pg["Pool"]>;
type PoolOptions = ConstructorParameters<Pg["Pool"]>[0];

/** Beyond the store's own bound a query is given up and its connection closed. */
const GIVEN_UP_AFTER_MS = 10_000;
const CONNECT_MS_MAX = 4_000;

/**
 * Connections to the primary. The caller ends them.
 *
 * @param connections Overrides the place's own number.
 * @throws {PlaceError} when it cannot be reached or takes no writes, with what mends it.
 */
export async function openPostgres(
  place: PostgresPlace,
  timeoutMs: number,
  connections: number = place.connections,
): Promise<PostgresPool> {
  const { default: pg } = await driver("pg", () => import("pg"));
  const options = poolOptions(place, timeoutMs);
  await probe(pg, place, options);
  const pool = new pg.Pool({ ...options, max: connections });
  // A connection that breaks while it is idle would else end the process.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => void client.on("error", () => undefined));
  return pool;
}

function poolOptions(place: PostgresPlace, timeoutMs: number): PoolOptions {
  const { host, port, user, password, database, tls } = place;
  return {
    host,
    port,
    ...present({ user, password, database }),
    ...(tls === undefined ? {} : { ssl: { rejectUnauthorized: tls.verify, ...authority(tls) } }),
    application_name: "sojourn",
    connectionTimeoutMillis: Math.min(timeoutMs, CONNECT_MS_MAX),
    query_timeout: timeoutMs + GIVEN_UP_AFTER_MS,
    keepAlive: true,
  };
}

/** @throws {PlaceError} when the file cannot be read. */
export function authority({ caFile }: TlsChoice): { readonly ca?: string } {
  if (caFile === undefined) return {};
  try {
    return { ca: readFileSync(caFile, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new PlaceError(caFile, `the file of certificates cannot be read (${code})`);
  }
}

async function probe(pg: Pg, place: PostgresPlace, options: PoolOptions): Promise<void> {
  const name = nameOfPlace(place);
  const client = new pg.Client(options);
  client.on("error", () => undefined);
  try {
    const { rows } = await within(
      PROBE_MS,
      client.connect().then(() => client.query("SELECT pg_is_in_recovery() AS standby")),
    );
    if (rows[0]?.["standby"] === true) {
      throw new PlaceError(name, "is a standby and takes no writes; give the primary's address");
    }
  } catch (error) {
    throw placeTrouble(error, "postgres", name);
  } finally {
    void client.end().catch(() => undefined);
  }
}
