/**
 * What concerns a subject as a whole, in an express-session store: its epoch and its index. One
 * task of a subject at a time in this process; a session's turn is only ever taken within it.
 */
import { DataTooLargeError } from "../engine/errors.ts";
import { comparePlaces, cursorAfter, pageSize, placeOfCursor } from "../engine/listing.ts";
import { chooseEvictions, summaryOf } from "../engine/liveness.ts";
import { dataBytes } from "../engine/merge.ts";
import type {
  CreateOptions,
  CreateResult,
  EndedSession,
  Page,
  PageOptions,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
  StoredSession,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "../engine/record.ts";
import { KEEP_ENDED_MS } from "./foreign-rows.ts";
import type { IndexEntry, SessionRow, SubjectRow } from "./foreign-rows.ts";
import { isLiveRow, isSession } from "./foreign-sessions.ts";
import type { ForeignParts, ForeignSessions } from "./foreign-sessions.ts";

/** Calls of the store under way at once for one operation. */
const AT_ONCE = 64;
/** Rows past their time that one login erases. */
const PRUNED_MAX = 16;

interface Who {
  readonly tenant: string;
  readonly subject: string;
}

type Refusal = Exclude<CreateResult, { outcome: "created" }>;

/** Nothing stands in the way; nothing has been written yet. */
interface Admission {
  readonly replaced: SessionRow | undefined;
  readonly evict: readonly SessionSummary[];
}

export class ForeignSubjects {
  readonly #parts: ForeignParts;
  readonly #sessions: ForeignSessions;

  constructor(parts: ForeignParts, sessions: ForeignSessions) {
    this.#parts = parts;
    this.#sessions = sessions;
  }

  async epoch(tenant: string, subject: string): Promise<number> {
    return (await this.#parts.rows.subject(tenant, subject)).epoch;
  }

  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const { tenant, subject } = record;
    if (subject === null) return this.#create(record, options, { epoch: 0, sessions: [] });
    return this.#alone({ tenant, subject }, (row) => this.#create(record, options, row));
  }

  async #create(
    record: SessionRecord,
    options: CreateOptions,
    subject: SubjectRow,
  ): Promise<CreateResult> {
    const replaces = options.replaces?.ref;
    const refs = replaces === undefined ? [record] : [record, replaces];
    return this.#aloneWith(refs, async () => {
      const admitted = await this.#admit(record, options, subject);
      if ("outcome" in admitted) return admitted;
      const data = { ...options.data };
      const bytes = dataBytes(data);
      if (bytes > this.#parts.maxDataBytes) {
        throw new DataTooLargeError(this.#parts.maxDataBytes, bytes);
      }
      return this.#write(
        { ...record, epoch: subject.epoch },
        { ...options, data },
        {
          ...admitted,
          subject,
        },
      );
    });
  }

  /** Every reason not to create, in the order in which they are told; else whom it will end. */
  async #admit(
    record: SessionRecord,
    options: CreateOptions,
    { epoch, sessions }: SubjectRow,
  ): Promise<Refusal | Admission> {
    const { now, limits, subjectEpoch = Infinity } = options;
    const taken = await this.#parts.rows.session(record);
    if (isSession(taken) || (taken !== undefined && now < taken.until))
      return { outcome: "exists" };
    if (epoch > subjectEpoch) return { outcome: "stale-epoch", epoch };
    const replaced = await this.#replaced(record, options, epoch);
    if (replaced === "gone" || replaced === "conflict") return { outcome: replaced };
    if (limits === undefined || record.subject === null) return { replaced, evict: [] };
    const rows = await this.#rowsOf(record.tenant, sessions);
    const live = rows.filter((row) => isLiveRow(row, epoch, now));
    const counted = live.filter((row) => row.record.id !== replaced?.record.id);
    const verdict = chooseEvictions(
      counted.map((row) => summaryOf(row.record)),
      limits,
    );
    return verdict.outcome === "limit" ? verdict : { replaced, evict: verdict.evict };
  }

  async #replaced(
    record: SessionRecord,
    { replaces, now }: CreateOptions,
    epoch: number,
  ): Promise<SessionRow | undefined | "gone" | "conflict"> {
    if (replaces === undefined) return undefined;
    const row = await this.#parts.rows.session(replaces.ref);
    if (!isLiveRow(row, epoch, now)) return "gone";
    const { tenant, subject } = row.record;
    // Another subject's session is none that this one could replace.
    if (tenant !== record.tenant || subject !== record.subject) return "gone";
    return row.dataVersion === replaces.dataVersion ? row : "conflict";
  }

  async #write(
    record: SessionRecord,
    { now, data = {} }: CreateOptions,
    plan: Admission & { readonly subject: SubjectRow },
  ): Promise<CreateResult> {
    const { replaced, evict, subject } = plan;
    // Indexed first: an entry without its session does no harm, a session without one would (I5).
    await this.#index(record, subject, now);
    const ended = replaced && (await this.#sessions.end(replaced, { reason: "replaced", at: now }));
    const evicted: EndedSession[] = [];
    for (const { tenant, id } of evict) {
      const one = await this.#endIfNot({ tenant, id }, { reason: "evicted", at: now });
      if (one !== undefined) evicted.push(one);
    }
    const dataVersion = Object.keys(data).length > 0 ? 1 : 0;
    await this.#sessions.insert({ record, data, dataVersion });
    return {
      outcome: "created",
      record,
      evicted,
      ...(ended === undefined ? {} : { replaced: ended }),
      durability: "unknown",
    };
  }

  async #index(record: SessionRecord, subject: SubjectRow, now?: number): Promise<void> {
    const { tenant, subject: name, id, createdAt, absoluteExpiresAt: until } = record;
    if (name === null) return;
    const old =
      now === undefined
        ? []
        : subject.sessions
            .filter((entry) => now >= entry.until + KEEP_ENDED_MS)
            .slice(0, PRUNED_MAX);
    for (const entry of old) await this.#parts.rows.erase({ tenant, id: entry.id });
    const kept = subject.sessions.filter((entry) => entry.id !== id && !old.includes(entry));
    const sessions = [...kept, { id, createdAt, until }];
    await this.#parts.rows.writeSubject(tenant, name, { ...subject, sessions });
  }

  /** Bumps the epoch, then ends what is indexed; the epoch refuses them from the first write on. */
  revokeAll(who: Who, options: RevokeSubjectOptions): Promise<RevokeSubjectResult> {
    const { except, end, above = 0 } = options;
    return this.#alone(who, async (row) => {
      const before = row.epoch;
      const epoch = Math.max(before, above) + 1;
      // Raised first: whoever reads the new epoch finds the excepted session at it (I5).
      const kept = row.sessions.find((entry) => entry.id === except);
      const raised =
        kept !== undefined &&
        (await this.#sessions.raise({ tenant: who.tenant, id: kept.id }, before, epoch));
      await this.#raiseEpoch(who, { ...row, epoch }, except);
      const others = row.sessions.filter((entry) => !raised || entry !== kept);
      const ended = await inTurns(others, ({ id }) =>
        this.#endIfNot({ tenant: who.tenant, id }, end),
      );
      const told = ended.filter((one) => one !== undefined);
      return { epoch, before, ended: told, durability: "unknown" };
    });
  }

  /** Reads the rows of a page one by one: as many calls of the store as the page is long. */
  async list(who: Who, page: PageOptions): Promise<Page<SessionSummary>> {
    const place = placeOfCursor(page.cursor);
    const limit = pageSize(page.limit);
    const { epoch, sessions } = await this.#parts.rows.subject(who.tenant, who.subject);
    const waiting = sessions
      .filter((entry) => place === undefined || comparePlaces(entry, place) < 0)
      .toSorted((a, b) => comparePlaces(b, a));
    const items: SessionSummary[] = [];
    let last: IndexEntry | undefined;
    while (waiting.length > 0 && items.length < limit) {
      const part = waiting.splice(0, Math.min(AT_ONCE, limit - items.length));
      last = part.at(-1);
      for (const row of await this.#rowsOf(who.tenant, part)) {
        if (isLiveRow(row, epoch, page.now)) items.push(summaryOf(row.record));
      }
    }
    if (last === undefined || waiting.length === 0) return { items };
    return { items, cursor: cursorAfter(last) };
  }

  /** Live ones. */
  async count(who: Who, now: number): Promise<number> {
    const { epoch, sessions } = await this.#parts.rows.subject(who.tenant, who.subject);
    const rows = await this.#rowsOf(who.tenant, sessions);
    return rows.filter((row) => isLiveRow(row, epoch, now)).length;
  }

  /** Merge a copy from elsewhere, indexed before it is there. */
  async merge(copy: StoredSession): Promise<void> {
    const { tenant, subject } = copy.record;
    if (subject === null) return this.#sessions.merge(copy, 0);
    await this.raiseTo({ tenant, subject }, copy.subjectEpoch);
    await this.#alone({ tenant, subject }, async (row) => {
      const indexed = row.sessions.some((entry) => entry.id === copy.record.id);
      if (!indexed) await this.#index(copy.record, row);
      await this.#sessions.merge(copy, row.epoch);
    });
  }

  raiseTo(who: Who, epoch: number): Promise<void> {
    return this.#alone(who, async (row) => {
      if (epoch > row.epoch) await this.#raiseEpoch(who, { ...row, epoch });
    });
  }

  /** @returns how many sessions were erased. */
  purge(who: Who, now: number): Promise<number> {
    return this.#alone(who, async (row) => {
      const epoch = row.epoch + 1;
      await this.#raiseEpoch(who, { ...row, epoch });
      const erased = await inTurns(row.sessions, ({ id }) =>
        this.#sessions.alone({ tenant: who.tenant, id }, async (stored) => {
          if (!isSession(stored)) return false;
          await this.#sessions.purge(stored, { now, end: { reason: "subject_revoked", at: now } });
          return true;
        }),
      );
      await this.#parts.rows.writeSubject(who.tenant, who.subject, { epoch, sessions: [] });
      return erased.filter(Boolean).length;
    });
  }

  async #raiseEpoch({ tenant, subject }: Who, row: SubjectRow, except?: string): Promise<void> {
    await this.#parts.rows.writeSubject(tenant, subject, row);
    const change = { kind: "subject", tenant, subject, epoch: row.epoch } as const;
    this.#parts.log.append(except === undefined ? change : { ...change, except });
  }

  #endIfNot(ref: SessionRef, end: SessionEnd): Promise<EndedSession | undefined> {
    return this.#sessions.alone(ref, async (row) =>
      isSession(row) && row.record.end === undefined ? this.#sessions.end(row, end) : undefined,
    );
  }

  async #rowsOf(tenant: string, entries: readonly IndexEntry[]): Promise<readonly SessionRow[]> {
    const rows = await inTurns(entries, ({ id }) => this.#parts.rows.session({ tenant, id }));
    return rows.filter(isSession);
  }

  #alone<Result>(who: Who, task: (row: SubjectRow) => Promise<Result>): Promise<Result> {
    const { rows } = this.#parts;
    const { tenant, subject } = who;
    return rows.exclusiveSubject(tenant, subject, async () =>
      task(await rows.subject(tenant, subject)),
    );
  }

  /** Several sessions' turns, always taken in the same order. */
  #aloneWith<Result>(refs: readonly SessionRef[], task: () => Promise<Result>): Promise<Result> {
    const ordered = refs.toSorted((a, b) => compare(a.tenant, b.tenant) || compare(a.id, b.id));
    const distinct = ordered.filter(
      (ref, at) => ordered[at - 1]?.id !== ref.id || ordered[at - 1]?.tenant !== ref.tenant,
    );
    return distinct.reduceRight<() => Promise<Result>>(
      (inner, ref) => () => this.#parts.rows.exclusiveSession(ref, inner),
      task,
    )();
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Every item's result, in order, with a bounded number of calls under way. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(run))));
  }
  return results;
}
