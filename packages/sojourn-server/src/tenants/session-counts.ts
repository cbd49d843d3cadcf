/**
 * How many live sessions a tenant has, for its quota. What this process opens counts at once, what
 * others open and what ends within five seconds; no open waits for the counting but the first.
 */
import type { Sessions } from "sojourn";

interface Count {
  base: number;
  countedAt: number;
  /** Opened here after the counting began. */
  since: number;
  counting: Promise<void> | undefined;
}

const COUNT_EVERY_MS = 5_000;
/** A full tenant is counted again before somebody is refused, but not more often than this. */
const RECOUNT_MS = 1_000;
const TENANTS_MAX = 10_000;

export class SessionCounts {
  readonly #sessions: Pick<Sessions, "count">;
  readonly #monotonic: () => number;
  readonly #counts = new Map<string, Count>();

  constructor(
    sessions: Pick<Sessions, "count">,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#sessions = sessions;
    this.#monotonic = monotonic;
  }

  /** True when one more is within `max`. */
  async hasRoom(tenant: string, max: number): Promise<boolean> {
    const count = this.#counts.get(tenant) ?? this.#add(tenant);
    const age = this.#monotonic() - count.countedAt;
    if (age === Infinity) await this.#count(tenant, count);
    else if (age >= COUNT_EVERY_MS) this.#count(tenant, count).catch(() => undefined);
    if (count.base + count.since < max) return true;
    if (this.#monotonic() - count.countedAt < RECOUNT_MS) return false;
    await this.#count(tenant, count);
    return count.base + count.since < max;
  }

  opened(tenant: string): void {
    const count = this.#counts.get(tenant);
    if (count !== undefined) count.since += 1;
  }

  #add(tenant: string): Count {
    const count = { base: 0, countedAt: -Infinity, since: 0, counting: undefined };
    this.#counts.set(tenant, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > TENANTS_MAX && oldest !== undefined) this.#counts.delete(oldest);
    return count;
  }

  #count(tenant: string, count: Count): Promise<void> {
    count.counting ??= this.#read(tenant, count).finally(() => (count.counting = undefined));
    return count.counting;
  }

  async #read(tenant: string, count: Count): Promise<void> {
    const before = count.since;
    const at = this.#monotonic();
    const { count: live } = await this.#sessions.count({ tenant });
    count.base = live;
    count.countedAt = at;
    // Opened while it was counted: perhaps counted twice, never forgotten.
    count.since -= before;
  }
}
