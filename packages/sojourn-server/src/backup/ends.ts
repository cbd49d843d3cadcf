/**
 * Ends that the audit trail tells of, made once more in a store that may have been put back: a
 * backup knows nothing of what ended after it was taken. Invariant I2.
 */
import { ContentionError, END_REASONS, idOfHandle } from "sojourn";
import type { EndReason, SessionEnd, SessionStore } from "sojourn";
import { aboutOf, actorOf, unplain } from "../audit/chain.ts";
import type { TrailRow } from "../audit/chain.ts";
import type { About } from "../audit/entry.ts";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";
import { present } from "../config/present.ts";

export interface EndsPlace {
  readonly store: SessionStore;
  readonly reader: TrailReader;
  readonly now: () => number;
}

export interface Repeated {
  /** Ends that were looked at. */
  readonly looked: number;
  /** Of those, what was live. */
  readonly ended: number;
  /** Sessions that wait for a factor again. */
  readonly locked: number;
}

type SessionRef = Parameters<SessionStore["find"]>[0];

const ENDED = "session-ended";
const SUBJECT_REVOKED = "subject-revoked";
const LOCKED = "session-locked";
const UNLOCKED = "session-unlocked";

const PAGE = 32;
const PAGES_MAX = 32;
const AT_ONCE = 16;
const REPLACE_ATTEMPTS = 5;

/**
 * Does the store know the ends that the trail tells of?
 *
 * @returns `present`: the last ones it does. A number: up to this row of the trail it does, and not
 *   beyond. `far-behind`: not even the last thousand.
 */
export async function standOfStore(
  place: Pick<EndsPlace, "store" | "reader">,
): Promise<"present" | "far-behind" | number> {
  let before: number | undefined;
  let behind = false;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next } = await place.reader.page({ name: ENDED }, PAGE, before);
    const states = await inTurns(items, (entry) => stateOf(place.store, entry));
    behind ||= states.includes("live");
    // What is absent proves nothing: purged here, or opened after the backup.
    const agrees = states.includes("ended") && !states.includes("live");
    if (agrees) return behind ? (items.at(-1)?.seq ?? 0) : "present";
    if (next === undefined) return behind ? 0 : "present";
    before = next;
  }
  return behind ? "far-behind" : "present";
}

/** Repeat what came after a row of the trail. Idempotent: what has ended stays as it ended. */
export async function repeatEnds(place: EndsPlace, after: number): Promise<Repeated> {
  const told = { looked: 0, ended: 0, locked: 0 };
  const waiting = new Map<string, { readonly ref: SessionRef; readonly factors: number }>();
  let batch: TrailRow[] = [];
  const work = async (): Promise<void> => {
    const ends = await inTurns(batch, (row) => repeatEnd(place, row));
    told.looked += ends.length;
    for (const one of ends) told.ended += one;
    batch = [];
  };
  for await (const row of place.reader.rows(after)) {
    if (row.name === ENDED || row.name === SUBJECT_REVOKED) batch.push(row);
    else if (row.name === LOCKED || row.name === UNLOCKED) noteLock(waiting, row);
    if (batch.length >= PAGE) await work();
  }
  await work();
  // Only now: what was locked may have ended since.
  for (const { ref, factors } of waiting.values()) {
    if (await lockAgain(place.store, ref, factors)) told.locked += 1;
  }
  return told;
}

async function stateOf(
  store: SessionStore,
  { tenant, session }: ReadEntry,
): Promise<"live" | "ended" | "absent"> {
  const ref = refOf(tenant, session);
  const found = ref === undefined ? undefined : await store.find(ref);
  if (found === undefined) return "absent";
  const { record, subjectEpoch } = found;
  // A revoke-all ends by the epoch at once; rows are worked off later.
  return record.end === undefined && record.epoch >= subjectEpoch ? "live" : "ended";
}

async function repeatEnd(place: EndsPlace, row: TrailRow): Promise<number> {
  const about = aboutOf(row);
  // Erased: whoever restores has been told before.
  if (about === undefined) return 0;
  const end = endOf(row, about);
  if (row.name === SUBJECT_REVOKED) return endSubject(place, row, about, end);
  const ref = refOf(row.tenant, about.session);
  return ref === undefined ? 0 : endOne(place, ref, end);
}

async function endOne(
  { store, now }: EndsPlace,
  ref: SessionRef,
  end: SessionEnd,
): Promise<number> {
  const found = await store.find(ref);
  if (found === undefined || found.record.end !== undefined) return 0;
  const { outcome } = await store.revoke(ref, end, { now: now() });
  return outcome === "ended" ? 1 : 0;
}

/** Where the index is worked off later, ends of single sessions are not all told. */
async function endSubject(
  place: EndsPlace,
  row: TrailRow,
  about: About,
  end: SessionEnd,
): Promise<number> {
  const { store, now } = place;
  const { subject } = about;
  if (store.capabilities.atomicIndex || subject === undefined) return 0;
  const tenant = unplain(row.tenant);
  const except = refOf(row.tenant, about.session)?.id;
  let ended = 0;
  let cursor: string | undefined;
  do {
    const page = await store.listBySubject(tenant, subject, { now: now(), ...present({ cursor }) });
    for (const { id, createdAt } of page.items) {
      const kept = id === except || createdAt > row.at;
      if (!kept) ended += await endOne(place, { tenant, id }, end);
    }
    ({ cursor } = page);
  } while (cursor !== undefined);
  return ended;
}

function endOf(row: TrailRow, { reason, cause }: About): SessionEnd {
  const standard = row.name === SUBJECT_REVOKED ? "subject_revoked" : "revoked";
  const known: EndReason = END_REASONS.find((one) => one === reason) ?? standard;
  return { reason: known, at: row.at, ...present({ cause, actor: actorOf(row) }) };
}

function noteLock(
  waiting: Map<string, { readonly ref: SessionRef; readonly factors: number }>,
  row: TrailRow,
): void {
  const about = aboutOf(row);
  const ref = refOf(row.tenant, about?.session);
  if (ref === undefined) return;
  const key = JSON.stringify([ref.tenant, ref.id]);
  const factors = about?.detail?.["factors"];
  if (row.name === UNLOCKED) waiting.delete(key);
  else waiting.set(key, { ref, factors: typeof factors === "number" ? factors : 1 });
}

async function lockAgain(store: SessionStore, ref: SessionRef, factors: number): Promise<boolean> {
  for (let attempt = 0; attempt < REPLACE_ATTEMPTS; attempt += 1) {
    const found = await store.find(ref);
    if (found?.record.state !== "active") return false;
    const { record } = found;
    const locked = { ...record, state: "locked", lockFactors: factors } as const;
    if ((await store.replace(locked, record.version)) === "replaced") return true;
  }
  throw new ContentionError("lock");
}

function refOf(tenant: string, session: string | undefined): SessionRef | undefined {
  const id = session === undefined ? undefined : idOfHandle(session);
  return id === undefined ? undefined : { tenant: unplain(tenant), id };
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  }
  return results;
}
