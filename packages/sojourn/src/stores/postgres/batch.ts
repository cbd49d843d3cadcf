/**
 * A batch of deltas merged in memory with what is stored, delta after delta: what has to be
 * written in the end, and what followers are told. No SQL here.
 */
import { mergeSessions, newsOfMerge, takeDelta } from "../../engine/merge.ts";
import type { DeltaTaker } from "../../engine/merge.ts";
import type { SessionRef, StoreDelta, StoredSession } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import { endDetail } from "./log.ts";

export interface Who {
  readonly tenant: string;
  readonly subject: string;
}

/** An id, and what is stored under it now. */
export interface Place extends SessionRef {
  stored: StoredSession | undefined;
  entombed: boolean;
  /** What has to be written. */
  write?: "put" | "erase";
  /** Of a tombstone to be written. */
  until?: number;
}

export interface Epoch extends Who {
  epoch: number;
  raised: boolean;
}

export interface LogEntry {
  readonly tenant: string;
  readonly id: string | null;
  readonly what: number;
  readonly subject: string | null;
  readonly detail: string | null;
}

export class Batch implements DeltaTaker<void> {
  readonly #deltas: readonly StoreDelta[];
  readonly #places: Map<string, Place> = new Map<string, Place>();
  readonly #epochs: Map<string, Epoch> = new Map<string, Epoch>();
  readonly #log: LogEntry[] = [];

  /** As if nothing were stored under any of its names. */
  constructor(deltas: readonly StoreDelta[]) {
    this.#deltas = deltas;
    for (const { tenant, id } of deltas.flatMap(refOf)) {
      this.#places.set(keyText(tenant, id), { tenant, id, stored: undefined, entombed: false });
    }
    for (const { tenant, subject } of deltas.flatMap(subjectOf)) {
      this.#epochs.set(keyText(tenant, subject), { tenant, subject, epoch: 0, raised: false });
    }
  }

  get places(): readonly Place[] {
    return [...this.#places.values()];
  }

  get epochs(): readonly Epoch[] {
    return [...this.#epochs.values()];
  }

  /** Once `places` and `epochs` say what is stored. @returns what followers are told, in order. */
  merge(): readonly LogEntry[] {
    for (const delta of this.#deltas) takeDelta(delta, this);
    return this.#log;
  }

  session(session: StoredSession): void {
    const { record, subjectEpoch } = session;
    if (record.subject !== null) this.epoch(record.tenant, record.subject, subjectEpoch);
    const place = this.#places.get(keyText(record.tenant, record.id));
    if (place === undefined || place.entombed) return;
    const before = place.stored;
    if (before === undefined) {
      Object.assign(place, { stored: session, write: "put" });
      return this.#note(record, record.end === undefined ? CHANGE.created : CHANGE.ended);
    }
    const merged = mergeSessions(before, session);
    const news = newsOfMerge(before, merged);
    if (news === undefined) return;
    Object.assign(place, { stored: merged, write: "put" });
    if (news.record !== undefined) this.#note(merged.record, CHANGE[news.record]);
    if (news.keys !== undefined) this.#note(record, CHANGE.data, JSON.stringify(news.keys));
  }

  tombstone(ref: SessionRef, until: number): void {
    const place = this.#places.get(keyText(ref.tenant, ref.id));
    if (place === undefined) return;
    const before = place.stored?.record;
    place.until = Math.max(until, before?.absoluteExpiresAt ?? until, place.until ?? until);
    place.entombed = true;
    place.stored = undefined;
    if (before === undefined) return;
    if (before.end === undefined) this.#note(before, CHANGE.ended);
    place.write = "erase";
  }

  epoch(tenant: string, subject: string, epoch: number): void {
    const known = this.#epochs.get(keyText(tenant, subject));
    if (known === undefined || epoch <= known.epoch) return;
    Object.assign(known, { epoch, raised: true });
    const detail = JSON.stringify({ epoch });
    this.#log.push({ tenant, id: null, what: CHANGE.subject, subject, detail });
  }

  #note(record: SessionRecord, what: number, detail?: string): void {
    const { tenant, id, subject, state, end } = record;
    const ending = end === undefined ? liveDetail(state) : endDetail(end);
    this.#log.push({ tenant, id, what, subject, detail: detail ?? ending });
  }
}

function refOf(delta: StoreDelta): readonly SessionRef[] {
  if (delta.kind === "session") return [delta.session.record];
  return delta.kind === "tombstone" ? [delta.ref] : [];
}

function subjectOf(delta: StoreDelta): readonly Who[] {
  if (delta.kind === "epoch") return [delta];
  if (delta.kind === "tombstone") return [];
  const { tenant, subject } = delta.session.record;
  return subject === null ? [] : [{ tenant, subject }];
}

function keyText(...names: readonly string[]): string {
  return JSON.stringify(names);
}
