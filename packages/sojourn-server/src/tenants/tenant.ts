/** What is known of a tenant. */
import type { TighteningLayer } from "sojourn";

/** `erased` is the end: the id is never used again. */
export const TENANT_STATES = ["active", "suspended", "erased"] as const;
export type TenantState = (typeof TENANT_STATES)[number];

/** What a tenant may use; `null` is no limit of its own. */
export interface Quotas {
  /** Live sessions. */
  readonly sessions: number | null;
  /** Live sessions of one subject. */
  readonly sessionsPerSubject: number | null;
  /** Of all its service keys together, and of each process. */
  readonly requestsPerSecond: number | null;
  /** Live service keys. */
  readonly serviceKeys: number | null;
}

export const NO_QUOTAS: Quotas = {
  sessions: null,
  sessionsPerSubject: null,
  requestsPerSecond: null,
  serviceKeys: null,
};

export interface Tenant {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly state: TenantState;
  /** Grows with every change. */
  readonly version: number;
  readonly createdAt: number;
  /** What it tightens of the installation's policy. */
  readonly policy?: TighteningLayer;
  readonly quotas: Quotas;
  /** Absent: its sessions are under the installation's keys. */
  readonly wrappedKey?: Uint8Array;
  readonly erasedAt?: number;
  /** Sessions and texts of an erased one are gone, too. */
  readonly purgedAt?: number;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
export const TENANT_ID_ACCEPTED =
  "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit";

export function isTenantId(text: string): boolean {
  return ID.test(text);
}

/** One that nobody has written down: as every tenant was before there were records. */
export function unwritten(id: string): Tenant {
  return { id, name: id, state: "active", version: 0, createdAt: 0, quotas: NO_QUOTAS };
}
