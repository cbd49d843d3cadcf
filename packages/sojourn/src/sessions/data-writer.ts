/** Data writes: merged per key by the store, or atomic by compare-and-set. Invariant I4. */
import { changesOf, checkKey, decodeData, encodeValue } from "../engine/data.ts";
import type { DataChange } from "../engine/data.ts";
import {
  ArgumentError,
  DataTooLargeError,
  SessionEndedError,
  SessionLockedError,
} from "../engine/errors.ts";
import { invariant } from "../engine/invariant.ts";
import type { DataOperation, SessionRef, StoredSession } from "../engine/ports.ts";
import type { Core, Loaded } from "./core.ts";
import { decodeStored, toOperations } from "./data-codec.ts";

export type Draft = Record<string, unknown>;

/** One key and its new value; `undefined` removes it. */
export interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

function writable(loaded: Loaded): Loaded {
  if (loaded.judgement.state === "locked") throw new SessionLockedError(loaded.judgement.factors);
  return loaded;
}

/**
 * Run `change` on a draft and write what it changed, onto exactly the version it saw. Updates of
 * one session queue inside this process, so retries only meet other processes.
 *
 * @throws {ContentionError} after 2 s of lost races.
 */
export function updateData(
  core: Core,
  ref: SessionRef,
  change: (draft: Draft) => void,
): Promise<StoredSession> {
  return core.queues.run(ref.id + ref.tenant, () =>
    core.retrying("update", async () => {
      const { stored } = writable(await core.inspectLive(ref));
      const before = await decodeStored(core, stored);
      const draft = { ...decodeData(before) };
      const returned: unknown = change(draft);
      if (returned instanceof Promise) {
        // It would run outside the queue and possibly twice; nothing of it is kept.
        returned.catch(() => undefined);
        throw new ArgumentError(
          "update",
          "the function must be synchronous: await first, then update",
        );
      }
      const changes = changesOf(before, draft);
      if (changes.length === 0) return stored;
      return patch(core, stored, { changes, expected: stored.dataVersion });
    }),
  );
}

/** A session to write to, and what the caller has just read of it, if that may be relied on. */
export interface Target {
  readonly ref: SessionRef;
  readonly known: StoredSession | undefined;
}

/**
 * Write keys; other keys are left alone. One round trip on what was just read, one more when it was
 * not, or when others wrote meanwhile.
 */
export async function writeData(
  core: Core,
  { ref, known }: Target,
  values: readonly KeyValue[],
): Promise<StoredSession> {
  const changes: DataChange[] = values.map(({ key, value }) => {
    checkKey(key);
    return { key, json: encodeValue(key, value) };
  });
  const before = known ?? (await core.inspectLive(ref)).stored;
  const { judgement } = writable(core.judge(before));
  if (judgement.state === "ended") throw new SessionEndedError(judgement.end.reason);
  const written = await patch(core, before, { changes });
  invariant(written !== undefined, "an unconditional write met a conflict");
  // Somebody else wrote in between: this snapshot lacks their keys and must not pass for the whole.
  if (written.dataVersion === before.dataVersion + 1) return written;
  const after = await core.load(ref);
  // Ended since: the write held before that, and must not be reported as refused.
  return after === undefined || after.record.end !== undefined ? written : after;
}

export interface Patch {
  readonly changes: readonly DataChange[];
  /** Only onto this data version. */
  readonly expected?: number;
}

/**
 * Write changes that are encoded already, if the session has not ended. One round trip.
 *
 * @returns `undefined` when the expected version was not the stored one.
 */
export async function patch(
  core: Core,
  stored: StoredSession,
  wanted: Patch,
): Promise<StoredSession | undefined> {
  const { record } = stored;
  const operations = await toOperations(core, record, wanted.changes);
  const result = await core.attempt("patchData", () =>
    core.store.patchData(record, operations, wanted.expected),
  );
  switch (result.outcome) {
    case "patched": {
      const keys = wanted.changes.map((change) => change.key);
      const { tenant, id } = record;
      core.emit("session-data-changed", {
        tenant,
        subject: record.subject ?? undefined,
        session: id,
        keys,
        dataVersion: result.dataVersion,
      });
      return { ...stored, data: merged(stored, operations), dataVersion: result.dataVersion };
    }
    case "conflict":
      return undefined;
    case "gone": {
      await core.inspectLive(record);
      throw new SessionEndedError(undefined);
    }
    case "too-large":
      throw new DataTooLargeError(core.store.capabilities.maxDataBytes, result.bytes);
  }
}

function merged(
  stored: StoredSession,
  operations: readonly DataOperation[],
): StoredSession["data"] {
  const data = Object.assign(Object.create(null) as Record<string, string>, stored.data);
  for (const operation of operations) {
    if (operation.op === "set") data[operation.key] = operation.value;
    else delete data[operation.key];
  }
  return data;
}
