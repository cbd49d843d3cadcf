/** What may be presented once, in Redis or Valkey: shared by every process on the server. */
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { unknownOptions } from "../../engine/given.ts";
import type { ReplayCache } from "../../engine/replays.ts";
import type { RedisClient } from "./client.ts";
import { driverProblem, isCluster } from "./cluster-nodes.ts";
import type { RedisCluster } from "./cluster-nodes.ts";
import { ClusterServers } from "./cluster.ts";
import { bounded } from "./connecting.ts";
import { storeFault } from "./faults.ts";
import { placeProblems } from "./names.ts";
import { OneServer } from "./servers.ts";
import type { Servers } from "./servers.ts";

export interface RedisReplaysOptions {
  /** As {@link RedisStore} takes it, and may be the same; connected at first use if it is not. */
  readonly client: RedisClient | RedisCluster;
  /** Before every key: up to 32 letters, digits and `_.:-`. Default none. */
  readonly prefix?: string;
}

const CALL_MS = 1_000;

/**
 * One command for each claim; the server forgets it when it is over. A server that evicts forgets
 * earlier, and one that takes over after a failure may not have the last ones: what they were for
 * may then be replayed for the rest of its window.
 */
export class RedisReplays implements ReplayCache {
  readonly #servers: Servers;
  readonly #prefix: string;
  #opening: Promise<void> | undefined;

  /** @throws {ConfigError} for wrong options. */
  constructor(options: RedisReplaysOptions) {
    const { client, prefix = "" } = options;
    const problems: ConfigProblem[] = unknownOptions(options, ["client", "prefix"]);
    const problem = driverProblem(client);
    if (problem !== undefined) problems.push({ path: "client", message: problem });
    for (const { message } of placeProblems(prefix, 1)) problems.push({ path: "prefix", message });
    if (problems.length > 0) throw new ConfigError(problems);
    // Of a cluster, each key lies where its own slot does.
    this.#servers = isCluster(client)
      ? new ClusterServers(client, { prefix, buckets: 1, check: () => Promise.resolve() })
      : new OneServer(client, 1, () => undefined);
    this.#prefix = prefix;
  }

  async claim(key: string, untilAt: number, now: number): Promise<boolean> {
    const spanMs = String(Math.max(1, Math.ceil(untilAt - now)));
    const name = `${this.#prefix}p:${key}`;
    const claimed = async (): Promise<unknown> => {
      if (!this.#servers.isReady) await this.#open();
      return this.#servers.text("claim", ["SET", name, "1", "NX", "PX", spanMs]);
    };
    try {
      return (await bounded(claimed(), CALL_MS, "claim")) !== null;
    } catch (error) {
      throw storeFault(error, "claim");
    }
  }

  /** One attempt for all who wait. */
  #open(): Promise<void> {
    this.#opening ??= this.#servers.open().finally(() => void (this.#opening = undefined));
    return this.#opening;
  }

  /** Close what it connected. */
  close(): Promise<void> {
    return this.#servers.close();
  }
}
