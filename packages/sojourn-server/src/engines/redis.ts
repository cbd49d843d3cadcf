/** Redis and Valkey for the service: a client of the driver, looked at before it is relied on. */
import type * as redisModule from "redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import { nameOfPlace } from "../config/places.ts";
import type { HostPort, RedisPlace } from "../config/places.ts";
import { present } from "../config/present.ts";
import { PROBE_MS, within } from "./deadline.ts";
import { driver } from "./driver.ts";
import { authority } from "./postgres.ts";
import { PlaceError, placeTrouble } from "./trouble.ts";

type Redis = typeof redisModule;
type ClientOptions = NonNullable<Parameters<Redis["createClient"]>[0]>;
/** Whatever the store takes as its client. */
export type StoreClient = RedisStoreOptions["client"];

const CONNECT_MS_MAX = 4_000;
/**
 * A connection without any answer for so long is closed and made anew. The service asks oftener:
 * one server every 5 s, each of a cluster at least with every sweep.
 */
const SILENT_MS = { single: 15_000, sentinel: 15_000, cluster: 60_000 };
const RECONNECT_MS = { first: 50, most: 1_000 };

/**
 * A client that is not connected yet: the store connects and closes it.
 *
 * @throws {PlaceError} when the server cannot be reached, with what mends it.
 */
export async function openRedis(place: RedisPlace): Promise<StoreClient> {
  const redis = await driver("redis", () => import("redis"));
  const options = accountOptions(place);
  await probeAll(redis, place, options);
  const [first] = place.hosts;
  switch (place.form) {
    case "cluster":
      return redis.createCluster({
        rootNodes: place.hosts.map((socket) => ({ socket: { ...socket } })),
        defaults: options,
      });
    case "sentinel":
      throw new PlaceError(nameOfPlace(place), "Sentinel is not supported by this release");
    case "single":
      return redis.createClient(toHost(options, first));
  }
}

function accountOptions(place: RedisPlace): ClientOptions {
  const { user, password, database, tls } = place;
  const socket = {
    connectTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENT_MS[place.form],
    reconnectStrategy: (retries: number): number =>
      Math.min(RECONNECT_MS.first * 2 ** Math.min(retries, 10), RECONNECT_MS.most),
  };
  return {
    ...present({ username: user, password }),
    ...(place.form === "cluster" ? {} : { database }),
    name: "sojourn",
    disableOfflineQueue: true,
    socket: tls === undefined ? socket : { ...socket, tls: true, ...authority(tls) },
  };
}

function toHost(options: ClientOptions, host: HostPort | undefined): ClientOptions {
  return { ...options, socket: { ...options.socket, ...host } };
}

/** Of several addresses one has to answer. */
async function probeAll(redis: Redis, place: RedisPlace, options: ClientOptions): Promise<void> {
  try {
    await Promise.any(place.hosts.map((host) => probe(redis, place, toHost(options, host))));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** One connection that is not made again: its first error tells what is wrong. */
async function probe(redis: Redis, place: RedisPlace, options: ClientOptions): Promise<void> {
  const name = nameOfPlace(place);
  const socket = { ...options.socket, reconnectStrategy: false };
  const client = redis.createClient({ ...options, socket } as ClientOptions);
  client.on("error", () => undefined);
  try {
    const facts = await within(
      PROBE_MS,
      client.connect().then(() => client.info("cluster")),
    );
    const member = facts.includes("cluster_enabled:1");
    if (member && place.form === "single") {
      throw new PlaceError(name, "is a node of a Cluster; write redis-cluster://HOST,HOST");
    }
    if (!member && place.form === "cluster") {
      throw new PlaceError(name, "is no node of a Cluster; write redis://HOST");
    }
  } catch (error) {
    throw placeTrouble(error, "redis", name);
  } finally {
    if (client.isOpen) client.destroy();
  }
}
