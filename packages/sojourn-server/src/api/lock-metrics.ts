/** What locks tell of themselves, asked for with each scrape. */
import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { LockDesk } from "../locks/lock-desk.ts";

const SECOND_MS = 1_000;

export function watchLocks(registry: Registry, locks: LockDesk): void {
  const registers = [registry];
  const held: Gauge = new Gauge({
    name: "sojourn_locks",
    help: "Locks that this process keeps people out by.",
    registers,
    collect: (): void => held.set(locks.size),
  });
  const age: Gauge = new Gauge({
    name: "sojourn_locks_age_seconds",
    help: "How long ago this process last knew of every lock that was set or lifted.",
    registers,
    collect: (): void => age.set(locks.ageMs / SECOND_MS),
  });
}
