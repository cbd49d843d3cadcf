/**
 * The primaries of a cluster. Of the driver's cluster this takes the settings and its connections
 * to single nodes, and decides itself who is asked: the driver's own routing asks for the topology
 * seconds after a node is lost, and waits without an end for nodes that are not there.
 *
 * A script that also writes keys it works out itself would stop in the middle while its slot is
 * being moved. So each names a key that never is, beside those that are: then a node that has not
 * all of the slot refuses it (TRYAGAIN) before it begins, and it is sent again a little later.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import { TEXT } from "./client.ts";
import type { Argument, RedisClient } from "./client.ts";
import { Durable } from "./durable.ts";
import type { Wait, Written } from "./durable.ts";
import { redirectOf, replyCode, SlotMovingError, storeFault } from "./faults.ts";
import type { Redirect } from "./faults.ts";
import { BYTES } from "./link.ts";
import type { Link, Script } from "./link.ts";
import { ClusterNodes } from "./cluster-nodes.ts";
import type { RedisCluster } from "./cluster-nodes.ts";
import { tagOf } from "./names.ts";
import { TRACKING, unlessNeeded } from "./servers.ts";
import type { Part, Primary, Servers } from "./servers.ts";
import { slotOf } from "./slots.ts";

/** How long a command is sent again that was refused because its slot moves or has no owner. */
const RETRY_MS = 1_000;
const RETRY_PAUSE_MS = 20;
/** Redirections that are followed at once. */
const HOPS_MAX = 4;
const NO_OWNER = "no server has a part of the keys";
const ASKING = ["ASKING"];
/** Answers of a node that has done nothing, and may do it a little later. */
const LATER: ReadonlySet<string> = new Set(["TRYAGAIN", "CLUSTERDOWN"]);

type Before = readonly string[] | undefined;
type Send = (link: Link, before: Before, address: string) => Promise<unknown>;

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
  /** By the address of a primary. */
  readonly #durables = new Map<string, Durable>();

  constructor(cluster: RedisCluster, options: ClusterOptions) {
    this.#options = options;
    this.#nodes = new ClusterNodes(cluster, options.check, (address) => this.#leave(address));
  }

  get isReady(): boolean {
    return this.#nodes.known;
  }

  open(): Promise<void> {
    return this.#nodes.known ? Promise.resolve() : this.#nodes.refresh();
  }

  async primaries(part?: Part): Promise<readonly Primary[]> {
    await this.#nodes.refresh();
    const { prefix, buckets } = this.#options;
    const theirs = new Map<string, number[]>();
    const main = this.#nodes.ownerOf(slotOf(`${prefix}m`));
    if (main !== undefined) theirs.set(main, []);
    else if (part === undefined) throw new StoreUnavailableError(NO_OWNER);
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const address = this.#nodes.ownerOf(slotOf(`{${tagOf(bucket)}}`));
      if (address === undefined) {
        if (part === undefined || part === bucket) throw new StoreUnavailableError(NO_OWNER);
        continue;
      }
      const list = theirs.get(address) ?? [];
      list.push(bucket);
      theirs.set(address, list);
    }
    const linked = [...theirs].map(async ([address, list]): Promise<Primary[]> => {
      const known = this.#nodes.linkAt(address);
      const link = known ?? (await unlessNeeded(this.#nodes.linkTo(address), part, list));
      return link === undefined ? [] : [{ address, link, buckets: list, main: address === main }];
    });
    return (await Promise.all(linked)).flat();
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
    const send: Send = (link, before) => link.evaluate(script, guarded, args, before);
    return this.#ask(script.name, key, send, script.apart === true ? 0 : RETRY_MS);
  }

  durably(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    wait: Wait,
  ): Promise<Written> {
    const [key = ""] = keys;
    const guarded = [...keys, this.#guardOf(key)];
    return this.#ask(script.name, key, (_link, before, address) =>
      this.#durableAt(address).run(wait, (lane) => lane.evaluate(script, guarded, args, before)),
    ) as Promise<Written>;
  }

  close(): Promise<void> {
    for (const durable of this.#durables.values()) durable.close();
    return this.#nodes.close();
  }

  #durableAt(address: string): Durable {
    const known = this.#durables.get(address);
    if (known !== undefined) return known;
    const durable = new Durable(() => this.#nodes.clientOf(address).duplicate());
    this.#durables.set(address, durable);
    return durable;
  }

  #leave(address: string): void {
    this.#durables.get(address)?.close();
    this.#durables.delete(address);
  }

  #guardOf(key: string): string {
    return `${this.#options.prefix}n/${key.slice(key.indexOf("{"), key.indexOf("}") + 1)}`;
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
      if (!(error instanceof SlotMovingError)) throw error;
    }
    const values: unknown[] = [];
    for (const key of args.slice(1)) values.push(await this.bytes(operation, ["GET", key]));
    return values;
  }

  async #ask(operation: string, key: string, send: Send, retryMs = RETRY_MS): Promise<unknown> {
    const slot = slotOf(key);
    const until = performance.now() + retryMs;
    let where: Redirect | undefined;
    for (let hops = 0; ; hops += 1) {
      const address = where?.address ?? this.#nodes.ownerOf(slot);
      try {
        return await this.#sendTo(address, send, where?.ask === true ? ASKING : undefined);
      } catch (error) {
        where = this.#next(error, address ?? "", { operation, slot, until, hops });
      }
      if (where === undefined || hops >= HOPS_MAX) await pause();
    }
  }

  async #sendTo(
    address: string | undefined,
    send: Send,
    before: readonly string[] | undefined,
  ): Promise<unknown> {
    if (address === undefined) throw new StoreUnavailableError("no server has this key");
    const link = this.#nodes.linkAt(address);
    return link === undefined
      ? send(await this.#nodes.linkTo(address), before, address)
      : send(link, before, address);
  }

  /**
   * @returns where the command is sent next; `undefined`: where it was, a little later.
   * @throws what its caller is told. Only a redirection, what {@link LATER} lists, and a server
   * that became a replica before it was sent anything, say that the command was not run.
   */
  #next(error: unknown, address: string, call: Call): Redirect | undefined {
    const where = redirectOf(error, address);
    if (where?.ask === false) this.#nodes.moved(call.slot, where.address);
    if (where === undefined) this.#nodes.refreshSoon(address);
    if (where !== undefined && call.hops < HOPS_MAX) return where;
    const notRun =
      where !== undefined || LATER.has(replyCode(error)) || error instanceof SlotMovingError;
    if (!notRun) throw storeFault(error, call.operation);
    if (performance.now() < call.until) return where;
    const why = `${call.operation}: its slot is being moved, or has no server`;
    throw new SlotMovingError(why, { cause: storeFault(error, call.operation) });
  }
}

interface Call {
  readonly operation: string;
  readonly slot: number;
  readonly until: number;
  readonly hops: number;
}

function pause(): Promise<void> {
  const ms = RETRY_PAUSE_MS * (0.5 + Math.random());
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
