/**
 * One connection of a tail to one primary. The server tells it which logs were written (client
 * tracking by prefix), and it reads those. What is told lies before the answer to anything that was
 * asked later: so an answer proves that nothing acknowledged before the question is still unknown.
 */
import { TEXT } from "./client.ts";
import type { RedisClient } from "./client.ts";
import { bounded, discard, firstTry } from "./connecting.ts";
import { redirectOf, replyCode, storeFault } from "./faults.ts";
import { Link } from "./link.ts";
import { entriesOf } from "./log.ts";
import type { LogEntry } from "./log.ts";
import { bucketOfKey } from "./names.ts";
import type { Names } from "./names.ts";

const CONNECTED_MS = 2_000;
/** Entries of one bucket at a time, and of all together. */
const ENTRIES_MIN = 100;
const ENTRIES_PER_READ = 10_000;
const ASKING = ["ASKING"];
/** What a server says that is the right one and takes no writes for now. */
const NO_WRITES: ReadonlySet<string> = new Set(["NOREPLICAS", "MISCONF", "CLUSTERDOWN", "BUSY"]);

export interface Tracked {
  readonly names: Names;
  /** One command may read several buckets. */
  readonly together: boolean;
  /** What was told of a bucket last. */
  seq(bucket: number): number;
  tell(bucket: number, entries: readonly LogEntry[]): void;
  /** The log is being moved, or was, to another primary. */
  moved(bucket: number, where: { readonly address: string; readonly ask: boolean }): void;
  /** Whatever was known may not hold any more: connected anew, erased, restored. */
  lost(error?: unknown): void;
}

export class Follower {
  readonly address: string;
  readonly #client: RedisClient;
  readonly #link: Link;
  readonly #told: Tracked;
  readonly #written = new Set<number>();
  /** Whose last answer was full: there is more. */
  readonly #behind = new Set<number>();
  /** Those of them that are being moved here. */
  readonly #arriving = new Set<number>();
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(address: string, client: RedisClient, told: Tracked) {
    this.address = address;
    this.#client = client;
    this.#link = new Link(client);
    this.#told = told;
    client.on("error", (error) => this.#lost(error));
    client.on("invalidate", (key) => this.#invalidated(key));
  }

  /** Connect and ask to be told. Whatever is written from here on is read. */
  async open(): Promise<void> {
    const { prefix } = this.#told.names;
    const prefixes = ["PREFIX", `${prefix}l/`, "PREFIX", `${prefix}m`];
    await firstTry(this.#client, this.#client.connect(), CONNECTED_MS);
    // The driver has turned tracking on, of what this connection reads.
    const asked = [["OFF"], ["ON", "BCAST", ...prefixes]].map((how) =>
      this.#link.text("tail", ["CLIENT", "TRACKING", ...how]),
    );
    await bounded(Promise.all(asked), CONNECTED_MS, "tail");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    discard(this.#client);
  }

  /** @param arriving The server has them only for who asks explicitly. */
  read(buckets: readonly number[], arriving: boolean = false): void {
    for (const bucket of buckets) {
      this.#written.add(bucket);
      if (arriving) this.#arriving.add(bucket);
    }
    if (this.#written.size > 0) this.#begin();
  }

  /** True while there is more of something than could be read at once. */
  get behind(): boolean {
    return this.#behind.size > 0;
  }

  /** Until what was to be read when this was called has been told, unless it is then behind. */
  async drained(): Promise<void> {
    // The round that is under way, and the one that takes what came since it began.
    await this.#round;
    await this.#round;
  }

  /**
   * Ask for what a server that may take no writes refuses: erasing a key that never is. One that
   * is cut off from its replicas proves nothing (`min-replicas-to-write`).
   */
  async beat(bucket: number | undefined): Promise<boolean> {
    const { names } = this.#told;
    const args = bucket === undefined ? ["PING"] : ["DEL", names.guard(bucket)];
    try {
      await this.#link.send(args, TEXT);
      return true;
    } catch (error) {
      if (NO_WRITES.has(replyCode(error))) return false;
      throw error;
    }
  }

  #invalidated(key: unknown): void {
    if (this.#closed) return;
    const name = Buffer.isBuffer(key) || typeof key === "string" ? key.toString() : "";
    const bucket = bucketOfKey(name);
    if (bucket === undefined || !name.startsWith(`${this.#told.names.prefix}l/`)) {
      this.#told.lost();
      return;
    }
    this.read([bucket]);
  }

  #begin(): void {
    if (this.#round !== undefined || this.#closed) return;
    this.#round = this.#read()
      .catch((error: unknown) => this.#lost(error))
      .finally(() => {
        this.#round = undefined;
        if (this.#written.size > 0) this.#begin();
      });
  }

  async #read(): Promise<void> {
    // What one message of the server names is read by one command.
    await Promise.resolve();
    const buckets = [...this.#written].filter((bucket) => !this.#arriving.has(bucket));
    const arriving = [...this.#arriving];
    this.#written.clear();
    this.#arriving.clear();
    const groups = this.#told.together ? [buckets] : buckets.map((bucket) => [bucket]);
    await Promise.all([
      ...groups.filter((group) => group.length > 0).map((group) => this.#readSome(group)),
      ...arriving.map((bucket) => this.#readSome([bucket], ASKING)),
    ]);
  }

  async #readSome(buckets: readonly number[], before?: readonly string[]): Promise<void> {
    const { names } = this.#told;
    const most = Math.max(ENTRIES_MIN, Math.floor(ENTRIES_PER_READ / buckets.length));
    const keys = buckets.map((bucket) => names.log(bucket));
    const ids = buckets.map((bucket) => `0-${this.#told.seq(bucket)}`);
    const args = ["XREAD", "COUNT", `${most}`, "STREAMS", ...keys, ...ids];
    let reply: unknown;
    try {
      reply = await this.#link.send(args, TEXT, before);
    } catch (error) {
      const where = redirectOf(error, this.address);
      if (where === undefined) throw error;
      for (const bucket of buckets) {
        this.#behind.delete(bucket);
        this.#told.moved(bucket, where);
      }
      return;
    }
    if (this.#closed) return;
    for (const bucket of buckets) this.#behind.delete(bucket);
    for (const [bucket, entries] of entriesOf(reply)) {
      this.#told.tell(bucket, entries);
      if (entries.length < most) continue;
      this.#behind.add(bucket);
      this.read([bucket], before !== undefined);
    }
  }

  #lost(error: unknown): void {
    if (!this.#closed) this.#told.lost(storeFault(error, "tail"));
  }
}
