/**
 * What this process knows to have been acknowledged in the last minutes: revocations, new sessions,
 * decisions, epochs. An engine that fails over asynchronously may have lost the newest of them;
 * then they are written again. The outbox dies with its process, and that is the window which
 * remains.
 */
import { dataBytes, mergeRecords, patchedData } from "../engine/merge.ts";
import type {
  DataOperation,
  SessionRef,
  SessionStore,
  StoreDelta,
  StoredData,
  StoredSession,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";

/** Replicas that lag further than this are no candidates for a promotion. */
const KEPT_MS = 300_000;
const BYTES_MAX = 67_108_864;
/** What a record takes in memory, about. */
const RECORD_BYTES = 1_500;
/** Revocations on their way at once when they are written again. */
const PARALLEL = 64;
const BATCH = 100;
const NO_DATA: StoredData = Object.freeze({});
/** More data of one session are not kept: it comes back without them. */
const DATA_BYTES_MAX = 4_096;
/** A session opened so long after a revoke-all is a later one, whatever clocks say. */
const LATER_MS = 1_000;

interface Kept {
  readonly ref: SessionRef;
  notedAt: number;
  /** Order among notes and reads of this process. */
  turn: number;
  bytes: number;
  session?: StoredSession;
  end?: SessionEnd;
  /** While this lies ahead an absent id is remembered as ended. */
  until?: number;
}

interface KeptEpoch {
  readonly tenant: string;
  readonly subject: string;
  epoch: number;
  /** When it was raised, by the clock that sessions are dated with. */
  readonly at: number;
  notedAt: number;
  turn: number;
}

export class Outbox {
  readonly #now: () => number;
  readonly #sessions: Map<string, Kept> = new Map();
  readonly #epochs: Map<string, KeptEpoch> = new Map();
  #turn = 0;
  #bytes = 0;
  /** Of the first session that was read: in most processes that of all. */
  #tenant: string | undefined;

  /** @param now Milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#sessions.size + this.#epochs.size;
  }

  /** Taken before a read, for {@link lacks}: what is noted later need not be in its answer. */
  get turn(): number {
    return this.#turn;
  }

  opened(record: SessionRecord, data: StoredData, subjectEpoch: number): void {
    const small = dataBytes(data) <= DATA_BYTES_MAX;
    const dataVersion = small && Object.keys(data).length > 0 ? 1 : 0;
    this.#keep(record, {
      session: { record, data: small ? data : NO_DATA, dataVersion, subjectEpoch },
    });
  }

  /** A record as it was written or read; its data stay what they were known to be. */
  decided(record: SessionRecord): void {
    const before = this.#sessions.get(this.#keyOf(record))?.session;
    const { data, dataVersion, subjectEpoch } = before ?? {
      data: NO_DATA,
      dataVersion: 0,
      subjectEpoch: record.epoch,
    };
    const merged = before === undefined ? record : mergeRecords(before.record, record);
    const session = { record: merged, data, dataVersion, subjectEpoch };
    this.#keep(record, record.end === undefined ? { session } : { session, end: record.end });
  }

  /**
   * Only where all data before it are known: whoever misses another process's write would erase it.
   */
  patched(ref: SessionRef, operations: readonly DataOperation[], dataVersion: number): void {
    const before = this.#sessions.get(this.#keyOf(ref))?.session;
    if (before === undefined || before.dataVersion + 1 !== dataVersion) return;
    const data = patchedData(before.data, operations);
    if (dataBytes(data) > DATA_BYTES_MAX) return;
    this.#keep(ref, { session: { ...before, data, dataVersion } });
  }

  ended(ref: SessionRef, end: SessionEnd, until?: number): void {
    this.#keep(ref, until === undefined ? { end } : { end, until });
  }

  /** @param at When: sessions opened clearly later are spared when it is written again. */
  raised(tenant: string, subject: string, epoch: number, at: number): void {
    const key = subjectKey(tenant, subject);
    const known = this.#epochs.get(key);
    if (known !== undefined && known.epoch >= epoch) return;
    this.#epochs.delete(key);
    const noted = { notedAt: this.#now(), turn: (this.#turn += 1) };
    this.#epochs.set(key, { tenant, subject, epoch, at, ...noted });
    this.#forgetOld();
  }

  /** Erased on purpose: nothing of it is written again. */
  erased(tenant: string, subject: string): void {
    for (const { ref, session } of this.#sessions.values()) {
      if (ref.tenant === tenant && session?.record.subject === subject) this.drop(ref);
    }
  }

  /** The highest epoch this process knows to have been acknowledged. */
  epochOf(tenant: string, subject: string): number {
    return this.#epochs.get(subjectKey(tenant, subject))?.epoch ?? 0;
  }

  /** The record of a session that is kept and that nobody is known to have ended. */
  liveOf(ref: SessionRef): SessionRecord | undefined {
    const kept = this.#sessions.get(this.#keyOf(ref));
    return kept?.end === undefined ? kept?.session?.record : undefined;
  }

  /** True when the answer to a read begun at `turn` shows that the store has lost something. */
  lacks(stored: StoredSession | undefined, ref: SessionRef, turn: number): boolean {
    const key = this.#keyOf(ref);
    if (this.size === 0) return false;
    const kept = this.#sessions.get(key);
    if (kept !== undefined && kept.turn <= turn && lags(stored, kept)) return true;
    if (this.#epochs.size === 0 || stored === undefined) return false;
    const { tenant, subject } = stored.record;
    if (subject === null) return false;
    const raised = this.#epochs.get(subjectKey(tenant, subject));
    return raised !== undefined && raised.turn <= turn && raised.epoch > stored.subjectEpoch;
  }

  /** What was written again and is still not there was erased on purpose. */
  drop(ref: SessionRef): void {
    const key = this.#keyOf(ref);
    this.#bytes -= this.#sessions.get(key)?.bytes ?? 0;
    this.#sessions.delete(key);
  }

  /**
   * Write everything again, or what concerns one session. Ends come first; every step is a merge,
   * so that it may be done twice and by several processes at once. What cannot be written keeps
   * nothing else from being written.
   *
   * @param only A session, and whose it is.
   * @returns how many revocations and how many sessions were written.
   * @throws the first of what the store threw, when everything was tried.
   */
  async replay(
    store: SessionStore,
    only?: SessionRef & { readonly subject: string | null },
  ): Promise<{ readonly ended: number; readonly sessions: number }> {
    this.#forgetOld();
    const { kept, epochs } = this.#select(only);
    const ends = kept.filter((each) => each.end !== undefined);
    const errors = [
      ...(await writeAll(ends, (each) => endAgain(store, each))),
      ...(await writeAll(epochs, (each) => this.#raiseAgain(store, each))),
    ];
    const deltas = kept.flatMap(({ end, session }): StoreDelta[] =>
      end === undefined && session !== undefined ? [{ kind: "session", session }] : [],
    );
    for (let from = 0; from < deltas.length; from += BATCH) {
      const some = deltas.slice(from, from + BATCH);
      await store.apply(some, "outbox").catch(async () => {
        // One that cannot be written keeps back those behind it: each by itself.
        errors.push(...(await writeAll(some, (one) => store.apply([one], "outbox"))));
      });
    }
    if (errors.length > 0) throw errors[0];
    return { ended: ends.length, sessions: deltas.length };
  }

  /** The id itself where that will do: every strict verification asks, and joined text is slow. */
  #keyOf({ tenant, id }: SessionRef): string {
    this.#tenant ??= tenant;
    return tenant === this.#tenant ? id : id + tenant;
  }

  /**
   * It ends what was opened before it was raised, as it did then: neither what came later nor what
   * is known to have been raised with it.
   */
  async #raiseAgain(store: SessionStore, raised: KeptEpoch): Promise<void> {
    const { tenant, subject, epoch, at } = raised;
    if ((await store.subjectEpoch(tenant, subject)) >= epoch) return;
    const deltas: StoreDelta[] = [];
    let cursor: string | undefined;
    do {
      const page = { now: at, limit: 200, ...(cursor === undefined ? {} : { cursor }) };
      const listed = await store.listBySubject(tenant, subject, page);
      for (const { id, createdAt } of listed.items) {
        const ref = { tenant, id };
        const spared = createdAt > at + LATER_MS || (this.liveOf(ref)?.epoch ?? 0) >= epoch;
        const session = spared ? await store.find(ref) : undefined;
        if (session === undefined || session.record.end !== undefined) continue;
        const record = { ...session.record, epoch: Math.max(session.record.epoch, epoch) };
        deltas.push({ kind: "session", session: { ...session, record } });
      }
      ({ cursor } = listed);
    } while (cursor !== undefined);
    await store.apply([...deltas, { kind: "epoch", tenant, subject, epoch }], "outbox");
  }

  #select(only: (SessionRef & { readonly subject: string | null }) | undefined): {
    readonly kept: readonly Kept[];
    readonly epochs: readonly KeptEpoch[];
  } {
    if (only === undefined) {
      // The newest first: what was acknowledged last is what a standby lacks.
      const [kept, epochs] = [[...this.#sessions.values()], [...this.#epochs.values()]];
      return { kept: kept.toReversed(), epochs: epochs.toReversed() };
    }
    const { tenant, subject } = only;
    const kept = this.#sessions.get(this.#keyOf(only));
    const whose = subject ?? kept?.session?.record.subject ?? null;
    const epoch = whose === null ? undefined : this.#epochs.get(subjectKey(tenant, whose));
    return {
      kept: kept === undefined ? [] : [kept],
      epochs: epoch === undefined ? [] : [epoch],
    };
  }

  #keep(ref: SessionRef, what: Pick<Kept, "session" | "end" | "until">): void {
    const key = this.#keyOf(ref);
    const before = this.#sessions.get(key);
    if (before !== undefined) {
      // At the end of the order, which is that of age.
      this.#sessions.delete(key);
      this.#bytes -= before.bytes;
    }
    const noted = { notedAt: this.#now(), turn: (this.#turn += 1) };
    const { tenant, id } = ref;
    const kept: Kept = { ...before, ...what, ...noted, ref: { tenant, id }, bytes: RECORD_BYTES };
    // The first end is the one that holds, and has been acknowledged since then.
    if (before?.end !== undefined) Object.assign(kept, { end: before.end, turn: before.turn });
    if (kept.end !== undefined) {
      if (kept.session !== undefined) kept.until ??= kept.session.record.absoluteExpiresAt;
      delete kept.session;
    }
    if (kept.session !== undefined) kept.bytes += dataBytes(kept.session.data);
    this.#sessions.set(key, kept);
    this.#bytes += kept.bytes;
    this.#forgetOld();
  }

  #forgetOld(): void {
    const oldest = this.#now() - KEPT_MS;
    for (const [key, kept] of this.#sessions) {
      if (kept.notedAt >= oldest && this.#bytes <= BYTES_MAX) break;
      this.#sessions.delete(key);
      this.#bytes -= kept.bytes;
    }
    for (const [key, kept] of this.#epochs) {
      if (kept.notedAt >= oldest && this.#epochs.size <= BYTES_MAX / RECORD_BYTES) break;
      this.#epochs.delete(key);
    }
  }
}

function subjectKey(tenant: string, subject: string): string {
  return `${subject.length}.${subject}${tenant}`;
}

/** True when the store has less than was acknowledged. */
function lags(stored: StoredSession | undefined, kept: Kept): boolean {
  if (kept.end !== undefined) return stored !== undefined && stored.record.end === undefined;
  if (kept.session === undefined) return false;
  const { version, epoch } = kept.session.record;
  if (stored?.record.end !== undefined) return false;
  return stored === undefined || stored.record.version < version || stored.record.epoch < epoch;
}

/**
 * As many at a time as there is room for; one that takes long holds up none of the others. What
 * failed is tried again as long as that makes it fewer: of thousands one is always lost.
 *
 * @returns why the others could not be written.
 */
async function writeAll<Item>(
  items: readonly Item[],
  write: (item: Item) => Promise<void>,
): Promise<unknown[]> {
  const failed: Item[] = [];
  const errors: unknown[] = [];
  const left = items.values();
  const take = async (): Promise<void> => {
    for (const item of left) {
      await write(item).catch((error: unknown) => {
        failed.push(item);
        errors.push(error);
      });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, take));
  return failed.length > 0 && failed.length < items.length ? writeAll(failed, write) : errors;
}

/** With a tombstone: whoever opened the session may yet write it again. */
async function endAgain(store: SessionStore, { ref, end, until }: Kept): Promise<void> {
  if (end === undefined) return;
  const tombstoneUntil = until ?? end.at + 2 * KEPT_MS;
  await store.revoke(ref, end, { now: end.at, tombstoneUntil });
}
