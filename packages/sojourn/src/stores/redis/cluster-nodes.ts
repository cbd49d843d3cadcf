/** The nodes of a cluster: who has which slot, and one connection to each primary. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import { clientProblem, TEXT } from "./client.ts";
import type { RedisClient } from "./client.ts";
import { bounded, firstTry, hangUp } from "./connecting.ts";
import { SlotMovingError, storeFault } from "./faults.ts";
import { Link } from "./link.ts";
import { ownersOf } from "./slots.ts";

/** A node answers so fast, or somebody else is asked. */
const ANSWER_MS = 1_000;
const ANSWER_OF_MANY_MS = 250;
/** Between two looks at the cluster that failures ask for. */
const REFRESH_PAUSE_MS = 100;
const HEARD_MS = 1_000;

/** What the driver takes for a node, and where it puts its connection. */
interface DriverNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly readonly: boolean;
  client?: RedisClient;
}

interface RootNode {
  readonly url?: string;
  readonly socket?: unknown;
}

/** `createCluster({ …, defaults: { disableOfflineQueue: true } })` of the package "redis". */
export interface RedisCluster {
  readonly _options: {
    readonly rootNodes: readonly RootNode[];
    readonly defaults?: { readonly disableOfflineQueue?: boolean; readonly readonly?: boolean };
    readonly useReplicas?: boolean;
    readonly keyPrefix?: unknown;
  };
  nodeClient(node: never): Promise<unknown>;
}

interface Node {
  readonly driver: DriverNode;
  /** Present while it is connected and was looked at. */
  link: Link | undefined;
  connecting: Promise<Link> | undefined;
  /** The connection whose events are listened to. */
  heard: RedisClient | undefined;
}

export class ClusterNodes {
  readonly #cluster: RedisCluster;
  readonly #check: (link: Link) => Promise<void>;
  readonly #left: (address: string) => void;
  readonly #nodes = new Map<string, Node>();
  readonly #roots: readonly string[];
  #owners: readonly (string | undefined)[] = [];
  /** Moved since {@link #owners} was learnt. */
  readonly #moved = new Map<number, string>();
  #refreshing: Promise<void> | undefined;
  #refreshedAt = -Infinity;
  #turn = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param left Told of a node that serves no slot any more. */
  constructor(
    cluster: RedisCluster,
    check: (link: Link) => Promise<void>,
    left: (address: string) => void,
  ) {
    this.#cluster = cluster;
    this.#check = check;
    this.#left = left;
    this.#roots = cluster._options.rootNodes.map(addressOf);
  }

  /** True once it is known who has which slot. */
  get known(): boolean {
    return this.#owners.length > 0;
  }

  ownerOf(slot: number): string | undefined {
    return this.#moved.get(slot) ?? this.#owners[slot];
  }

  /** A node says that another one has it by now. */
  moved(slot: number, address: string): void {
    this.#moved.set(slot, address);
    this.refreshSoon();
  }

  linkAt(address: string): Link | undefined {
    return this.#nodes.get(address)?.link;
  }

  async linkTo(address: string): Promise<Link> {
    const node = this.#node(address);
    node.connecting ??= this.#connect(node).finally(() => void (node.connecting = undefined));
    return node.connecting;
  }

  /** Connected or not. */
  clientOf(address: string): RedisClient {
    const { driver } = this.#node(address);
    if (driver.client === undefined) this.#open(driver).catch(() => undefined);
    if (driver.client === undefined) throw new StoreUnavailableError("connect: no connection");
    return driver.client;
  }

  /** @param failed Is asked last. */
  refreshSoon(failed?: string): void {
    if (performance.now() - this.#refreshedAt < REFRESH_PAUSE_MS)
      return this.#again(REFRESH_PAUSE_MS);
    if (this.#closed) return;
    this.refresh(failed).catch(() => undefined);
  }

  refresh(failed?: string): Promise<void> {
    this.#refreshing ??= this.#refresh(failed).finally(() => void (this.#refreshing = undefined));
    return this.#refreshing;
  }

  #again(ms: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.refreshSoon();
    }, ms).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#nodes.keys()].map((address) => this.#drop(address)));
  }

  /** Ask one after the other, each time beginning with another: a single one may be cut off. */
  async #refresh(failed: string | undefined): Promise<void> {
    const ready = [...this.#nodes].filter(([, node]) => node.driver.client?.isReady === true);
    const first = ready.map(([address]) => address).filter((address) => address !== failed);
    this.#turn += 1;
    const at = first.length === 0 ? 0 : this.#turn % first.length;
    const turned = [...first.slice(at), ...first.slice(0, at)];
    let trouble: unknown = new StoreUnavailableError("no node of the cluster is known");
    for (const address of new Set([...turned, ...this.#roots, ...this.#nodes.keys()])) {
      try {
        const ms = turned.includes(address) ? ANSWER_OF_MANY_MS : ANSWER_MS;
        const reply = await bounded(this.#slots(address), ms, "cluster");
        this.#learn(ownersOf(reply, address));
        return;
      } catch (error) {
        trouble = error;
      }
    }
    this.#refreshedAt = performance.now();
    throw storeFault(trouble, "cluster");
  }

  async #slots(address: string): Promise<unknown> {
    const client = await this.#open(this.#node(address).driver);
    return new Link(client).send(["CLUSTER", "SLOTS"], TEXT);
  }

  #learn(owners: readonly (string | undefined)[]): void {
    this.#refreshedAt = performance.now();
    this.#owners = owners;
    // Whoever was asked has not heard of it yet, as every node does within some heartbeats.
    if ([...this.#moved].some(([slot, to]) => owners[slot] !== to)) this.#again(HEARD_MS);
    this.#moved.clear();
    const serving = new Set(owners);
    for (const address of serving) {
      if (address !== undefined && this.linkAt(address) === undefined) {
        this.linkTo(address).catch(() => undefined);
      }
    }
    for (const address of this.#nodes.keys()) {
      if (!serving.has(address)) void this.#drop(address);
    }
  }

  #node(address: string): Node {
    const known = this.#nodes.get(address);
    if (known !== undefined) return known;
    if (this.#closed) throw new StoreUnavailableError("closed", { retryable: false });
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon);
    const port = Number(address.slice(colon + 1));
    const driver = { id: address, host, port, address, readonly: false };
    const node = { driver, link: undefined, connecting: undefined, heard: undefined };
    this.#nodes.set(address, node);
    return node;
  }

  async #open(driver: DriverNode): Promise<RedisClient> {
    const opening = this.#cluster.nodeClient(driver as never) as Promise<RedisClient>;
    const { client } = driver;
    // One that was connected once is at hand, connected now or not.
    return client === undefined ? opening : firstTry(client, opening, ANSWER_MS);
  }

  async #connect(node: Node): Promise<Link> {
    try {
      const client = await this.#open(node.driver);
      this.#hear(node, client);
      const link = new Link(client);
      await bounded(this.#check(link), ANSWER_MS, "connect");
      if (client.isReady) node.link = link;
      return link;
    } catch (error) {
      const { address } = node.driver;
      this.refreshSoon(address);
      const cause = storeFault(error, "connect");
      if (this.#closed || this.#nodes.get(address) === node) throw cause;
      // Hung up by us, while it was looked at: it has handed its slots over.
      throw new SlotMovingError("connect: the node serves no slot any more", { cause });
    }
  }

  /** After a reconnect it may be another server. */
  #hear(node: Node, client: RedisClient): void {
    if (node.heard === client) return;
    node.heard = client;
    client.on("ready", () => void (node.link = undefined));
  }

  async #drop(address: string): Promise<void> {
    const client = this.#nodes.get(address)?.driver.client;
    this.#nodes.delete(address);
    this.#left(address);
    if (client === undefined) return;
    // What it owes is waited for, by nobody but itself.
    await hangUp(client);
  }
}

function addressOf({ url, socket }: RootNode): string {
  if (url !== undefined) {
    const { hostname, port } = new URL(url);
    return `${hostname.replace(/^\[|\]$/g, "")}:${port === "" ? 6379 : port}`;
  }
  const { host = "localhost", port = 6379 } = (socket ?? {}) as { host?: string; port?: number };
  return `${host}:${port}`;
}

export function isCluster(client: unknown): client is RedisCluster {
  return typeof client === "object" && client !== null && "nodeClient" in client;
}

/** @returns what of a client, or of a cluster's settings, would break a promise. */
export function driverProblem(given: unknown): string | undefined {
  return isCluster(given) ? clusterProblem(given) : clientProblem(given);
}

function clusterProblem({ _options: options }: Partial<RedisCluster>): string | undefined {
  if (options === undefined) return 'expected createCluster() of the package "redis" 5 or newer';
  if (options.useReplicas === true || options.defaults?.readonly === true) {
    return "may read from replicas, which lag behind: make it without useReplicas";
  }
  if (options.defaults?.disableOfflineQueue !== true) {
    return (
      "keeps commands while a node is offline and replays them later, when nobody waits for " +
      "them: make it with createCluster({ …, defaults: { disableOfflineQueue: true } })"
    );
  }
  if (options.keyPrefix !== undefined) return "has a keyPrefix: use the store's prefix instead";
  return undefined;
}
