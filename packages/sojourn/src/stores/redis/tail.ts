/**
 * Changes in the order of the log, for one subscriber on a connection of its own: it waits in the
 * server for what comes. It resumes where it was after a lost connection, and tells a gap where
 * the log no longer reaches back or the server's past may have changed.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Subscription, TailHandlers } from "../../engine/ports.ts";
import type { RedisClient } from "./client.ts";
import { storeFault } from "./faults.ts";
import type { Ground } from "./ground.ts";
import { Link } from "./link.ts";
import { changeOf, entriesOf, sequenceOf } from "./log.ts";
import type { LogEntry } from "./log.ts";

/** How long the server waits for a change before it answers that there is none. */
const BLOCK_MS = 250;
/** No answer for so much longer means that the connection is gone. */
const OVERDUE_MS = 2_000;
const ENTRIES_PER_READ = 500;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;

interface Place {
  readonly incarnation: string;
  readonly seq: number;
}

export class Tail implements Subscription {
  readonly #ground: Ground;
  readonly #handlers: TailHandlers;
  readonly #onClose: (tail: Tail) => void;
  /** Where to begin, then where it is. */
  #from: string;
  #connection: RedisClient | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(
    ground: Ground,
    from: string,
    told: { readonly handlers: TailHandlers; readonly onClose: (tail: Tail) => void },
  ) {
    this.#ground = ground;
    this.#from = from;
    this.#handlers = told.handlers;
    this.#onClose = told.onClose;
    void this.#run(from === "now" ? this.#here() : undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake?.();
    this.#hangUp();
    this.#onClose(this);
  }

  /** Asked for on the store's connection at once: what the store writes after it comes after it. */
  async #here(): Promise<Place> {
    const { incarnation, names } = this.#ground.base ?? (await this.#ground.ready());
    return { incarnation, seq: await lastOf(this.#ground.link, names.log) };
  }

  async #run(beginning: Promise<Place> | undefined): Promise<void> {
    let wait = RETRY_MIN_MS;
    try {
      if (beginning !== undefined) this.#from = positionOf(await beginning);
    } catch (error) {
      this.#call(() => this.#handlers.error?.(storeFault(error, "tail")));
    }
    while (!this.#closed) {
      try {
        const link = await this.#dial();
        let place = await this.#place(link);
        wait = RETRY_MIN_MS;
        while (!this.#closed) place = await this.#step(link, place);
      } catch (error) {
        this.#hangUp();
        if (this.#closed) return;
        this.#call(() => this.#handlers.error?.(storeFault(error, "tail")));
        await this.#pause(wait);
        wait = Math.min(wait * 2, RETRY_MAX_MS);
      }
    }
  }

  async #dial(): Promise<Link> {
    await this.#ground.ready();
    const connection = this.#ground.link.client.duplicate();
    this.#connection = connection;
    connection.on("error", () => undefined);
    await bounded(connection.connect(), OVERDUE_MS);
    return new Link(connection);
  }

  #hangUp(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection?.isOpen === true) connection.destroy();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Where in the log of this server the subscriber is. */
  async #place(link: Link): Promise<Place> {
    const at = Date.now();
    const { incarnation } = await this.#ground.examine();
    const { log } = (await this.#ground.ready()).names;
    const last = await lastOf(link, log);
    const wanted = this.#from === "now" ? last : placeOf(this.#from, incarnation);
    const known = wanted !== undefined && (await this.#reaches(link, wanted, last));
    const seq = known ? wanted : last;
    if (!known) this.#call(() => this.#handlers.gap?.());
    const place = { incarnation, seq };
    this.#from = positionOf(place);
    if (seq === last) this.#tellFrontier(place, at);
    return place;
  }

  /** True when the entry that follows `seq` is there still, or nothing has followed it. */
  async #reaches(link: Link, seq: number, last: number): Promise<boolean> {
    if (seq === last) return true;
    if (seq > last) return false;
    const { log } = (await this.#ground.ready()).names;
    const args = ["XRANGE", log, `0-${seq + 1}`, `0-${seq + 1}`];
    return ((await link.text("tail", args)) as unknown[]).length === 1;
  }

  async #step(link: Link, place: Place): Promise<Place> {
    const at = Date.now();
    const { names } = await this.#ground.ready();
    const args = ["XREAD", "COUNT", `${ENTRIES_PER_READ}`, "BLOCK", `${BLOCK_MS}`];
    const reading = link.text("tail", [...args, "STREAMS", names.log, `0-${place.seq}`]);
    const entries = entriesOf(await bounded(reading, BLOCK_MS + OVERDUE_MS));
    if (this.#closed) return place;
    if (entries.length === 0) return this.#quiet(link, place);
    const next = this.#tell(entries, place);
    if (entries.length < ENTRIES_PER_READ) this.#tellFrontier(next, at);
    return next;
  }

  /** Nothing came: it is still the same server, and the same log? */
  async #quiet(link: Link, place: Place): Promise<Place> {
    const at = Date.now();
    const { prefix, log } = (await this.#ground.ready()).names;
    const asked = link.text("tail", ["HGET", `${prefix}m`, "incarnation"]);
    const incarnation = await bounded(asked, OVERDUE_MS);
    const last = await bounded(lastOf(link, log), OVERDUE_MS);
    if (this.#closed) return place;
    if (incarnation !== place.incarnation || last < place.seq) return this.#place(link);
    if (last === place.seq) this.#tellFrontier(place, at);
    return place;
  }

  #tell(entries: readonly LogEntry[], from: Place): Place {
    let place = from;
    for (const entry of entries) {
      if (this.#closed) break;
      if (entry.seq !== place.seq + 1) this.#call(() => this.#handlers.gap?.());
      place = { incarnation: from.incarnation, seq: entry.seq };
      const position = positionOf(place);
      this.#from = position;
      this.#call(() => this.#handlers.change(changeOf(entry, position)));
    }
    return place;
  }

  #tellFrontier(place: Place, at: number): void {
    this.#call(() => this.#handlers.frontier?.(positionOf(place), at));
  }

  /** A handler's mistake must not end the tail. */
  #call(run: () => void): void {
    if (this.#closed) return;
    try {
      run();
    } catch (error) {
      try {
        this.#handlers.error?.(error);
      } catch {
        // A handler of errors that fails has nobody left to tell.
      }
    }
  }
}

function positionOf({ incarnation, seq }: Place): string {
  return `${incarnation}:${seq}`;
}

/** The number of the log's last entry, erased ones included; 0 for a log not begun. */
async function lastOf(link: Link, log: string): Promise<number> {
  const asked = [link.text("tail", ["EXISTS", log]), link.text("tail", ["XINFO", "STREAM", log])];
  const [exists, info] = await Promise.allSettled(asked);
  if (exists?.status === "rejected") throw exists.reason;
  if (exists?.value === 0 || info === undefined) return 0;
  if (info.status === "rejected") throw info.reason;
  const reply: unknown = info.value;
  const flat = Array.isArray(reply) ? (reply as unknown[]) : Object.entries(reply as object).flat();
  return sequenceOf(String(flat[flat.indexOf("last-generated-id") + 1]));
}

/** @returns `undefined` for a position that is not of this server's past. */
function placeOf(position: string, incarnation: string): number | undefined {
  const [known, digits = ""] = position.split(":");
  return known === incarnation && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}

/** A stopped server answers nothing and closes nothing. @throws {StoreUnavailableError} */
async function bounded<Value>(waiting: Promise<Value>, ms: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailableError("tail: no answer")), ms).unref();
  });
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
    waiting.catch(() => undefined);
  }
}
