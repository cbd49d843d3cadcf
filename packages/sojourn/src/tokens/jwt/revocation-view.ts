/**
 * What a verifier knows of revocations, and how sure it is. Pages are asked for when somebody
 * verifies and the last one has passed half the bound; past the bound nothing is answered from
 * here (I3), by this process's monotonic clock. There is no timer: an idle verifier asks nobody.
 *
 * The clock of the service bounds ours: its time lay between asking and hearing, so that a wall
 * clock that is off makes no token live longer or shorter.
 */
import { errandOf } from "#platform";
import type { Errand, HostTime } from "../../engine/ports.ts";
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
  /** When the page was asked for that is known. */
  #takenAt = -Infinity;
  /** The service's time minus our monotonic clock lies between these. */
  #offsetMin = -Infinity;
  #offsetMax = Infinity;
  /** Revocations are told for so long; what is older than that is vouched for by nobody. */
  #keepMs = Infinity;
  /** When the last page was asked for that came, or did not come. */
  #attemptAt = -Infinity;
  #prunedAt = -Infinity;
  readonly #reading: Errand = errandOf(() => this.#attempt());

  constructor(options: RevocationViewOptions) {
    this.#options = options;
  }

  /** True when what is known may be believed now. Has it renewed where that is due. */
  usable(): boolean {
    const age = this.#age();
    if (!this.#believable(age)) return false;
    if (this.#due(age) && !this.#reading.underWay) void this.#reading.join();
    return true;
  }

  /** The same, after an answer that is under way or due; never rejects. */
  async becomesUsable(): Promise<boolean> {
    if (this.usable()) return true;
    if (this.#reading.underWay || this.#due(this.#age())) await this.#reading.join();
    return this.#believable(this.#age());
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
    // It may have been revoked, and that be forgotten. Honest ones have expired by then.
    const now = this.now();
    if (token.issuedAt < now - this.#keepMs) return "all";
    return this.#set.judge(token, now);
  }

  #age(): number {
    return this.#options.time.monotonic() - this.#provenAt;
  }

  #believable(age: number): boolean {
    return age < this.#options.boundMs && this.#set.size <= this.#options.entriesMax;
  }

  #due(age: number): boolean {
    const { boundMs, time } = this.#options;
    if (age * 2 < boundMs) return false;
    return time.monotonic() - this.#attemptAt >= boundMs / PAUSE_OF_BOUND;
  }

  async #attempt(): Promise<void> {
    const now = this.#options.time.monotonic();
    try {
      await this.#read();
    } catch (error) {
      this.#options.onError?.(error);
    }
    this.#attemptAt = now;
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
    // A page that was overtaken tells nothing new, and could lock what was unlocked since.
    if (asked < this.#takenAt) return;
    this.#takenAt = asked;
    const heard = this.#options.time.monotonic();
    if (snapshot) this.#set.forgetLocks();
    for (const entry of page.entries) this.#set.add(entry);
    if (snapshot || page.entries.length > 0) this.version += 1;
    this.#position = page.position;
    this.#tenant = page.tenant;
    this.#keepMs = page.keepMs;
    this.#provenAt = Math.max(this.#provenAt, asked - page.ageMs);
    this.#offsetMin = page.at - heard;
    this.#offsetMax = page.at - asked;
    if (heard - this.#prunedAt >= page.keepMs / PRUNES_PER_KEEP) {
      this.#prunedAt = heard;
      this.#set.prune(page.at - page.keepMs);
    }
  }
}
