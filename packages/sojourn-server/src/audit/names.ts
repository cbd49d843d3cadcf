/** Names that entries of the trail have: what the library tells, and what the service does. */
import { EVENT_NAMES } from "sojourn";

/** Beside the events of the library. Each is told of in docs/operations/audit.md. */
export const SERVICE_ENTRIES = [
  "audit-damaged",
  "audit-dropped",
  "audit-erased",
  "audit-exported",
  "audit-unproved",
  "consumer-gap",
  "data-revealed",
  "ends-repeated",
  "evidence-written",
  "lock-expired",
  "lock-lifted",
  "lock-set",
  "operation-cancelled",
  "operation-finished",
  "operation-started",
  "policy-change",
  "service-key-created",
  "service-key-revoked",
  "service-key-rotated",
  "service-started",
  "service-stopped",
  "store-backed-up",
  "store-restored",
  "subject-exported",
  "tenant-changed",
  "tenant-created",
  "tenant-erased",
  "tenant-resumed",
  "tenant-suspended",
  "webhook-changed",
  "webhook-created",
  "webhook-deleted",
  "webhook-disabled",
  "webhook-replayed",
  "webhook-secret-rotated",
  "webhook-tested",
] as const;

const NAMES: ReadonlySet<string> = new Set([...EVENT_NAMES, ...SERVICE_ENTRIES]);

/** Of the console's own people: in a tenant of theirs, see docs/operations/console.md. */
const CONSOLE = /^console-[a-z-]+$/;

export function isEntryName(name: string): boolean {
  return NAMES.has(name) || CONSOLE.test(name);
}
