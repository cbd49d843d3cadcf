/** Session data on its way to and from the store: JSON text, encrypted when the option is on. */
import { applyChanges, checkKey, encodeValue } from "../engine/data.ts";
import type { DataChange, EncodedData } from "../engine/data.ts";
import type {
  DataOperation,
  MaybePromise,
  SessionRef,
  StoredData,
  StoredSession,
} from "../engine/ports.ts";
import { isSealedData } from "../tokens/data-cipher.ts";
import type { Core } from "./core.ts";
import type { TokenDesk } from "./token-desk.ts";

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
  const keys = core.keys(stored.record.tenant);
  // What is kept near is read again and again, and opened once.
  const opened = keys instanceof Promise ? undefined : keys.opened.get(stored.data);
  return opened ?? decrypt(keys, stored, entries);
}

async function decrypt(
  desk: MaybePromise<TokenDesk>,
  { record, data }: StoredSession,
  entries: readonly (readonly [string, string])[],
): Promise<EncodedData> {
  const keys = await desk;
  const cipher = keys.cipher(record);
  const plain = new Map<string, string>();
  for (const [key, text] of entries) plain.set(key, await cipher.open(key, text));
  keys.opened.set(data, plain);
  return plain;
}

/** Changes as store operations, encrypted where asked for. */
export async function toOperations(
  core: Core,
  ref: SessionRef,
  changes: readonly DataChange[],
): Promise<DataOperation[]> {
  const encrypts = await core.desks.encrypts(ref.tenant);
  const cipher = encrypts ? (await core.keys(ref.tenant)).cipher(ref) : undefined;
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
