/** What the trail and the rows tell of a tenant's sessions, ready to be replayed. */
import { idOfHandle } from "sojourn";
import type { EndReason, SessionRecord, SessionStore } from "sojourn";
import { recentEntries } from "../audit/recent.ts";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";
import type { History } from "./replay.ts";

export interface Window {
  readonly tenant: string;
  readonly from: number;
  readonly to: number;
  /** Idleness under the policy of then: an end by it tells when the last activity was. */
  readonly idleMs: number;
}

export interface Histories {
  readonly histories: readonly History[];
  /** Everything of the window was looked at. */
  readonly complete: boolean;
}

const ENTRIES_MAX = 50_000;
const SESSIONS_MAX = 5_000;
const READ_AT_ONCE = 50;
/** Whose occurrence shows that the session was being used. */
const USES: ReadonlySet<string> = new Set([
  "session-established",
  "session-extended",
  "session-unlocked",
  "session-rotated",
  "assurance-level-change",
]);

interface Draft {
  subject?: string;
  openedAt?: number;
  seen: number[];
  end?: { at: number; reason: EndReason };
}

/** Sessions that were opened, used or ended in the window. */
export async function historiesOf(
  trail: TrailReader,
  store: SessionStore,
  window: Window,
): Promise<Histories> {
  const { tenant, from, to } = window;
  const { entries, complete } = await recentEntries(trail, tenant, from, ENTRIES_MAX);
  const drafts = draftsOf(entries.filter(({ at }) => at < to));
  const chosen = [...drafts].slice(-SESSIONS_MAX);
  const histories: History[] = [];
  for (let at = 0; at < chosen.length; at += READ_AT_ONCE) {
    const batch = chosen.slice(at, at + READ_AT_ONCE);
    const found = await Promise.all(
      batch.map(async ([session, draft]) => {
        const id = idOfHandle(session);
        const stored = id === undefined ? undefined : await store.find({ tenant, id });
        return historyOf(session, draft, stored?.record, window);
      }),
    );
    histories.push(...found.filter((one) => one !== undefined));
  }
  return { histories, complete: complete && drafts.size <= SESSIONS_MAX };
}

function draftsOf(entries: readonly ReadEntry[]): Map<string, Draft> {
  const drafts = new Map<string, Draft>();
  for (const { name, at, session, subject, reason } of entries) {
    if (session === undefined) continue;
    const draft = drafts.get(session) ?? { seen: [] };
    drafts.set(session, draft);
    if (subject !== undefined) draft.subject ??= subject;
    if (name === "session-established") draft.openedAt = at;
    if (USES.has(name)) draft.seen.push(at);
    if (name === "session-ended" && reason !== undefined) {
      draft.end ??= { at, reason: reason as EndReason };
    }
  }
  return drafts;
}

/** @returns `undefined` for refresh tokens, and where nobody knows when it was opened. */
function historyOf(
  session: string,
  draft: Draft,
  record: SessionRecord | undefined,
  { idleMs, to }: Window,
): History | undefined {
  const start = startOf(draft, record);
  if (start === undefined) return undefined;
  const { openedAt, subject } = start;
  const end = endBefore(to, record?.end ?? draft.end);
  const lastSeenAt = lastOf(record, end, idleMs);
  const seen = [openedAt, ...draft.seen.filter((at) => at > openedAt)];
  return {
    session,
    subject,
    openedAt,
    seen: seen.toSorted((one, other) => one - other),
    ...(lastSeenAt === undefined || lastSeenAt >= to ? {} : { lastSeenAt }),
    ...(end === undefined ? {} : { end }),
    remembered: record?.remember === true,
    heldIdleMs: record?.idleMs ?? idleMs,
  };
}

function startOf(
  draft: Draft,
  record: SessionRecord | undefined,
): Pick<History, "openedAt" | "subject"> | undefined {
  const openedAt = record?.authenticatedAt ?? draft.openedAt;
  const subject = draft.subject ?? record?.subject ?? undefined;
  // A family of refresh tokens is no sign-in.
  if (openedAt === undefined || subject === undefined || record?.kind === "refresh") {
    return undefined;
  }
  return { openedAt, subject };
}

type End = NonNullable<History["end"]>;

function endBefore(to: number, ended: End | undefined): End | undefined {
  if (ended === undefined || ended.at >= to) return undefined;
  return { at: ended.at, reason: ended.reason };
}

function lastOf(
  record: SessionRecord | undefined,
  end: End | undefined,
  idleMs: number,
): number | undefined {
  if (record !== undefined) return record.seenAt;
  return end?.reason === "idle_timeout" ? end.at - idleMs : undefined;
}
