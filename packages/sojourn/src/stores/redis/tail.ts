/**
 * Changes in the order of the logs, for one subscriber on connections of its own. It resumes where
 * it was after a lost connection, and tells a gap where a log no longer reaches back or the past of
 * a server may have changed. Of one hash tag, and so of one subject, changes come in order.
 */
import type { Subscription, TailHandlers } from "../../engine/ports.ts";
import { tell } from "../handlers.ts";
import { bounded } from "./connecting.ts";
import { storeFault } from "./faults.ts";
import { Follower } from "./follower.ts";
import type { Tracked } from "./follower.ts";
import type { Base, Ground } from "./ground.ts";
import { changeOf, lastSeqs } from "./log.ts";
import type { LogEntry } from "./log.ts";
import { positionOf, seqsOf, Step } from "./position.ts";
import type { Place } from "./position.ts";

/** Between proofs of freshness. */
const BEAT_MS = 200;
/** No answer for so long means that a connection is gone. */
const OVERDUE_MS = 2_000;
/** Changes whose positions may be asked for since the last known place. */
const STEPS_MAX = 1_000;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 300;

export class Tail implements Subscription {
  readonly #ground: Ground;
  readonly #handlers: TailHandlers;
  readonly #onClose: (tail: Tail) => void;
  readonly #followers = new Map<string, Follower>();
  /** Whose log each bucket's is; and one bucket of each, for its proof. */
  readonly #owners = new Map<number, string>();
  readonly #proofs = new Map<string, number>();
  /** Servers that buckets are being moved to, which own none yet. */
  readonly #arriving = new Set<string>();
  /** Where to begin, for as long as it is not known where that is. */
  #from: string;
  #incarnation = "";
  /** Of each bucket, what was told last. */
  #seqs: number[] | undefined;
  #way: Place | Step = { incarnation: "", seqs: [] };
  #position = "";
  #settled = false;
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
    void this.#run(from === "now" ? this.#here() : Promise.resolve());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake?.();
    for (const address of this.#followers.keys()) this.#drop(address);
    this.#onClose(this);
  }

  /** Asked for on the store's connection at once: what the store writes after it comes after it. */
  async #here(): Promise<void> {
    const base = this.#ground.base ?? (await this.#ground.ready());
    const seqs = await lastSeqs(this.#ground.link, base);
    this.#incarnation = base.incarnation;
    this.#stand(seqs);
  }

  async #run(beginning: Promise<void>): Promise<void> {
    let wait = RETRY_MIN_MS;
    await beginning.catch((error: unknown) => this.#tellError(error));
    while (!this.#closed) {
      try {
        await this.#settle();
        while (this.#settled && !this.#closed) {
          await this.#prove();
          wait = RETRY_MIN_MS;
        }
        await this.#pause(wait);
      } catch (error) {
        if (this.#closed) return;
        this.#settled = false;
        this.#tellError(error);
        await this.#pause(wait);
        wait = Math.min(wait * 2, RETRY_MAX_MS);
      }
    }
  }

  /** Follow every primary, and read all that was written since the place where this is. */
  async #settle(): Promise<void> {
    this.#settled = true;
    const base = await this.#ground.ready();
    await this.#follow(base);
    const lasts = await this.#place(base);
    if (this.#closed) return;
    for (const [bucket, address] of this.#owners) this.#followers.get(address)?.read([bucket]);
    await this.#drained();
    if (this.#settled && this.#skipErased(lasts)) this.#call(() => this.#handlers.gap?.());
  }

  /** Find out where the servers' logs go on from what was told. @returns their last changes. */
  async #place(base: Base): Promise<readonly number[]> {
    const { incarnation } = await this.#ground.examine();
    // What is read from here on may be later than what the servers say to be the last.
    const before = this.#before(incarnation, base.names.buckets);
    const lasts = await bounded(lastSeqs(this.#ground.link, base), OVERDUE_MS, "tail");
    const known = before?.every((seq, bucket) => seq <= (lasts[bucket] ?? 0)) === true;
    const begins = this.#incarnation === "" && this.#from === "now";
    this.#incarnation = incarnation;
    if (!known) this.#stand(lasts);
    else if (this.#seqs === undefined) this.#stand(before);
    if (!known && !begins) this.#call(() => this.#handlers.gap?.());
    return lasts;
  }

  async #follow(base: Base): Promise<void> {
    const { link } = this.#ground;
    const primaries = await link.primaries();
    // Whoever is closed has hung up: nobody would end what is connected now.
    if (this.#closed) return;
    this.#owners.clear();
    this.#proofs.clear();
    const wanted = new Set(this.#arriving);
    this.#arriving.clear();
    for (const { address, buckets } of primaries) {
      const [first] = buckets;
      if (first === undefined) continue;
      wanted.add(address);
      this.#proofs.set(address, first);
      for (const bucket of buckets) this.#owners.set(bucket, address);
    }
    for (const address of this.#followers.keys()) if (!wanted.has(address)) this.#drop(address);
    const missing = [...wanted].filter((address) => !this.#followers.has(address));
    await Promise.all(missing.map((address) => this.#dial(address, base)));
  }

  async #dial(address: string, { names }: Base): Promise<void> {
    const { link } = this.#ground;
    const told: Tracked = {
      names,
      together: link.together,
      seq: (bucket) => this.#seqs?.[bucket] ?? 0,
      tell: (bucket, entries) => this.#tell(bucket, entries),
      moved: (bucket, where) => this.#moved(bucket, where),
      lost: (error) => this.#lost(error === undefined ? undefined : address, error),
    };
    const follower = new Follower(address, link.dial(address), told);
    this.#followers.set(address, follower);
    try {
      await follower.open();
    } catch (error) {
      this.#drop(address);
      throw error;
    }
    const theirs = [...this.#owners].filter(([, owner]) => owner === address);
    if (this.#seqs !== undefined) follower.read(theirs.map(([bucket]) => bucket));
  }

  #drop(address: string): void {
    this.#followers.get(address)?.close();
    this.#followers.delete(address);
  }

  /** @returns `undefined` where the logs of this incarnation do not lead on from what was told. */
  #before(incarnation: string, buckets: number): readonly number[] | undefined {
    if (this.#seqs === undefined) return seqsOf(this.#from, incarnation, buckets);
    return this.#incarnation === incarnation ? [...this.#seqs] : undefined;
  }

  #stand(seqs: readonly number[]): void {
    this.#seqs = [...seqs];
    this.#rest();
  }

  /** From here on, positions are told from here. */
  #rest(): void {
    this.#way = { incarnation: this.#incarnation, seqs: [...(this.#seqs ?? [])] };
    this.#position = positionOf(this.#incarnation, this.#way.seqs);
  }

  /** What was the last and is not there any more has been erased. @returns whether some was. */
  #skipErased(lasts: readonly number[]): boolean {
    const seqs = this.#seqs;
    if (seqs?.every((seq, bucket) => seq >= (lasts[bucket] ?? 0)) !== false) return false;
    this.#stand(seqs.map((seq, bucket) => Math.max(seq, lasts[bucket] ?? 0)));
    return true;
  }

  #tell(bucket: number, entries: readonly LogEntry[]): void {
    const seqs = this.#seqs;
    if (seqs === undefined) return;
    for (const entry of entries) {
      const last = seqs[bucket] ?? 0;
      if (this.#closed) return;
      if (entry.seq <= last) continue;
      if (entry.seq !== last + 1) this.#call(() => this.#handlers.gap?.());
      seqs[bucket] = entry.seq;
      const step = new Step(this.#way, bucket, entry.seq);
      this.#way = step;
      if (step.length >= STEPS_MAX) this.#rest();
      const change = changeOf(entry, step);
      this.#call(() => (change ? this.#handlers.change(change) : this.#handlers.gap?.()));
    }
  }

  #moved(bucket: number, { address, ask }: { address: string; ask: boolean }): void {
    const follower = ask ? this.#followers.get(address) : undefined;
    if (follower !== undefined) {
      follower.read([bucket], true);
      return;
    }
    if (ask) this.#arriving.add(address);
    this.#lost();
  }

  /** Begin anew: follow whom there is now, and read what may have been missed. */
  #lost(address?: string, error?: unknown): void {
    if (this.#closed) return;
    if (address !== undefined) this.#drop(address);
    if (error !== undefined) this.#tellError(error);
    if (!this.#settled) return;
    this.#settled = false;
    this.#wake?.();
  }

  /** Whatever was acknowledged before this began has been told when all have answered. */
  async #prove(): Promise<void> {
    const askedAt = performance.now();
    const proven = await this.#each((follower) =>
      follower.beat(this.#proofs.get(follower.address)),
    );
    await this.#drained();
    if (!this.#settled || this.#closed) return;
    if (this.#way instanceof Step) this.#rest();
    if (proven.every(Boolean)) {
      this.#call(() => this.#handlers.frontier?.(this.#position, askedAt));
    }
    await this.#pause(BEAT_MS - (performance.now() - askedAt));
  }

  /** Twice at least: what one has to read may have moved to another, or be more than it can. */
  async #drained(): Promise<void> {
    const isBehind = (): boolean => [...this.#followers.values()].some((one) => one.behind);
    for (let times = 0; times < 2 || (isBehind() && this.#settled && !this.#closed); times += 1)
      await this.#each((follower) => follower.drained());
  }

  /** Of all followers. One that does not answer in time is given up; the others go on. */
  async #each<Answer>(ask: (follower: Follower) => Promise<Answer>): Promise<readonly Answer[]> {
    const asked = [...this.#followers.values()].map((follower) =>
      bounded(ask(follower), OVERDUE_MS, "tail").catch((error: unknown) => {
        this.#drop(follower.address);
        throw error;
      }),
    );
    return Promise.all(asked);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 0)).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tellError(error: unknown): void {
    this.#call(() => this.#handlers.error?.(storeFault(error, "tail")));
  }

  /** A handler's mistake must not end the tail. */
  #call(run: () => void): void {
    tell({ handlers: this.#handlers, open: !this.#closed }, run);
  }
}
