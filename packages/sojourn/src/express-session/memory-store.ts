/**
 * `MemoryStore`: express-session's store in memory, with two promises that one does not keep.
 * Requests that set different top-level keys of one session all win, and a session that was
 * destroyed, cleared or has expired does not come back by the save of a request in flight.
 */
import type { Base, Parts } from "./changes.ts";
import {
  baseOf,
  changesBetween,
  isDestroyed,
  isObject,
  jsonOf,
  markRefused,
  partsOf,
  rememberBase,
} from "./changes.ts";
import { Store } from "./store.ts";
import type { Answer, Found } from "./store.ts";
import type { Callback, SessionData } from "./types.ts";

declare class MemoryStoreClass extends Store {
  constructor();
  /** The stored JSON texts by sid. Reading and changing them by hand is allowed. */
  sessions: Record<string, string>;
  get(sid: string, callback: Answer<SessionData>): void;
  set(sid: string, session: SessionData, callback?: Callback): void;
  destroy(sid: string, callback?: Callback): void;
  all(callback: Answer<Record<string, SessionData>>): void;
  length(callback: Found<number>): void;
  clear(callback?: Callback): void;
  touch(sid: string, session: SessionData, callback?: Callback): void;
}

export type MemoryStore = MemoryStoreClass;
export type MemoryStoreConstructor = typeof MemoryStoreClass & ((this: object) => void);

/** A sid from when it becomes live until it ends; made anew each time, compared by identity. */
interface Life {
  readonly store: object;
  readonly sid: string;
}

type Own = Required<Base> & { readonly life: Life };

/** What is known of the text under a sid, valid as long as it is that text. */
interface Row extends Own {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

const ROWS: unique symbol = Symbol("rows");

interface Internals extends MemoryStore {
  readonly [ROWS]: Map<string, Row>;
}

/** A function and not a class, so that `MemoryStore.call(this)` makes a store of any object. */
export const MemoryStore: MemoryStoreConstructor = function MemoryStore(this: MemoryStore) {
  Reflect.apply(Store, this, []);
  this.sessions = Object.create(null) as Record<string, string>;
  Object.defineProperty(this, ROWS, { value: new Map() });
} as unknown as MemoryStoreConstructor;

Object.setPrototypeOf(MemoryStore.prototype, Store.prototype);

MemoryStore.prototype.all = function all(this: Internals, callback) {
  const sessions = Object.create(null) as Record<string, SessionData>;
  for (const sid of Object.keys(this.sessions)) {
    const data = dataOf(this, sid);
    if (data) sessions[sid] = data;
  }
  answer(callback, null, sessions);
};

MemoryStore.prototype.clear = function clear(this: Internals, callback) {
  this.sessions = Object.create(null) as Record<string, string>;
  this[ROWS].clear();
  answer(callback);
};

MemoryStore.prototype.destroy = function destroy(this: Internals, sid, callback) {
  remove(this, sid);
  answer(callback);
};

MemoryStore.prototype.get = function get(this: Internals, sid, callback) {
  answer(callback, null, dataOf(this, sid));
};

MemoryStore.prototype.set = function set(this: Internals, sid, session, callback) {
  write(this, sid, session);
  answer(callback);
};

MemoryStore.prototype.length = function length(this: Internals, callback) {
  this.all((error, sessions) => {
    if (error) callback(error);
    else callback(null, Object.keys(sessions ?? {}).length);
  });
};

/** Only the cookie is written, so that its expiry moves and no data does. */
MemoryStore.prototype.touch = function touch(this: Internals, sid, session, callback) {
  const row = liveRow(this, sid);
  const base = baseIn(this, sid, session);
  if (row && (base === undefined || base.life === row.life)) put(this, sid, row, session);
  answer(callback);
};

/** Soon, and never before the caller returned; HTTP sees no more of it. */
function answer(callback: ((...values: never[]) => void) | undefined, ...values: unknown[]): void {
  if (callback) process.nextTick(callback, ...values);
}

/** A fresh copy of what is stored; it remembers what it was, for the session made from it. */
function dataOf(store: Internals, sid: string): SessionData | undefined {
  const row = liveRow(store, sid);
  if (row === undefined) return undefined;
  const data = JSON.parse(row.text) as SessionData;
  rememberBase(data, row);
  return data;
}

function write(store: Internals, sid: string, session: SessionData): void {
  const row = liveRow(store, sid);
  const base = baseIn(store, sid, session);
  if (isDestroyed(session) || (base !== undefined && base.life !== row?.life)) {
    markRefused(session);
    return;
  }
  if (!isObject(session) || "toJSON" in session) {
    store.sessions[sid] = JSON.stringify(session);
    return;
  }
  const parts = partsOf(session);
  const own = { life: row?.life ?? { store, sid }, parts, json: jsonOf(parts) };
  const alone = base === undefined || row === undefined || row.parts === base.parts;
  put(store, sid, alone ? own : merged(row, base.parts, own), session);
  rememberBase(session, own);
}

/** What a session was loaded from here. What another sid or store handed out is new to this one. */
function baseIn(store: Internals, sid: string, session: SessionData): Base | undefined {
  const base = baseOf(session);
  const life = base?.life as Partial<Life> | undefined;
  return life?.store === store && life.sid === sid ? base : undefined;
}

/** What others stored meanwhile, with what this session changed since it was loaded. */
function merged(stored: Row, before: Parts, own: Own): Own {
  const changes = changesBetween(before, own.parts);
  if (changes.length === 0) return stored;
  const values: Record<string, string> = Object.fromEntries(stored.parts);
  for (const { key, json } of changes) {
    if (json === undefined) delete values[key];
    else values[key] = json;
  }
  // By way of an object, so that keys stand in the order in which they will be read back.
  const parts = new Map(Object.entries(values));
  return { life: stored.life, parts, json: jsonOf(parts) };
}

function put(store: Internals, sid: string, base: Own, session: SessionData): void {
  const { life, parts, json } = base;
  const text = withCookie(json, JSON.stringify(session.cookie));
  store.sessions[sid] = text;
  store[ROWS].set(sid, { life, parts, json, text, expiresAt: expiryOf(session.cookie?.expires) });
}

/** The cookie comes first, as in a session object. A foreign object may have none. */
function withCookie(json: string, cookie: string | undefined): string {
  if (cookie === undefined) return json;
  return `{"cookie":${cookie}${json === "{}" ? "" : ","}${json.slice(1)}`;
}

/** What has expired is removed on the way. */
function liveRow(store: Internals, sid: string): Row | undefined {
  const text = store.sessions[sid];
  if (!text) {
    store[ROWS].delete(sid);
    return undefined;
  }
  const known = store[ROWS].get(sid);
  const row = known?.text === text ? known : readByHand(store, sid, text);
  if (row.expiresAt === undefined || row.expiresAt > Date.now()) return row;
  remove(store, sid);
  return undefined;
}

/** The application wrote the text itself. */
function readByHand(store: Internals, sid: string, text: string): Row {
  const data = JSON.parse(text) as SessionData;
  const parts = partsOf(data);
  const life = store[ROWS].get(sid)?.life ?? { store, sid };
  const row = {
    life,
    parts,
    json: jsonOf(parts),
    text,
    expiresAt: expiryOf(data.cookie?.expires),
  };
  store[ROWS].set(sid, row);
  return row;
}

function remove(store: Internals, sid: string): void {
  delete store.sessions[sid];
  store[ROWS].delete(sid);
}

/** As it is after a round trip through JSON, where a date is text and no valid date is `null`. */
function expiryOf(expires: unknown): number | undefined {
  if (!expires) return undefined;
  const at = typeof expires === "number" ? expires : new Date(expires as string | Date).getTime();
  return Number.isNaN(at) ? undefined : at;
}
