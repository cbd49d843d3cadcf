/** Reading: one round trip for a session with data and epoch, lists by keyset. */
import { ArgumentError, StoreUnavailableError } from "../../engine/errors.ts";
import {
  cursorAfter,
  PAGE_MAX,
  pageSize,
  placeOfCursor,
  scanPlace,
  scanSize,
} from "../../engine/listing.ts";
import { summaryOf } from "../../engine/liveness.ts";
import type {
  Page,
  PageOptions,
  ScanOptions,
  SessionFilter,
  SessionRef,
  StoredSession,
} from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { SlotMovingError } from "./faults.ts";
import type { Base, Ground } from "./ground.ts";
import { dataInHash, decodeHead, isRow } from "./head.ts";
import { refOfName, sessionName } from "./names.ts";
import { RecentSessions } from "./recent.ts";
import type { Recent } from "./recent.ts";
import { decodeData, decodeRecord } from "./row.ts";

/** Rows one call looks at: a page may be short, never slow. */
const LOOKED_AT_MAX = 1_000;
/** Sessions one count looks at; beyond it the count is not exact. */
const COUNTED_MAX = 10_000;
const NO_DATA: readonly Buffer[] = [];

const SCAN_CURSOR = /^(\d{1,5})\.([qz])\.(-?\d{1,16})$/;

interface ScanPlace {
  readonly bucket: number;
  readonly list: string;
  readonly slot: string;
}

/** Row, epoch (1 for a key that is not ours), and data that are in a hash. */
type FindReply = readonly [Buffer | null, number, Buffer[] | undefined];
/** Row, and epoch where there is a subject. */
type AgainReply = readonly [Buffer | null, Buffer | null | undefined];

export class Reads {
  readonly #ground: Ground;
  readonly #foreign: (key: string) => void;
  readonly #recent: RecentSessions = new RecentSessions();

  /** @param foreign Told the key of what lies in our space and is not ours. */
  constructor(ground: Ground, foreign: (key: string) => void) {
    this.#ground = ground;
    this.#foreign = foreign;
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    const base = this.#ground.base;
    const recent = base === undefined ? undefined : this.#recent.get(ref.tenant, ref.id);
    return base === undefined || recent === undefined ? this.#first(ref) : this.#again(ref, recent);
  }

  forget(): void {
    this.#recent.clear();
  }

  /** The row's bytes too, for a write that has to find them unchanged. */
  async load(
    base: Base,
    ref: SessionRef,
  ): Promise<{ readonly row: Buffer; readonly stored: StoredSession } | undefined> {
    const place = base.names.session(ref);
    const key = base.names.key("s", place.tag, place.name);
    const { link } = this.#ground;
    const reply = await link
      .run(base.scripts.find, [key], [place.tag, place.name])
      .catch((error: unknown) => this.#apart(error, ref, key));
    const [row, epoch, hash] = reply as FindReply;
    if (row === null || !isRow(row)) {
      if (epoch === 1) this.#foreign(key);
      return undefined;
    }
    return { row, stored: storedOf(row, ref, { epoch, hash: hash ?? NO_DATA }) };
  }

  /**
   * Row, then epoch, while their slot is moved: a revocation acknowledged before is in one of them.
   * Data that lie beside the row have to wait.
   */
  async #apart(error: unknown, ref: SessionRef, key: string): Promise<FindReply> {
    if (!(error instanceof SlotMovingError)) throw error;
    const { link } = this.#ground;
    const row = (await link.bytes("find", ["GET", key])) as Buffer | null;
    if (row === null || !isRow(row)) return [row, row === null ? 0 : 1, undefined];
    if (dataInHash(row)) throw error;
    const { subject } = decodeRecord(row, ref);
    if (subject === null) return [row, 0, undefined];
    return [row, await this.subjectEpoch(ref.tenant, subject), undefined];
  }

  /** A script, since only the row says whose epoch has to be read with it. */
  async #first(ref: SessionRef): Promise<StoredSession | undefined> {
    const base = await this.#ground.ready();
    const loaded = await this.load(base, ref);
    if (loaded === undefined) return undefined;
    const { stored } = loaded;
    if (dataInHash(loaded.row)) return stored;
    const { names } = base;
    const place = names.session(ref);
    const key = names.key("s", place.tag, place.name);
    const { subject } = stored.record;
    const read = ["MGET", key];
    if (subject !== null) read.push(names.subject(ref.tenant, subject).epoch);
    // The driver's bytes lie in a larger piece that they would keep alive.
    this.#recent.set(ref.id, { tenant: ref.tenant, read, row: Buffer.from(loaded.row), stored });
    return stored;
  }

  #again(ref: SessionRef, recent: Recent): Promise<StoredSession | undefined> {
    return this.#ground.link
      .bytes("find", recent.read)
      .then((reply) => this.#readAgain(ref, recent, reply as AgainReply));
  }

  #readAgain(
    ref: SessionRef,
    recent: Recent,
    [row, epochText]: AgainReply,
  ): StoredSession | undefined | Promise<StoredSession | undefined> {
    const epoch = epochText === null || epochText === undefined ? 0 : Number(epochText.toString());
    const { stored } = recent;
    if (row !== null && epoch === stored.subjectEpoch && row.equals(recent.row)) return stored;
    if (row === null || !isRow(row) || dataInHash(row)) {
      this.#recent.delete(ref.id);
      return row === null ? undefined : this.#first(ref);
    }
    const fresh = storedOf(row, ref, { epoch, hash: NO_DATA });
    if (fresh.record.subject !== stored.record.subject) {
      this.#recent.delete(ref.id);
      return this.#first(ref);
    }
    recent.row = Buffer.from(row);
    recent.stored = fresh;
    return fresh;
  }

  async subjectEpoch(tenant: string, subject: string): Promise<number> {
    const { names } = await this.#ground.ready();
    const key = names.subject(tenant, subject).epoch;
    return Number((await this.#ground.link.text("subjectEpoch", ["GET", key])) ?? 0);
  }

  /** Newest first by `createdAt`, then id. */
  async list(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    const wanted = pageSize(page.limit);
    const after = placeOfCursor(page.cursor);
    const { names, scripts } = await this.#ground.ready();
    const place = names.subject(tenant, subject);
    const reply = (await this.#ground.link.run(
      scripts.list,
      [place.index, place.epoch],
      [
        `${page.now}`,
        `${wanted}`,
        after === undefined ? "" : `${after.createdAt}`,
        after === undefined ? "" : sessionName({ tenant, id: after.id }),
        `${LOOKED_AT_MAX}`,
      ],
    )) as [number, Buffer, Buffer, ...Buffer[]];
    const [more, createdAt, name, ...rows] = reply;
    const items = summariesOf(rows);
    if (more === 0) return { items };
    const { id } = refOfName(String(name));
    return { items, cursor: cursorAfter({ createdAt: Number(createdAt), id }) };
  }

  /** Bucket after bucket; of each the live sessions, then the ended ones. */
  async scan({ cursor, limit }: ScanOptions): Promise<Page<SessionRef>> {
    const base = await this.#ground.ready();
    const [at = "0", list = "q", slot = "-1"] =
      cursor === undefined ? [] : scanPlace(cursor, SCAN_CURSOR);
    const size = scanSize(limit);
    const items: SessionRef[] = [];
    let place = { bucket: Number(at), list, slot };
    while (place.bucket < base.names.buckets) {
      const { names, next } = await this.#scanned(base, place, size - items.length);
      items.push(...names.map(refOfName));
      place = next;
      if (items.length >= size) break;
    }
    const more = place.bucket < base.names.buckets;
    return more ? { items, cursor: `${place.bucket}.${place.list}.${place.slot}` } : { items };
  }

  async #scanned(
    { names, scripts }: Base,
    { bucket, list, slot }: ScanPlace,
    wanted: number,
  ): Promise<{ readonly names: readonly string[]; readonly next: ScanPlace }> {
    const tag = names.tag(bucket);
    const args = [tag, list, list === "q" ? "w" : "y", slot, `${wanted}`];
    const reply = await this.#ground.link.run(scripts.scan, [names.key("w", tag, "")], args);
    const [last = "", ...found] = (reply as Buffer[]).map(String);
    if (last !== "") return { names: found, next: { bucket, list, slot: last } };
    const next =
      list === "q"
        ? { bucket, list: "z", slot: "-1" }
        : { bucket: bucket + 1, list: "q", slot: "-1" };
    return { names: found, next };
  }

  /** Live sessions of one subject. */
  async count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    const { tenant, subject, state = "live" } = filter;
    if (subject === undefined || state !== "live") {
      const message = "this store counts the live sessions of a subject; name one";
      throw new ArgumentError("filter.subject", message);
    }
    let count = 0;
    let seen = 0;
    let cursor: string | undefined;
    do {
      const options = cursor === undefined ? { now } : { now, cursor };
      const page = await this.list(tenant, subject, { ...options, limit: PAGE_MAX });
      count += page.items.filter((item) => matches(item, filter)).length;
      seen += page.items.length;
      ({ cursor } = page);
    } while (cursor !== undefined && seen < COUNTED_MAX);
    return { count, exact: cursor === undefined };
  }

  /** A page of the list, without what the filter leaves out. */
  async query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    const { tenant, subject, state = "live" } = filter;
    if (subject === undefined || state !== "live") {
      const message = "this store lists the live sessions of a subject; name one";
      throw new ArgumentError("filter.subject", message);
    }
    const listed = await this.list(tenant, subject, page);
    return { ...listed, items: listed.items.filter((item) => matches(item, filter)) };
  }
}

function matches(item: SessionSummary, filter: SessionFilter): boolean {
  const { device, createdFrom = -Infinity, createdBefore = Infinity } = filter;
  if (device !== undefined && item.device?.id !== device) return false;
  return item.createdAt >= createdFrom && item.createdAt < createdBefore;
}

function storedOf(
  row: Buffer,
  ref: SessionRef,
  beside: { readonly epoch: number; readonly hash: readonly Buffer[] },
): StoredSession {
  const head = decodeHead(row);
  const record = decodeRecord(row, { tenant: ref.tenant, id: ref.id }, head);
  return Object.freeze({
    record: Object.freeze(record),
    data: Object.freeze(decodeData(row, head, beside.hash)),
    dataVersion: head.dataVersion,
    subjectEpoch: beside.epoch,
  });
}

/** Names and rows in turn, as scripts give them. */
export function summariesOf(pairs: readonly Buffer[]): SessionSummary[] {
  const summaries: SessionSummary[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const row = pairs[index + 1];
    if (row === undefined || !isRow(row)) throw new StoreUnavailableError("a damaged row");
    summaries.push(summaryOf(decodeRecord(row, refOfName(String(pairs[index])))));
  }
  return summaries;
}
