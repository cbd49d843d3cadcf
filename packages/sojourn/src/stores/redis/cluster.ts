/**
 * The primaries of a cluster. Of the driver's cluster this takes the settings and its connections to
 * single nodes, and decides itself who is asked: the driver's own routing sends a command again
 * whose outcome is unknown, and waits without an end for nodes that are not there.
 *
 * A script that also writes keys it works out itself would stop in the middle while its slot is
 * being moved. So each names a key that never is, beside those that are: then a node that has not
 * all of the slot refuses it (TRYAGAIN) before it begins, and it is sent again a little later.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import { TEXT } from "./client.ts";
import type { Argument, RedisClient } from "./client.ts";
import { redirectOf, replyCode, storeFault } from "./faults.ts";
import type { Redirect } from "./faults.ts";
import { BYTES, Link } from "./link.ts";
import type { Script } from "./link.ts";
import { ClusterNodes } from "./cluster-nodes.ts";
import type { RedisCluster } from "./cluster-nodes.ts";
import { tagOf } from "./names.ts";
import { TRACKING } from "./servers.ts";
import type { Primary, Servers } from "./servers.ts";
import { slotOf } from "./slots.ts";

/** How long a command is sent again that was refused because its slot moves or has no owner. */
const RETRY_MS = 1_000;
const RETRY_PAUSE_MS = 20;
/** Redirections that are followed at once. */
const HOPS_MAX = 4;
const ASKING = ["ASKING"];
/** Answers of a node that has done nothing, and may do it a little later. */
const LATER: ReadonlySet<string> = new Set(["TRYAGAIN", "CLUSTERDOWN"]);

type Send = (link: Link, before?: readonly string[]) => Promise<unknown>;

export interface ClusterOptions {
  readonly prefix: string;
  readonly buckets: number;
  /** Looks at a node before anything is sent to it. @throws for one that may not hold sessions. */
  readonly check: (link: Link) => Promise<void>;
}

export class ClusterServers implements Servers {
  readonly together = false;
  readonly #nodes: ClusterNodes;
  readonly #options: ClusterOptions;

  constructor(cluster: RedisCluster, options: ClusterOptions) {
    this.#options = options;
    this.#nodes = new ClusterNodes(cluster, options.check);
  }

  get isReady(): boolean {
    return this.#nodes.known;
  }

  open(): Promise<void> {
    return this.#nodes.known ? Promise.resolve() : this.#nodes.refresh();
  }

  async primaries(): Promise<readonly Primary[]> {
    await this.#nodes.refresh();
    const { prefix, buckets } = this.#options;
    const theirs = new Map<string, number[]>();
    const add = (key: string, bucket?: number): void => {
      const address = this.#nodes.ownerOf(slotOf(key));
      if (address === undefined)
        throw new StoreUnavailableError("no server has a part of the keys");
      const list = theirs.get(address) ?? [];
      if (bucket !== undefined) list.push(bucket);
      theirs.set(address, list);
    };
    add(`${prefix}m`);
    for (let bucket = 0; bucket < buckets; bucket += 1) add(`{${tagOf(bucket)}}`, bucket);
    return Promise.all(
      [...theirs].map(async ([address, list]) => {
        const link = this.#nodes.linkAt(address) ?? (await this.#nodes.linkTo(address));
        return { address, link, buckets: list };
      }),
    );
  }

  dial(address: string): RedisClient {
    return this.#nodes.clientOf(address).duplicate(TRACKING);
  }

  bytes(operation: string, args: readonly Argument[]): Promise<unknown> {
    if (args[0] === "MGET") return this.#together(operation, args);
    return this.#ask(operation, String(args[1]), (link, before) => link.send(args, BYTES, before));
  }

  text(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#ask(operation, String(args[1]), (link, before) => link.send(args, TEXT, before));
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const [key = ""] = keys;
    const guarded = script.seldom ? keys : [...keys, this.#guardOf(key)];
    return this.#ask(script.name, key, (link, before) =>
      link.evaluate(script, guarded, args, before),
    );
  }

  close(): Promise<void> {
    return this.#nodes.close();
  }

  #guardOf(key: string): string {
    return `${this.#options.prefix}n:${key.slice(key.indexOf("{"), key.indexOf("}") + 1)}`;
  }

  /** Several keys of one slot; one after the other, in their order, while the slot is moved. */
  async #together(operation: string, args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.#ask(
        operation,
        String(args[1]),
        (link, before) => link.send(args, BYTES, before),
        0,
      );
    } catch (error) {
      if (!(error instanceof Moving)) throw error;
    }
    const values: unknown[] = [];
    for (const key of args.slice(1)) values.push(await this.bytes(operation, ["GET", key]));
    return values;
  }

  async #ask(operation: string, key: string, send: Send, retryMs = RETRY_MS): Promise<unknown> {
    const slot = slotOf(key);
    const deadline = performance.now() + retryMs;
    let where: Redirect | undefined;
    for (let hops = 0; ; hops += 1) {
      const address = where?.address ?? this.#nodes.ownerOf(slot);
      try {
        if (address === undefined) throw new StoreUnavailableError("no server has this key");
        const link = this.#nodes.linkAt(address) ?? (await this.#nodes.linkTo(address));
        return await send(link, where?.ask === true ? ASKING : undefined);
      } catch (error) {
        where = redirectOf(error, address ?? "");
        if (where?.ask === false) this.#nodes.moved(slot, where.address);
        const later = LATER.has(replyCode(error));
        // Nothing else says that the command was not run.
        if (where === undefined) this.#nodes.refreshSoon(address);
        if (later && retryMs === 0) throw new Moving(operation);
        const late = performance.now() > deadline && (later || hops >= HOPS_MAX);
        if ((where === undefined && !later) || late) throw storeFault(error, operation);
      }
      if (where === undefined || hops >= HOPS_MAX) await pause();
    }
  }
}

/** Its slot is being moved, and the command names keys on both sides. */
class Moving extends StoreUnavailableError {}

function pause(): Promise<void> {
  const ms = RETRY_PAUSE_MS * (0.5 + Math.random());
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
