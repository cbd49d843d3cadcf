/**
 * Session data as values: per-key JSON text, and the operations that turn one snapshot into
 * another. Only keys that changed become operations, so that writes to other keys survive. I4.
 */
import { ArgumentError, SojournError } from "./errors.ts";

/** A plain snapshot: JSON values by key. */
export type DataSnapshot = Readonly<Record<string, unknown>>;
/** Encoded values by key, as they go to the store (before encryption, if any). */
export type EncodedData = ReadonlyMap<string, string>;

/** A key and its new JSON text; `undefined` removes it. */
export interface DataChange {
  readonly key: string;
  readonly json: string | undefined;
}

const KEY_LENGTH_MAX = 256;
const LONE_SURROGATE: RegExp = /[\uD800-\uDFFF]/u;

/** @throws {ArgumentError} for a key that is no text of 1 to 256 characters. */
export function checkKey(key: string): void {
  if (typeof key !== "string" || key.length === 0 || key.length > KEY_LENGTH_MAX) {
    throw new ArgumentError("data", `a key is a text of 1 to ${KEY_LENGTH_MAX} characters`);
  }
  if (LONE_SURROGATE.test(key)) {
    throw new ArgumentError("data", "a key must be well-formed Unicode (it has a lone surrogate)");
  }
}

/**
 * Encode one value. @returns `undefined` for `undefined`, which removes the key.
 * @throws {SojournError} `ERR_DATA_NOT_JSON` for what JSON cannot say: functions, cycles, BigInt.
 */
export function encodeValue(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseLoss);
  } catch (cause) {
    throw notJson(key, cause);
  }
  if (json === undefined) throw notJson(key);
  return json;
}

/** `JSON.stringify` drops or alters these without a word; a session must not. */
function refuseLoss(_key: string, value: unknown): unknown {
  const lost =
    typeof value === "function" ||
    typeof value === "symbol" ||
    (typeof value === "number" && !Number.isFinite(value)) ||
    value instanceof Map ||
    value instanceof Set;
  if (lost) throw new TypeError("a value that JSON cannot say");
  return value;
}

function notJson(key: string, cause?: unknown): SojournError {
  return new SojournError(
    "ERR_DATA_NOT_JSON",
    `data key "${key}": the value is not JSON (no functions, symbols, cycles, BigInt, NaN, Infinity, Map or Set)`,
    { cause },
  );
}

/** Copy own keys only; a `__proto__` key becomes data, never a prototype. */
export function decodeData(encoded: EncodedData): DataSnapshot {
  const snapshot: Record<string, unknown> = {};
  for (const [key, json] of encoded) {
    const value: unknown = JSON.parse(json);
    if (key === "__proto__") {
      Object.defineProperty(snapshot, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } else {
      snapshot[key] = value;
    }
  }
  return snapshot;
}

/** What changed between the encoded form and a worked-on draft. Cost: one encode per key. */
export function changesOf(before: EncodedData, draft: DataSnapshot): DataChange[] {
  const changes: DataChange[] = [];
  for (const key of Object.keys(draft)) {
    const json = encodeValue(key, draft[key]);
    if (json === before.get(key)) continue;
    checkKey(key);
    changes.push({ key, json });
  }
  for (const key of before.keys()) {
    if (!Object.hasOwn(draft, key)) changes.push({ key, json: undefined });
  }
  return changes;
}

/** Apply changes to an encoded form. */
export function applyChanges(before: EncodedData, changes: readonly DataChange[]): EncodedData {
  const after = new Map(before);
  for (const { key, json } of changes) {
    if (json === undefined) after.delete(key);
    else after.set(key, json);
  }
  return after;
}
