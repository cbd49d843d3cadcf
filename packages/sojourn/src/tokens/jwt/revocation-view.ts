/**
 * What a verifier knows of revocations, and how sure it is. Pages are asked for when somebody
 * verifies and the last one has passed half the bound; past the bound nothing is answered from
 * here (I3), by this process's monotonic clock. There is no timer: an idle verifier asks nobody.
 *
 * The clock of the service bounds ours: its time lay between asking and hearing, so that a wall
 * clock that is off makes no token live longer or shorter.
 */
import type { HostTime } from "../../engine/ports.ts";
import { RevocationSet } from "./revocation-set.ts";
import type { Revocable, Verdict } from "./revocation-set.ts";
import type { RevocationFeed, RevocationPage } from "./revocations.ts";

export interface RevocationViewOptions {
  readonly feed: RevocationFeed;
  readonly boundMs: number;
  readonly entriesMax: number;
  readonly time: HostTime;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** After trouble, the next attempt comes this part of the bound later. */
const PAUSE_OF_BOUND = 8;
const PRUNES_PER_KEEP = 4;

export class RevocationView {
  /** Moves whenever a token that was live may be no more. */
  version = 0;
  readonly #options: RevocationViewOptions;
  readonly #set: RevocationSet = new RevocationSet();
  #position: string | undefined;
  /** The only one whose revocations are told. */
  #tenant: string | undefined;
  /** Everything acknowledged before this instant (monotonic) is known. */
  #provenAt = -Infinity;
  /** The service's time minus our monotonic clock lies between these. */
  #offsetMin = -Infinity;
  #offsetMax = Infinity;
  #attemptAt = -Infinity;
  #prunedAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: RevocationViewOptions) {
    this.#options = options;
  }

  /** True when what is known may be believed now. Begins to ask anew where that is due. */
  usable(): boolean {
    const { boundMs, entriesMax, time } = this.#options;
    const age = time.monotonic() - this.#provenAt;
    if (age * 2 >= boundMs) this.#begin();
    return age < boundMs && this.#set.size <= entriesMax;
  }

  /** The same, after an answer that is under way; never rejects. */
  async becomesUsable(): Promise<boolean> {
    if (this.usable()) return true;
    await this.#reading;
    return this.usable();
  }

  /** Milliseconds since the epoch, never further from the service's time than the last answer. */
  now(): number {
    const { time } = this.#options;
    const monotonic = time.monotonic();
    const latest = Math.min(time.wall(), monotonic + this.#offsetMax);
    return Math.max(latest, monotonic + this.#offsetMin);
  }

  judge(token: Revocable): Verdict | "tenant" {
    if (this.#tenant !== undefined && token.tenant !== this.#tenant) return "tenant";
    return this.#set.judge(token);
  }

  #begin(): void {
    if (this.#reading !== undefined) return;
    const { boundMs, time, onError } = this.#options;
    const now = time.monotonic();
    if (now - this.#attemptAt < boundMs / PAUSE_OF_BOUND) return;
    this.#attemptAt = now;
    this.#reading = this.#read()
      .catch((error: unknown) => onError?.(error))
      .finally(() => (this.#reading = undefined));
  }

  async #read(): Promise<void> {
    const asked = this.#options.time.monotonic();
    const since = this.#position;
    const page = await this.#options.feed.read(since);
    if (page.complete) {
      this.#take(page, asked, since === undefined);
      return;
    }
    const again = this.#options.time.monotonic();
    const snapshot = await this.#options.feed.read();
    if (!snapshot.complete) throw new Error("the revocation feed has no complete snapshot");
    this.#take(snapshot, again, true);
  }

  #take(page: RevocationPage, asked: number, snapshot: boolean): void {
    const heard = this.#options.time.monotonic();
    if (snapshot) this.#set.forgetLocks();
    for (const entry of page.entries) this.#set.add(entry);
    if (snapshot || page.entries.length > 0) this.version += 1;
    this.#position = page.position;
    this.#tenant = page.tenant;
    this.#provenAt = Math.max(this.#provenAt, asked - page.ageMs);
    this.#offsetMin = page.at - heard;
    this.#offsetMax = page.at - asked;
    if (heard - this.#prunedAt >= page.keepMs / PRUNES_PER_KEEP) {
      this.#prunedAt = heard;
      this.#set.prune(page.at - page.keepMs);
    }
  }
}
