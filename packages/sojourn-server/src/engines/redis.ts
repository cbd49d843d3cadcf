/** Redis and Valkey for the service: a client of the driver, looked at before it is relied on. */
import type * as redisModule from "redis";
import { followSentinels } from "sojourn/stores/redis";
import type { RedisClient, RedisStoreOptions } from "sojourn/stores/redis";
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
  const [first] = place.hosts;
  switch (place.form) {
    case "cluster":
      await anyOf(place.hosts, (host) => probe(redis, place, toHost(options, host)));
      return redis.createCluster({
        rootNodes: place.hosts.map((socket) => ({ socket: { ...socket } })),
        defaults: options,
      });
    case "sentinel":
      return followed(redis, place, options);
    case "single":
      await probe(redis, place, toHost(options, first));
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

/** The primary that the Sentinels name, now and after a failover. */
async function followed(
  redis: Redis,
  place: RedisPlace,
  options: ClientOptions,
): Promise<RedisClient> {
  const name = place.name ?? "";
  const { user, password } = place.sentinel;
  const { username: _theirs, password: _own, database: _none, ...rest } = options;
  const sentinel = { ...rest, ...present({ username: user, password }) };
  const ask = (host: HostPort): Promise<HostPort> =>
    primaryOf(redis, place, toHost(sentinel, host));
  const primary = await anyOf(place.hosts, ask);
  await probe(redis, place, toHost(options, primary));
  return followSentinels({
    name,
    addresses: place.hosts,
    connect: (address, to) =>
      redis.createClient(toHost(to === "sentinel" ? sentinel : options, address)),
  });
}

/** Of several addresses one has to answer. @throws the first one's error. */
async function anyOf<Answer>(
  hosts: readonly HostPort[],
  ask: (host: HostPort) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await Promise.any(hosts.map(ask));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

async function primaryOf(
  redis: Redis,
  place: RedisPlace,
  options: ClientOptions,
): Promise<HostPort> {
  const name = place.name ?? "";
  const asked = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name];
  const reply = await once(redis, place, options, (client) => client.sendCommand(asked));
  if (Array.isArray(reply)) return { host: String(reply[0]), port: Number(reply[1]) };
  throw new PlaceError(nameOfPlace(place), `the Sentinel knows no primary "${name}"; check it`);
}

/** Three kinds of servers speak alike; one stands for another nowhere. */
const MODES = { single: "standalone", sentinel: "standalone", cluster: "cluster" } as const;
const INSTEAD: Readonly<Record<string, string>> = {
  standalone: "is no node of a Cluster; write redis://HOST",
  cluster: "is a node of a Cluster; write redis-cluster://HOST,HOST",
  sentinel: "is a Sentinel; write redis+sentinel://HOST,HOST/NAME",
};

async function probe(redis: Redis, place: RedisPlace, options: ClientOptions): Promise<void> {
  const facts = await once(redis, place, options, (client) => client.info("server"));
  const [, mode = ""] = /^redis_mode:(\w+)/m.exec(facts) ?? [];
  const instead = INSTEAD[mode];
  if (mode === MODES[place.form] || instead === undefined) return;
  throw new PlaceError(nameOfPlace(place), instead);
}

type Client = ReturnType<Redis["createClient"]>;

/** One connection that is not made again: its first error tells what is wrong. */
async function once<Answer>(
  redis: Redis,
  place: RedisPlace,
  options: ClientOptions,
  ask: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  const socket = { ...options.socket, reconnectStrategy: false };
  const client = redis.createClient({ ...options, socket } as ClientOptions);
  client.on("error", () => undefined);
  try {
    return await within(
      PROBE_MS,
      client.connect().then(() => ask(client)),
    );
  } catch (error) {
    throw placeTrouble(error, "redis", nameOfPlace(place));
  } finally {
    if (client.isOpen) client.destroy();
  }
}
