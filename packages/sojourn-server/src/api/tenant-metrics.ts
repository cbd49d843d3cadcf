/**
 * Counters by tenant. Labels are bounded: the first tenants have one each, the rest are `other`,
 * and a label that was quiet for an hour goes to the busiest of them. Whoever gets one begins at 0
 * there; what was counted before stays where it was, so that no series ever falls.
 */
import { Counter } from "prom-client";
import type { Registry } from "prom-client";
import type { Sessions } from "sojourn";

export const TENANT_LABELS_MAX = 50;
export const OTHER_TENANTS = "other";
const WAITING_MAX = 10_000;
const QUIET_MS = 60 * 60_000;

/** Why a request of a tenant was refused. */
export const TENANT_REFUSALS = ["suspended", "request_quota", "session_quota"] as const;
export type TenantRefusal = (typeof TENANT_REFUSALS)[number];
type Counted = "requests" | "opened" | TenantRefusal;

interface Tally {
  readonly counts: Map<Counted, number>;
  countedAt: number;
}

export class TenantMetrics {
  readonly #labelled = new Map<string, Tally>();
  readonly #other: Tally = newTally(0);
  /** Requests of those without a label, since the last one was given. */
  readonly #waiting = new Map<string, number>();
  readonly #monotonic: () => number;

  constructor(registry: Registry, monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
    const registers = [registry];
    const tell = (counter: Counter<"tenant">, counted: Counted): void => {
      counter.reset();
      for (const [tenant, value] of this.read(counted)) counter.inc({ tenant }, value);
    };
    const requests: Counter<"tenant"> = new Counter({
      name: "sojourn_tenant_requests_total",
      help: "Requests of back ends, by tenant; the rest is `other`.",
      labelNames: ["tenant"],
      registers,
      collect: () => {
        this.#giveLabels();
        tell(requests, "requests");
      },
    });
    const opened: Counter<"tenant"> = new Counter({
      name: "sojourn_tenant_sessions_opened_total",
      help: "Sessions opened by this process, by tenant.",
      labelNames: ["tenant"],
      registers,
      collect: () => tell(opened, "opened"),
    });
    const refused: Counter<"tenant" | "why"> = new Counter({
      name: "sojourn_tenant_refused_total",
      help: "Requests refused because of the tenant: suspended, or a quota.",
      labelNames: ["tenant", "why"],
      registers,
      collect: () => {
        refused.reset();
        for (const why of TENANT_REFUSALS) {
          for (const [tenant, value] of this.read(why)) refused.inc({ tenant, why }, value);
        }
      },
    });
  }

  /** @returns a function that stops counting. */
  follow(sessions: Sessions): () => void {
    return sessions.events.on("session-established", ({ tenant }) => this.count(tenant, "opened"));
  }

  count(tenant: string, counted: Counted): void {
    const tally = this.#tallyOf(tenant);
    tally.counts.set(counted, (tally.counts.get(counted) ?? 0) + 1);
    tally.countedAt = this.#monotonic();
  }

  read(counted: Counted): readonly (readonly [label: string, value: number])[] {
    const all = [...this.#labelled, [OTHER_TENANTS, this.#other] as const];
    return all.flatMap(([label, { counts }]) => {
      const value = counts.get(counted);
      return value === undefined ? [] : [[label, value] as const];
    });
  }

  #tallyOf(tenant: string): Tally {
    const known = this.#labelled.get(tenant);
    if (known !== undefined) return known;
    // Whoever is called like the rest is one of them.
    if (this.#labelled.size < TENANT_LABELS_MAX && tenant !== OTHER_TENANTS) {
      return this.#label(tenant);
    }
    const before = this.#waiting.get(tenant);
    if (before !== undefined || this.#waiting.size < WAITING_MAX) {
      this.#waiting.set(tenant, (before ?? 0) + 1);
    }
    return this.#other;
  }

  #label(tenant: string): Tally {
    const tally = newTally(this.#monotonic());
    this.#labelled.set(tenant, tally);
    return tally;
  }

  #giveLabels(): void {
    if (this.#waiting.size === 0) return;
    const now = this.#monotonic();
    const quiet = [...this.#labelled].filter(([, { countedAt }]) => now - countedAt >= QUIET_MS);
    const busiest = [...this.#waiting].toSorted(([, one], [, other]) => other - one);
    for (const [index, [tenant]] of quiet.entries()) {
      const next = busiest[index]?.[0];
      if (next === undefined || next === OTHER_TENANTS) break;
      this.#labelled.delete(tenant);
      this.#label(next);
      this.#waiting.delete(next);
    }
  }
}

function newTally(countedAt: number): Tally {
  return { counts: new Map(), countedAt };
}
