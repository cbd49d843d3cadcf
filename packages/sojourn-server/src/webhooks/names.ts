/**
 * Names of receivers, resolved. The system's resolver holds one of the process's four threads for
 * as long as a name's servers keep silent, and cannot be told to stop; the other threads are for
 * keys and files. So a name is asked for once at a time, its answer is kept for some seconds, and
 * two threads are used at most: one for names that were found before, one for all others.
 */
import { lookup } from "node:dns/promises";
import type { LookupAddress } from "node:dns";

/** @throws when there is no such name. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

const FOUND_KEPT_MS = 10_000;
const MISSED_KEPT_MS = 30_000;
const KNOWN_MAX = 10_000;

interface Known {
  /** `undefined`: there is none. */
  readonly addresses: readonly LookupAddress[] | undefined;
  readonly until: number;
}

/** One at a time, in the order they came. */
class Lane {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

export class Names {
  readonly #resolve: Resolve;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<readonly LookupAddress[] | undefined>>();
  readonly #found = new Lane();
  readonly #others = new Lane();

  constructor(
    resolve: Resolve = (name) => lookup(name, { all: true }),
    now: () => number = () => performance.now(),
  ) {
    this.#resolve = resolve;
    this.#now = now;
  }

  /** @returns `undefined` when the name leads nowhere. */
  addressesOf(name: string): Promise<readonly LookupAddress[] | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#now() < known.until) return Promise.resolve(known.addresses);
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const lane = known?.addresses === undefined ? this.#others : this.#found;
    const asking = lane.run(() => this.#ask(name)).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asking);
    return asking;
  }

  async #ask(name: string): Promise<readonly LookupAddress[] | undefined> {
    const addresses = await this.#resolve(name).catch(() => undefined);
    const keptMs = addresses === undefined ? MISSED_KEPT_MS : FOUND_KEPT_MS;
    this.#known.delete(name);
    this.#known.set(name, { addresses, until: this.#now() + keptMs });
    if (this.#known.size > KNOWN_MAX) {
      const [oldest = ""] = this.#known.keys();
      this.#known.delete(oldest);
    }
    return addresses;
  }
}
