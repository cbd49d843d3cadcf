/** Create, decide, patch, touch: each encodes what it is given; scripts do the judging. */
import { DataTooLargeError, StoreUnavailableError } from "../../engine/errors.ts";
import { chooseEvictions } from "../../engine/liveness.ts";
import { dataBytes } from "../../engine/merge.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  EndedSession,
  PatchResult,
  ReplaceResult,
  SessionRef,
  StoredData,
  Touch,
  TouchResult,
} from "../../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import type { Base, Ground } from "./ground.ts";
import type { SessionPlace } from "./names.ts";
import { summariesOf } from "./reads.ts";
import { encodeRow, endText, reasonNumber } from "./row.ts";

const NO_DATA: StoredData = Object.freeze({});
/** Touches one script takes: it must not keep others waiting. */
const TOUCHES_MAX = 100;
const NONE = "";

export class Writes {
  readonly #ground: Ground;
  readonly #maxDataBytes: number;

  constructor(ground: Ground, maxDataBytes: number) {
    this.#ground = ground;
    this.#maxDataBytes = maxDataBytes;
  }

  async create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const { data = NO_DATA, replaces } = options;
    const bytes = dataBytes(data);
    if (bytes > this.#maxDataBytes) throw new DataTooLargeError(this.#maxDataBytes, bytes);
    // Another tenant's session is none that this one could replace.
    if (replaces !== undefined && replaces.ref.tenant !== record.tenant) return { outcome: "gone" };
    const dataVersion = Math.min(Object.keys(data).length, 1);
    const base = await this.#ground.ready();
    const { names, scripts } = base;
    const place = names.session(record);
    const whose = names.subjectOf(record);
    const elsewhere = names.elsewhere(record, whose);
    const { row, hash } = encodeRow({ record, data, dataVersion, elsewhere });
    this.#ground.requireTogether(place, whose);
    const old = replaces === undefined ? undefined : names.session(replaces.ref);
    // Nor is another subject's, who is the only one that may lie elsewhere.
    if (old !== undefined && !this.#ground.link.together && old.tag !== place.tag) {
      return { outcome: "gone" };
    }
    const keys = [names.key("s", place.tag, place.name), names.tombstone(place)];
    if (whose !== undefined) keys.push(whose.epoch, whose.index);
    const args = [place.tag, place.name, row, ...createArguments(options, old), ...hash];
    const reply = await this.#ground.link.run(scripts.create, keys, args);
    return createdOf(reply as unknown[], record, { base, options });
  }

  async replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    const { names, scripts } = await this.#ground.ready();
    const place = names.session(record);
    const { end } = record;
    const ending = end === undefined ? [] : [`${reasonNumber(end)}`, `${end.at}`, endText(end)];
    const { end: _end, ...endless } = record;
    // The script ends it, as it ends any that lives.
    const state = end === undefined ? record.state : "active";
    const { row } = encodeRow({ record: { ...endless, state }, data: NO_DATA, dataVersion: 0 });
    const pressed = end !== undefined || record.state === "locked";
    const reply = await this.#ground.link.run(
      pressed ? scripts.replacePressed : scripts.replace,
      [names.key("s", place.tag, place.name)],
      [place.tag, place.name, `${expectedVersion}`, row, ...ending],
    );
    const [outcome, createdAt] = (reply as Buffer[]).map(String);
    // Creation never changes: the spans of the row count from the stored one.
    if (outcome === "created") {
      return this.replace({ ...record, createdAt: Number(createdAt) }, expectedVersion);
    }
    return outcome as ReplaceResult;
  }

  async patch(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion: number | undefined,
  ): Promise<PatchResult> {
    const { names, scripts } = await this.#ground.ready();
    const place = names.session(ref);
    const keys = [...new Set(operations.map((operation) => operation.key))];
    const reply = await this.#ground.link.run(
      scripts.patch,
      [names.key("s", place.tag, place.name), names.key("d", place.tag, place.name)],
      [
        place.tag,
        place.name,
        `${expectedVersion ?? NONE}`,
        `${this.#maxDataBytes}`,
        JSON.stringify(keys),
        ...operations.flatMap((one) =>
          one.op === "set" ? ["s", one.key, one.value] : ["d", one.key, NONE],
        ),
      ],
    );
    const [outcome, number = 0] = reply as [Buffer, number | undefined];
    switch (String(outcome)) {
      case "patched":
        return { outcome: "patched", dataVersion: number };
      case "too-large":
        return { outcome: "too-large", bytes: number };
      case "conflict":
        return { outcome: "conflict" };
      default:
        return { outcome: "gone" };
    }
  }

  async touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    const base = await this.#ground.ready();
    const results: TouchResult[] = Array.from({ length: batch.length }, () => "gone");
    const part = async (indices: readonly number[]): Promise<void> => {
      const touches = indices.flatMap((index) => batch[index] ?? []);
      const touched = await this.#touchSome(base, touches);
      for (const [at, index] of indices.entries()) results[index] = touched[at] ?? "gone";
    };
    await Promise.all(this.#parts(base, batch).map(part));
    return results;
  }

  /** Indices of touches that one script may take. */
  #parts({ names }: Base, batch: readonly Touch[]): readonly number[][] {
    const parts: number[][] = [];
    const open = new Map<string, number[]>();
    for (const [index, { ref }] of batch.entries()) {
      const tag = this.#ground.link.together ? NONE : names.session(ref).tag;
      let part = open.get(tag);
      if (part === undefined || part.length === TOUCHES_MAX) {
        part = [];
        parts.push(part);
        open.set(tag, part);
      }
      part.push(index);
    }
    return parts;
  }

  async #touchSome(base: Base, batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    const { names, scripts } = base;
    const keys: string[] = [];
    const args: string[] = [];
    for (const { ref, seenAt, sent } of batch) {
      const place = names.session(ref);
      keys.push(names.key("s", place.tag, place.name));
      args.push(place.name, `${seenAt ?? NONE}`);
      args.push(`${sent?.generation ?? NONE}`, `${sent?.at ?? NONE}`);
    }
    const reply = (await this.#ground.link.run(scripts.touch, keys, args)) as readonly number[];
    return reply.map((touched) => (touched === 1 ? "touched" : "gone"));
  }
}

/** What {@link CREATE} wants to know of the options. */
function createArguments(
  { now, subjectEpoch, limits, replaces }: CreateOptions,
  old: SessionPlace | undefined,
): string[] {
  const wanted = [subjectEpoch, limits?.max, limits?.onLimit];
  const replaced = [old?.tag, old?.name, replaces?.dataVersion];
  return [`${now}`, ...[...wanted, ...replaced].map((one) => `${one ?? NONE}`)];
}

function createdOf(
  reply: readonly unknown[],
  record: SessionRecord,
  call: { readonly base: Base; readonly options: CreateOptions },
): CreateResult {
  const outcome = String(reply[0]);
  switch (outcome) {
    case "exists":
    case "gone":
    case "conflict":
      return { outcome };
    case "stale-epoch":
      return { outcome, epoch: Number(reply[1]) };
    case "limit":
      return { outcome, sessions: inTheWay(summariesOf(reply.slice(1) as Buffer[]), call.options) };
    case "created":
      return newSession(reply as readonly [unknown, number, Buffer, ...Buffer[]], record, call);
    default:
      throw new StoreUnavailableError("create: an answer of another release");
  }
}

/** Newest first, as the engine orders them. */
function inTheWay(
  live: readonly SessionSummary[],
  { limits }: CreateOptions,
): readonly SessionSummary[] {
  const verdict = limits && chooseEvictions(live, limits);
  return verdict?.outcome === "limit" ? verdict.sessions : live;
}

function newSession(
  [, epoch, old, ...pairs]: readonly [unknown, number, Buffer, ...Buffer[]],
  record: SessionRecord,
  { base, options }: { readonly base: Base; readonly options: CreateOptions },
): CreateResult {
  const { now, replaces } = options;
  const evicted = endedAs("evicted", pairs, now);
  const stored = record.epoch === epoch ? record : { ...record, epoch };
  const durability = base.means.plain;
  const created = { outcome: "created", record: stored, evicted, durability } as const;
  if (replaces === undefined) return created;
  const name = Buffer.from(base.names.session(replaces.ref).name);
  const [replaced] = endedAs("replaced", [name, old], now);
  return replaced === undefined ? created : { ...created, replaced };
}

function endedAs(
  reason: "evicted" | "replaced",
  pairs: readonly Buffer[],
  at: number,
): EndedSession[] {
  return summariesOf(pairs).map((record) => ({ record, end: { reason, at } }));
}
