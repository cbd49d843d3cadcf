/** Merging what another store saw: read, merge by the engine's rule, put back if unchanged. I9. */
import { ContentionError, StoreUnavailableError } from "../../engine/errors.ts";
import { mergeSessions, newsOfMerge, takeDelta } from "../../engine/merge.ts";
import type { SessionRef, StoreDelta, StoredSession } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import type { Base, Ground } from "./ground.ts";
import { dataInHash } from "./head.ts";
import { LOCKED } from "./log.ts";
import type { Reads } from "./reads.ts";
import { encodeRow, endText, reasonNumber } from "./row.ts";

/** Somebody else's write comes between read and write; so often in a row it does not. */
const ATTEMPTS_MAX = 64;

/** What a merge makes of a row: its new state, and what the tail is told. */
interface Step {
  readonly session: StoredSession;
  readonly note: "c" | "m" | "e" | "";
  readonly keys: readonly string[];
  readonly writesData: boolean;
}

export class Merge {
  readonly #ground: Ground;
  readonly #reads: Reads;

  constructor(ground: Ground, reads: Reads) {
    this.#ground = ground;
    this.#reads = reads;
  }

  async apply(deltas: readonly StoreDelta[]): Promise<void> {
    const base = await this.#ground.ready();
    for (const delta of deltas) {
      await takeDelta(delta, {
        session: (session) => this.#session(base, session),
        tombstone: (ref, until) => this.#tombstone(base, ref, until),
        epoch: (tenant, subject, epoch) => this.#epoch(base, { tenant, subject, epoch }),
      });
    }
  }

  async #session(base: Base, session: StoredSession): Promise<void> {
    const { record, subjectEpoch } = session;
    const { tenant, subject } = record;
    if (subject !== null) await this.#epoch(base, { tenant, subject, epoch: subjectEpoch });
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const before = await this.#reads.load(base, record);
      const step = stepOf(before?.stored, session);
      if (step === undefined) return;
      const put = await this.#put(base, step, before?.row);
      if (put === "foreign") throw new StoreUnavailableError("apply: the key is somebody else's");
      if (put !== "retry") return;
    }
    throw new ContentionError("apply");
  }

  async #put(base: Base, step: Step, expected: Buffer | undefined): Promise<string> {
    const { names, scripts } = base;
    const { record, data, dataVersion } = step.session;
    const place = names.session(record);
    const whose = names.subjectOf(record);
    this.#ground.requireTogether(place, whose);
    const elsewhere = names.elsewhere(record, whose);
    const { row, hash } = encodeRow({ record, data, dataVersion, elsewhere });
    // A hash that shrank may fit into the row now: nothing of it may stay behind.
    const writesData = step.writesData || (expected !== undefined && dataInHash(expected));
    const keys = [
      names.key("s", place.tag, place.name),
      names.tombstone(place),
      names.key("d", place.tag, place.name),
      ...(whose === undefined ? [] : [whose.index]),
    ];
    const script = record.end === undefined ? scripts.put : scripts.putPressed;
    const reply = await this.#ground.link.run(script, keys, [
      place.tag,
      place.name,
      expected ?? "",
      row,
      ...notesOf(step),
      writesData ? "1" : "",
      ...(writesData ? hash : []),
    ]);
    return String(reply);
  }

  async #epoch(
    { names, scripts }: Base,
    delta: { readonly tenant: string; readonly subject: string; readonly epoch: number },
  ): Promise<void> {
    if (delta.epoch === 0) return;
    const place = names.subject(delta.tenant, delta.subject);
    const args = [place.tag, place.tenantPart, delta.subject, `${delta.epoch}`];
    await this.#ground.link.run(scripts.raiseTo, [place.epoch], args);
  }

  async #tombstone({ names, scripts }: Base, ref: SessionRef, until: number): Promise<void> {
    const place = names.session(ref);
    const key = names.key("s", place.tag, place.name);
    await this.#ground.link.run(scripts.bury, [key], [place.tag, place.name, `${until}`]);
  }
}

function detailOf({ end, state }: SessionRecord, note: string): string {
  if (end === undefined) return state === "locked" ? LOCKED : "";
  return note === "e" ? `${reasonNumber(end)} ${end.at} ${endText(end)}` : "";
}

/** What the log is told: the change, the end that it is, and the data keys that changed. */
function notesOf({ session, note, keys }: Step): readonly string[] {
  return [note, detailOf(session.record, note), keys.length === 0 ? "" : JSON.stringify(keys)];
}

/** @returns `undefined` when the copy adds nothing. */
function stepOf(before: StoredSession | undefined, copy: StoredSession): Step | undefined {
  const { record } = copy;
  if (before === undefined) {
    const note = record.end === undefined ? "c" : "e";
    return { session: copy, note, keys: [], writesData: true };
  }
  const session = mergeSessions(before, copy);
  const news = newsOfMerge(before, session);
  if (news === undefined) return undefined;
  const note = news.record === undefined ? "" : NOTES[news.record];
  return { session, note, keys: news.keys ?? [], writesData: news.keys !== undefined };
}

const NOTES = { changed: "m", ended: "e" } as const;
