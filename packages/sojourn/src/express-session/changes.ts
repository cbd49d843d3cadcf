/**
 * What a session object was loaded from, so that a store can merge what changed instead of writing
 * the whole over what others wrote meanwhile (invariant I4), and can tell a straggler of an ended
 * session from a new one (invariant I1).
 *
 * A store that wants this calls {@link rememberBase} with the data it hands out in `get`;
 * `Store.prototype.createSession` passes the memory on to the session made from that data, so it
 * works under an unchanged express-session too. In `set` it asks {@link baseOf} and
 * {@link changesSince}, and after a successful write it remembers what it wrote.
 */

/** A session's top-level keys without `cookie`, each with the JSON text of its value. */
export type Parts = ReadonlyMap<string, string>;

export interface Base {
  /**
   * Which life of which sid this is, compared by identity: an object (or another unique value) that
   * the store makes anew whenever a sid becomes live.
   */
  readonly life: unknown;
  /** What this session object held then; not what the store may hold now. */
  readonly parts: Parts;
  /** The same as one text, {@link jsonOf} the parts, when the store has it at hand. */
  readonly json?: string;
}

/** `json` is `undefined` for a key that was removed. */
export interface Change {
  readonly key: string;
  readonly json: string | undefined;
}

const destroyed: WeakSet<object> = new WeakSet();
const refused: WeakSet<object> = new WeakSet();

/** `session` is a session object, or the data that a store's `get` is about to hand out. */
export function rememberBase(session: object, base: Base): void {
  if (isObject(session)) Marked.set(session, base);
}

/** @returns `undefined` for an object that is new, or that no store of ours handed out. */
export function baseOf(session: object): Base | undefined {
  return isObject(session) ? Marked.get(session) : undefined;
}

/** What a store is given and holds may be anything: it comes from applications. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** A constructor that makes no object, so that a subclass puts its fields on one that exists. */
const Itself = function Itself(object: object) {
  return object;
} as unknown as new (object: object) => object;

/**
 * A private field on objects of any class: no key, so no one enumerates, copies or stores it. Twice
 * per request, this costs 0.2 µs where a `WeakMap` costs 1.4 µs and work for the garbage collector.
 */
class Marked extends Itself {
  #base: Base;

  private constructor(object: object, base: Base) {
    super(object);
    this.#base = base;
  }

  static get(object: object): Base | undefined {
    return #base in object ? object.#base : undefined;
  }

  static set(object: object, base: Base): void {
    if (#base in object) object.#base = base;
    else void new Marked(object, base);
  }
}

/** The application destroyed or regenerated this object: a store of ours never writes it again. */
export function markDestroyed(session: object): void {
  destroyed.add(session);
}

export function isDestroyed(session: object): boolean {
  return destroyed.has(session);
}

/**
 * A store of ours did not write this object, because its session has ended. Its `set` still answers
 * without an error, which would break the response of a request that merely ends too late; `save`
 * reads the mark and tells the application that asked.
 */
export function markRefused(session: object): void {
  refused.add(session);
}

export function wasRefused(session: object): boolean {
  return refused.has(session);
}

/** What `JSON.stringify` would write for the session, key by key and without `cookie`. */
export function partsOf(session: object): Map<string, string> {
  const parts = new Map<string, string>();
  const source = sourceOf(session);
  for (const key of Object.keys(source)) {
    if (key === "cookie") continue;
    const json = JSON.stringify(source[key]) as string | undefined;
    if (json !== undefined) parts.set(key, json);
  }
  return parts;
}

/** The parts as the JSON of one object. */
export function jsonOf(parts: Parts): string {
  let text = "";
  for (const [key, json] of parts) {
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${json}`;
  }
  return `{${text}}`;
}

/** The top-level keys whose JSON is another one than in the base. */
export function changesSince(base: Base, session: object): Change[] {
  return changesBetween(base.parts, partsOf(session));
}

export function changesBetween(before: Parts, after: Parts): Change[] {
  const changes: Change[] = [];
  for (const [key, json] of after) {
    if (before.get(key) !== json) changes.push({ key, json });
  }
  for (const key of before.keys()) {
    if (!after.has(key)) changes.push({ key, json: undefined });
  }
  return changes;
}

/** An application may give its session a `toJSON`, as any object. */
function sourceOf(session: object): Record<string, unknown> {
  const { toJSON } = session as { toJSON?: unknown };
  const value: unknown =
    typeof toJSON === "function" ? Reflect.apply(toJSON, session, [""]) : session;
  return isObject(value) ? (value as Record<string, unknown>) : {};
}
