/** The Redis client of every peer: as node-redis' own page shows, with its defaults. */
import { createClient, createCluster } from "redis";
import type { StoreSpec } from "../messages.ts";

/** What connect-redis and a secondary storage ask of a client. */
export interface RedisLike {
  get(key: string): Promise<string | null>;
  getDel(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  set(
    key: string,
    value: string,
    options?: { readonly expiration: { readonly type: "EX"; readonly value: number } },
  ): Promise<unknown>;
  expire(key: string, seconds: number): Promise<unknown>;
  del(keys: string | string[]): Promise<number>;
}

export interface OpenedRedis {
  readonly client: RedisLike;
  close(): void;
}

export async function openRedis({ kind, url }: StoreSpec): Promise<OpenedRedis> {
  const client = kind === "redis-cluster" ? clusterAt(url) : createClient({ url });
  client.on("error", () => undefined);
  await client.connect();
  return { client: client as unknown as RedisLike, close: () => client.destroy() };
}

function clusterAt(urls: string): ReturnType<typeof createCluster> {
  return createCluster({ rootNodes: urls.split(",").map((url) => ({ url })) });
}
