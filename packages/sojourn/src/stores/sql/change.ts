/** Rows of the log of changes, as both SQL stores write and read them. */
import type { StoreChange } from "../../engine/ports.ts";
import type { SessionEnd } from "../../engine/record.ts";
import type { SessionState } from "../../protocol/words.ts";

/** `change.what`. Stored: add, never renumber. */
export const CHANGE = {
  created: 1,
  changed: 2,
  data: 3,
  ended: 4,
  subject: 5,
  /** Like `subject`, scrubbed soon because it names somebody who was erased. */
  erased: 6,
} as const;

/** The `detail` of a session that waits for a factor now; others have none. */
const LOCKED = "locked";

/** What the log says of a session that has not ended. */
export function liveDetail(state: SessionState): string | null {
  return state === "locked" ? JSON.stringify(LOCKED) : null;
}

const WHATS: Readonly<Record<number, "created" | "changed" | "data" | "ended">> = {
  [CHANGE.created]: "created",
  [CHANGE.changed]: "changed",
  [CHANGE.data]: "data",
  [CHANGE.ended]: "ended",
};

/** A row of the log with its names as callers know them. */
export interface LogRow {
  readonly what: number;
  readonly tenant: string;
  readonly id: string;
  readonly subject: string | null;
  /** Of a subject `{ epoch, except? }`, of data its keys, of an end the end; or {@link LOCKED}. */
  readonly detail: string | null;
  readonly position: string;
}

/** @returns `undefined` for what a newer release tells: nobody here knows what it is about. */
export function storeChange(row: LogRow): StoreChange | undefined {
  const { what, tenant, id, subject, detail, position } = row;
  const kind = WHATS[what];
  if (kind === undefined && what !== CHANGE.subject && what !== CHANGE.erased) return undefined;
  const read: unknown = detail === null ? undefined : JSON.parse(detail);
  if (kind === undefined) {
    const { epoch, except } = read as { epoch: number; except?: string };
    const change = { kind: "subject", tenant, subject: subject ?? "", epoch, position } as const;
    return except === undefined ? change : { ...change, except };
  }
  const change = { kind: "session", what: kind, ref: { tenant, id }, subject, position } as const;
  if (kind === "data") return { ...change, keys: (read ?? []) as string[] };
  if (read === LOCKED) return { ...change, locked: true };
  return read === undefined ? change : { ...change, end: read as SessionEnd };
}
