/** What an operation is: an action on all sessions that a filter matches, worked off in chunks. */
import type { SearchFilter } from "../search/facets.ts";

export const ACTIONS = ["revoke", "lock"] as const;
export type Action = (typeof ACTIONS)[number];

export const OPERATION_STATES = ["running", "done", "cancelled"] as const;
export type OperationState = (typeof OPERATION_STATES)[number];

export interface OperationSpec {
  readonly action: Action;
  readonly filter: SearchFilter;
  /** Handles that are left alone. */
  readonly except?: readonly string[];
  /** Why; each session's end carries it. */
  readonly cause?: string;
  /** Of `lock`: what unlocks; default: as the policy says. */
  readonly factors?: number;
}

export interface NewOperation extends OperationSpec {
  readonly tenant: string;
  /** By whom, as the audit trail has it: `key:support`. */
  readonly actor: string;
  /** How many there are likely to be, for progress; default: counted now. */
  readonly total?: number;
  /** Sessions opened from here on are left alone; default now. */
  readonly before?: number;
}

export interface Failure {
  readonly session: string;
  readonly why: string;
}

export interface Operation extends OperationSpec {
  readonly id: string;
  readonly tenant: string;
  readonly state: OperationState;
  readonly actor: string;
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly Failure[];
  /** What holds it up just now. */
  readonly trouble: string | undefined;
}
