/**
 * Writes that wait until they are safe. `WAIT` blocks its connection and counts the writes of that
 * connection alone: so these have connections of their own, and each waits once for all the writes
 * that came while it waited before. Not being safe in time is no error: the result says what is.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Durability } from "../../protocol/words.ts";
import type { RedisClient } from "./client.ts";
import { bounded, discard, untilReady } from "./connecting.ts";
import { storeFault } from "./faults.ts";
import { Link } from "./link.ts";

/** Connections: one waits while the other writes. */
const LANES = 2;
/** Writes that wait together: all that came in the second that {@link WAIT_MS} may take. */
const BATCH_MAX = 2_000;
const CONNECTED_MS = 1_000;
/** A connection on which writes go unanswered for so long is given up. */
const ANSWERED_MS = 2_000;
/** An answer may be under way when the server has stopped to wait. */
const MARGIN_MS = 500;
/** How long a revocation waits at most for what it asked for. */
const WAIT_MS = 1_000;

/** What the servers can give, as known when the connection was examined. */
export interface Means {
  /** What every write has got when it is answered. */
  readonly plain: Durability;
  /** The server can be asked to wait for its own disk. */
  readonly waitAof: boolean;
  readonly replicas: number;
}

export interface Wait {
  readonly wanted: Durability;
  readonly means: Means;
}

/** What a script answered, and what its write has got. */
export interface Written {
  readonly value: unknown;
  readonly durability: Durability;
}

interface Waiting extends Wait {
  readonly write: (link: Link) => Promise<unknown>;
  readonly done: (written: Written) => void;
  readonly failed: (error: unknown) => void;
}

/** @returns whether a plain write has not got it already, and there is something to wait for. */
export function mustWait(wanted: Durability | undefined, means: Means): boolean {
  if (wanted === "replicated" || wanted === "quorum") return true;
  return wanted === "local" && means.plain !== "local" && means.waitAof;
}

export function durabilitiesOf(means: Means): readonly Durability[] {
  const local: readonly Durability[] = means.waitAof || means.plain === "local" ? ["local"] : [];
  const replicated: readonly Durability[] = means.replicas > 0 ? ["replicated", "quorum"] : [];
  return ["memory", ...local, ...replicated];
}

/** One server's lanes. */
export class Durable {
  readonly #dial: () => RedisClient;
  readonly #queue: Waiting[] = [];
  readonly #lanes: (RedisClient | undefined)[] = Array.from({ length: LANES });
  readonly #busy = new Set<number>();
  #replicas = 0;
  #closed = false;

  /** @param dial Makes a client for the server that owns the keys, not connected. */
  constructor(dial: () => RedisClient) {
    this.#dial = dial;
  }

  /**
   * Run `write` on a connection that then waits for `wanted`.
   *
   * @returns what it gave, and what it has got: never more than was confirmed.
   * @throws what `write` threw, or that the connection was lost before it was answered.
   */
  run({ wanted, means }: Wait, write: (link: Link) => Promise<unknown>): Promise<Written> {
    return new Promise<Written>((done, failed) => {
      if (this.#closed) return failed(new StoreUnavailableError("closed", { retryable: false }));
      this.#queue.push({ wanted, means, write, done, failed });
      this.#start();
    });
  }

  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) discard(lane);
  }

  #start(): void {
    const free = this.#lanes.findIndex((_, index) => !this.#busy.has(index));
    if (free === -1) return;
    this.#busy.add(free);
    void this.#drain(free);
  }

  async #drain(index: number): Promise<void> {
    while (this.#queue.length > 0) {
      const [first] = this.#queue;
      // One kind at a time: who asks for a replica does not wait for a disk.
      const batch = this.#queue.filter((one) => one.wanted === first?.wanted).slice(0, BATCH_MAX);
      for (const one of batch) this.#queue.splice(this.#queue.indexOf(one), 1);
      await this.#runBatch(index, batch);
    }
    this.#busy.delete(index);
  }

  async #runBatch(index: number, batch: readonly Waiting[]): Promise<void> {
    let lane: RedisClient;
    try {
      lane = await this.#laneOf(index);
    } catch (error) {
      for (const one of batch) one.failed(storeFault(error, "revoke"));
      return;
    }
    const link = new Link(lane);
    const overdue = setTimeout(() => discard(lane), ANSWERED_MS);
    const written = await Promise.allSettled(batch.map((one) => one.write(link)));
    clearTimeout(overdue);
    const some = written.some((one) => one.status === "fulfilled");
    const confirmed = some && batch[0] !== undefined ? await this.#wait(lane, batch[0]) : undefined;
    for (const [at, { done, failed, means }] of batch.entries()) {
      const outcome = written[at];
      if (outcome?.status !== "fulfilled") failed(outcome?.reason);
      else done({ value: outcome.value, durability: confirmed ?? means.plain });
    }
  }

  async #laneOf(index: number): Promise<RedisClient> {
    const known = this.#lanes[index];
    if (known?.isReady === true) return known;
    const lane = this.#dial();
    this.#lanes[index] = lane;
    // Connected anew it would count no writes, and every replica has got none.
    lane.on("error", () => {
      if (!lane.isReady) discard(lane);
    });
    await untilReady(lane, CONNECTED_MS).catch((error: unknown) => {
      discard(lane);
      throw error;
    });
    if (this.#closed) discard(lane);
    return lane;
  }

  /** What all writes of this connection have got; `undefined`: nothing more than any write. */
  async #wait(lane: RedisClient, { wanted, means }: Waiting): Promise<Durability | undefined> {
    const link = new Link(lane);
    try {
      if (wanted === "local") {
        const [disks] = (await waitFor(link, "WAITAOF", "1", "0")) as unknown[];
        return Number(disks) > 0 ? "local" : undefined;
      }
      const quorum = await this.#quorum(link, means);
      // Nobody ever followed: there is nothing to wait for.
      if (this.#replicas === 0) return undefined;
      const most = wanted === "quorum" ? quorum : Infinity;
      const confirmed = Number(await waitFor(link, "WAIT", `${most === Infinity ? 1 : most}`));
      if (confirmed >= most) return "quorum";
      return confirmed > 0 ? "replicated" : undefined;
    } catch {
      // The writes were answered: that nothing more is known of them is what is told.
      discard(lane);
      return undefined;
    }
  }

  /** Most of the replicas that are known, were seen, or have come since. */
  async #quorum(link: Link, means: Means): Promise<number> {
    const info = await bounded(link.text("wait", ["INFO", "replication"]), WAIT_MS, "wait");
    const connected = Number(/^connected_slaves:(\d+)/m.exec(String(info))?.[1] ?? 0);
    this.#replicas = Math.max(this.#replicas, connected, means.replicas);
    return Math.floor(this.#replicas / 2) + 1;
  }
}

function waitFor(link: Link, ...command: readonly string[]): Promise<unknown> {
  return bounded(link.text("wait", [...command, `${WAIT_MS}`]), WAIT_MS + MARGIN_MS, "wait");
}
