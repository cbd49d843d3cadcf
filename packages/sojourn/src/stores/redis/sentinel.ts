/**
 * One client that is always connected to the primary which the Sentinels name. To the store a
 * failover looks like a reconnect to another server. Nothing is sent twice: what was under way when
 * the primary was left has failed, and may have happened. The reasons against the driver's own
 * Sentinel client are in docs/decisions.
 */
import { EventEmitter } from "node:events";
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { clientProblem } from "./client.ts";
import type { Argument, ClientEvent, Overrides, RedisClient } from "./client.ts";
import { bounded, discard, hangUp, untilReady } from "./connecting.ts";
import { replyCode } from "./faults.ts";
import { pairsOf } from "./reply.ts";
import { newestOf, sameAddress, sightingOf } from "./sentinel-facts.ts";
import type { RedisAddress, SentinelFacts, Sighting } from "./sentinel-facts.ts";

export interface SentinelOptions {
  /** What the Sentinels call the primary. */
  readonly name: string;
  /** Every Sentinel: one that is cut off together with an old primary must not be the only one. */
  readonly addresses: readonly RedisAddress[];
  /**
   * Makes a client for a primary or a Sentinel, not connected:
   * `createClient({ socket: { host, port }, disableOfflineQueue: true, … })`.
   */
  readonly connect: (address: RedisAddress, to: "primary" | "sentinel") => RedisClient;
}

/** How often the Sentinels are asked: how late a primary is left that nobody follows any more. */
const WATCH_MS = 250;
/** The same while there is no primary. */
const RETRY_MS = 50;
const SENTINEL_ANSWERS_MS = 1_000;
const CONNECTED_MS = 2_000;

/**
 * Follow the primary that Sentinels name. Pass what this returns as `client` of the Redis store. It
 * is connected only to a server that a Sentinel names and that says itself that it is a primary.
 *
 * @throws {ConfigError} for wrong options, or clients that could break a promise.
 */
export function followSentinels(options: SentinelOptions): RedisClient {
  const given = (options as SentinelOptions | null | undefined) ?? ({} as SentinelOptions);
  const problems: ConfigProblem[] = [];
  const refuse = (name: string, message: string): void =>
    void problems.push({ path: `sentinel.${name}`, message });
  const { name, addresses, connect } = given;
  if (typeof name !== "string" || name === "") refuse("name", "expected the primary's name");
  const known = Array.isArray(addresses) && addresses.every(isAddress) && addresses.length > 0;
  if (!known) refuse("addresses", "expected a list of { host, port }, one for each Sentinel");
  if (typeof connect !== "function") {
    refuse("connect", "expected a function that makes a client for an address");
  } else if (known) {
    const unfit = clientProblem(connect(addresses[0] as RedisAddress, "primary"));
    if (unfit !== undefined) refuse("connect", unfit);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return new SentinelClient(options);
}

function isAddress(given: unknown): boolean {
  const { host, port } = (given ?? {}) as Partial<RedisAddress>;
  return typeof host === "string" && host !== "" && Number.isInteger(port);
}

class SentinelClient implements RedisClient {
  readonly options = { disableOfflineQueue: true } as const;
  readonly #options: SentinelOptions;
  readonly #events: EventEmitter = new EventEmitter();
  readonly #sentinels: readonly SentinelLine[];
  #primary: RedisClient | undefined;
  #address: RedisAddress | undefined;
  #epoch = 0;
  #open = false;
  /** Connections to the same primary; they end with this one's. */
  #others: RedisClient[] = [];
  #wake: (() => void) | undefined;

  constructor(options: SentinelOptions) {
    this.#options = options;
    this.#sentinels = options.addresses.map(
      (one) =>
        new SentinelLine(one.host, () => {
          // What is asked in several steps goes on after the last of them was hung up.
          if (!this.#open) throw new Error("closed");
          return options.connect(one, "sentinel");
        }),
    );
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get isReady(): boolean {
    return this.#primary?.isReady === true;
  }

  /** One look around; fails when it finds no primary, and may be called again. */
  async connect(): Promise<void> {
    if (this.#open) return;
    this.#open = true;
    try {
      await this.#look();
    } catch (error) {
      this.destroy();
      throw error;
    }
    void this.#watch();
  }

  sendCommand(args: Argument[], options?: never): Promise<unknown> {
    const primary = this.#primary;
    if (primary?.isReady !== true) return Promise.reject(new Error("no primary is known"));
    const answer = primary.sendCommand(args, options);
    answer.catch((error: unknown) => this.#judge(primary, error));
    return answer;
  }

  /** A connection of its own to the present primary. It is cut when another is chosen. */
  duplicate(overrides: Overrides = {}): RedisClient {
    if (this.#address === undefined) throw new Error("no primary is known");
    const other = this.#options.connect(this.#address, "primary").duplicate(overrides);
    this.#others = [...this.#others.filter((one) => one.isOpen), other];
    return other;
  }

  on(event: ClientEvent, listener: (...args: unknown[]) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  off(event: ClientEvent, listener: (...args: unknown[]) => void): this {
    this.#events.off(event, listener);
    return this;
  }

  async close(): Promise<void> {
    const primary = this.#primary;
    this.#primary = undefined;
    this.destroy();
    if (primary?.isOpen === true) await hangUp(primary);
  }

  destroy(): void {
    this.#open = false;
    this.#wake?.();
    this.#leave();
    for (const sentinel of this.#sentinels) sentinel.hangUp();
  }

  /** How the Sentinels that answer are set up. */
  async sentinelFacts(): Promise<SentinelFacts> {
    const { name } = this.#options;
    const asked = this.#sentinels.map((one) => one.surroundings(name));
    // Each knows the others, so that most are enough: one that is silent would hold up the rest.
    const told = await answersOf(asked, Math.floor(asked.length / 2) + 1);
    const [first] = told;
    const all = (pick: (one: Surroundings) => number): number => Math.max(...told.map(pick));
    const sentinels = new Map(told.flatMap((one) => [...one.sentinels]));
    const itself = first !== undefined && sentinels.size < first.sighting.sentinels;
    return {
      sentinels: all(({ sighting }) => sighting.sentinels),
      quorum: first?.sighting.quorum ?? 0,
      replicas: all(({ sighting }) => sighting.replicas),
      primaryHost: first?.sighting.address.host ?? "",
      replicaHosts: [...(first?.replicas.values() ?? [])],
      sentinelHosts: [...sentinels.values(), ...(itself ? [first.host] : [])],
    };
  }

  async #watch(): Promise<void> {
    while (this.#open) {
      await this.#pause(this.isReady ? WATCH_MS : RETRY_MS);
      if (!this.#open) return;
      try {
        await this.#look();
      } catch (error) {
        this.#tell(error);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ask every Sentinel, and go to the primary that is to be believed. */
  async #look(): Promise<void> {
    const { name } = this.#options;
    const asked = this.#sentinels.map((one) => one.ask(name));
    // One that is gone with the primary's host is not waited for.
    const told = await answersOf(asked, Math.floor(asked.length / 2) + 1);
    const best = newestOf(told, this.#epoch);
    if (best === undefined) throw new Error("the Sentinels that answer know an older primary");
    if (!this.isReady || !sameAddress(best.address, this.#address)) await this.#goTo(best);
    this.#epoch = best.epoch;
  }

  async #goTo({ address }: Sighting): Promise<void> {
    this.#leave();
    const primary = this.#options.connect(address, "primary");
    primary.on("error", () => {
      if (!primary.isReady) this.#lose(primary);
    });
    try {
      await untilReady(primary, CONNECTED_MS);
      const reply = await bounded(
        primary.sendCommand(["INFO", "replication"]),
        CONNECTED_MS,
        "connect",
      );
      if (!/^role:master\r?$/m.test(String(reply))) {
        throw new Error(`${address.host}:${address.port} is named as the primary and is none`);
      }
      if (!this.#open) throw new Error("closed");
    } catch (error) {
      discard(primary);
      throw error;
    }
    this.#primary = primary;
    this.#address = address;
    this.#events.emit("ready");
  }

  /** What the primary answers may say that it is one no more. */
  #judge(primary: RedisClient, error: unknown): void {
    const code = replyCode(error);
    if (code === "READONLY") this.#lose(primary);
    else if (code === "NOREPLICAS") this.#wake?.();
  }

  #lose(primary: RedisClient): void {
    if (this.#primary !== primary) return;
    this.#leave();
    this.#tell(new Error("the primary was lost"));
    this.#wake?.();
  }

  #leave(): void {
    discard(this.#primary);
    for (const one of this.#others) discard(one);
    this.#primary = undefined;
    this.#address = undefined;
    this.#others = [];
  }

  #tell(error: unknown): void {
    if (this.#open && this.#events.listenerCount("error") > 0) this.#events.emit("error", error);
  }
}

interface Surroundings {
  readonly sighting: Sighting;
  /** Hosts by run id. */
  readonly sentinels: ReadonlyMap<string, string>;
  readonly replicas: ReadonlyMap<string, string>;
  /** Of the Sentinel that was asked. */
  readonly host: string;
}

/** A connection to one Sentinel. One that does not answer in time is made anew. */
class SentinelLine {
  readonly #host: string;
  readonly #make: () => RedisClient;
  #client: RedisClient | undefined;

  constructor(host: string, make: () => RedisClient) {
    this.#host = host;
    this.#make = make;
  }

  async ask(name: string): Promise<Sighting> {
    return sightingOf(await this.#send(["SENTINEL", "MASTER", name]));
  }

  async surroundings(name: string): Promise<Surroundings> {
    const sighting = await this.ask(name);
    const sentinels = hostsOf(await this.#send(["SENTINEL", "SENTINELS", name]));
    const replicas = hostsOf(await this.#send(["SENTINEL", "REPLICAS", name]));
    return { sighting, sentinels, replicas, host: this.#host };
  }

  hangUp(): void {
    discard(this.#client);
    this.#client = undefined;
  }

  async #send(command: string[]): Promise<unknown> {
    const client = this.#client ?? this.#make();
    if (this.#client === undefined) client.on("error", () => undefined);
    this.#client = client;
    const answer = async (): Promise<unknown> => {
      await untilReady(client, SENTINEL_ANSWERS_MS);
      return client.sendCommand(command);
    };
    try {
      return await bounded(answer(), SENTINEL_ANSWERS_MS, "sentinel");
    } catch (error) {
      if (this.#client === client) this.hangUp();
      throw error;
    }
  }
}

function hostsOf(reply: unknown): ReadonlyMap<string, string> {
  const each = (reply as unknown[]).map(pairsOf);
  return new Map(
    each.map((one) => [`${one.get("runid")} ${one.get("name")}`, one.get("ip") ?? ""]),
  );
}

/**
 * What the first `enough` said who answered, or those of them who did.
 *
 * @throws what the first said who did not, when nobody did.
 */
function answersOf<Answer>(asked: readonly Promise<Answer>[], enough: number): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const answers: Answer[] = [];
    const failures: unknown[] = [];
    const judge = (): void => {
      if (answers.length === enough) resolve(answers);
      if (answers.length + failures.length < asked.length) return;
      if (answers.length > 0) resolve(answers);
      else reject(failures[0]);
    };
    for (const one of asked) {
      one
        .then(
          (answer) => answers.push(answer),
          (failure: unknown) => failures.push(failure),
        )
        .then(judge, reject);
    }
  });
}
