/** Redis and Valkey for the service: a client of the driver, looked at before it is relied on. */
import type * as redisModule from "redis";
import type { RedisClient } from "sojourn/stores/redis";
import { present } from "../config/present.ts";
import { nameOfPlace } from "../config/places.ts";
import type { RedisPlace } from "../config/places.ts";
import { PROBE_MS, within } from "./deadline.ts";
import { driver } from "./driver.ts";
import { authority } from "./postgres.ts";
import { PlaceError, placeTrouble } from "./trouble.ts";

type Redis = typeof redisModule;
type ClientOptions = NonNullable<Parameters<Redis["createClient"]>[0]>;

const CONNECT_MS_MAX = 4_000;
/** A connection without any answer for so long is closed and made anew; the service asks oftener. */
const SILENT_MS = 15_000;
const RECONNECT_MS_MAX = 1_000;

/**
 * A client that is not connected yet: the store connects and closes it.
 *
 * @throws {PlaceError} when the server cannot be reached, with what mends it.
 */
export async function openRedis(place: RedisPlace): Promise<RedisClient> {
  const redis = await driver("redis", () => import("redis"));
  if (place.form !== "single") {
    const form = place.form === "sentinel" ? "Sentinel" : "Cluster";
    throw new PlaceError(nameOfPlace(place), `${form} is not supported by this release`);
  }
  const options = clientOptions(place);
  await probe(redis, place, options);
  return redis.createClient(options);
}

function clientOptions(place: RedisPlace): ClientOptions {
  const { user, password, database, tls, hosts } = place;
  const [first] = hosts;
  const socket = {
    ...(first === undefined ? {} : first),
    connectTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENT_MS,
    reconnectStrategy: (retries: number) =>
      Math.min(50 * 2 ** Math.min(retries, 10), RECONNECT_MS_MAX),
  };
  return {
    ...present({ username: user, password }),
    database,
    name: "sojourn",
    disableOfflineQueue: true,
    socket: tls === undefined ? socket : { ...socket, tls: true, ...authority(tls) },
  };
}

async function probe(redis: Redis, place: RedisPlace, options: ClientOptions): Promise<void> {
  const socket = { ...options.socket, reconnectStrategy: false };
  const client = redis.createClient({ ...options, socket } as ClientOptions);
  client.on("error", () => undefined);
  try {
    await within(
      PROBE_MS,
      client.connect().then(() => client.sendCommand(["PING"])),
    );
  } catch (error) {
    throw placeTrouble(error, "redis", nameOfPlace(place));
  } finally {
    if (client.isOpen) client.destroy();
  }
}
