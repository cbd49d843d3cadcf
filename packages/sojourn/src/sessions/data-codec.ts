/** Session data on its way to and from the store: JSON text, encrypted when the option is on. */
import { applyChanges, checkKey, encodeValue } from "../engine/data.ts";
import type { DataChange, EncodedData } from "../engine/data.ts";
import type { DataOperation, SessionRef, StoredData, StoredSession } from "../engine/ports.ts";
import { isSealedData } from "../tokens/data-cipher.ts";
import type { Core } from "./core.ts";

/** True when something is encrypted. Allocates nothing: it is asked for every request. */
export function hasSealed(data: StoredData): boolean {
  for (const key in data) if (isSealedData(data[key] ?? "")) return true;
  return false;
}

/** Readable form of what is stored. Synchronous unless something is encrypted on a web runtime. */
export function decodeStored(
  core: Core,
  stored: StoredSession,
): EncodedData | Promise<EncodedData> {
  const entries = Object.entries(stored.data);
  if (!entries.some(([, text]) => isSealedData(text))) return new Map(entries);
  return decrypt(core, stored.record, entries);
}

async function decrypt(
  core: Core,
  ref: SessionRef,
  entries: readonly (readonly [string, string])[],
): Promise<EncodedData> {
  const cipher = (await core.keys()).cipher(ref);
  const plain = new Map<string, string>();
  for (const [key, text] of entries) plain.set(key, await cipher.open(key, text));
  return plain;
}

/** Changes as store operations, encrypted where asked for. */
export async function toOperations(
  core: Core,
  ref: SessionRef,
  changes: readonly DataChange[],
): Promise<DataOperation[]> {
  const cipher = core.encryptData ? (await core.keys()).cipher(ref) : undefined;
  const operations: DataOperation[] = [];
  for (const { key, json } of changes) {
    if (json === undefined) operations.push({ op: "delete", key });
    else {
      const value = cipher === undefined ? json : await cipher.seal(key, json);
      operations.push({ op: "set", key, value });
    }
  }
  return operations;
}

/** Whole data of a new session as it goes to the store. */
export async function toStored(
  core: Core,
  ref: SessionRef,
  data: EncodedData,
): Promise<StoredData> {
  const changes = [...data].map(([key, json]) => ({ key, json }));
  const stored: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const operation of await toOperations(core, ref, changes)) {
    if (operation.op === "set") stored[operation.key] = operation.value;
  }
  return stored;
}

/** Encode what a caller gave as initial data. @throws {ArgumentError | SojournError} */
export function encodeInitial(data: object | undefined): EncodedData {
  const changes: DataChange[] = [];
  for (const [key, value] of Object.entries(data ?? {})) {
    checkKey(key);
    changes.push({ key, json: encodeValue(key, value) });
  }
  return applyChanges(new Map(), changes);
}
