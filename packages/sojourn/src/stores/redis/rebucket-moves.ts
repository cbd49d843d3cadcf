/**
 * Where each kind of key belongs under another number of buckets, and how it gets there. Every move
 * may be made again: what was copied and not yet erased is copied over itself.
 */
import type { Argument } from "./client.ts";
import { replyCode } from "./faults.ts";
import { isRow } from "./head.ts";
import { seldomScript } from "./link.ts";
import { refOfName, sessionName, tagOf, tenantOfPart } from "./names.ts";
import type { Kind, Names } from "./names.ts";
import { preludeFor } from "./scripts/prelude.ts";
import type { Script } from "./link.ts";
import type { Servers } from "./servers.ts";

/** A key of the store's, taken apart. */
export interface Found {
  readonly key: string;
  readonly kind: Kind;
  readonly tag: string;
  readonly name: string;
}

const NAMES_AT_ONCE = 1_000;
const OPERATION = "rebucket";

/**
 * KEYS: epoch or tombstone. ARGV: value, instant of its expiry or -1. The higher one stays: copies
 * that nobody asks for may lag behind.
 */
const RAISE = seldomScript(
  OPERATION,
  `
local value, expires = tonumber(ARGV[1]), tonumber(ARGV[2])
value = math.max(value, tonumber(redis.call('GET', KEYS[1]) or 0))
expires = math.max(expires, redis.call('PEXPIRETIME', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.0f', value))
if expires > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires)) end
return 1`,
);

/** KEYS: list, set of lists. ARGV: tag, minute. Leaves the names whose sessions have that tag. */
const KEEP = `
local names = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
for _, name in ipairs(names) do
  if tagof(name) == ARGV[1] then redis.call('RPUSH', KEYS[1], name) end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[2], ARGV[2]) end
return 1`;

export class Moves {
  readonly #servers: Servers;
  /** Under the new number of buckets. */
  readonly #names: Names;
  readonly #from: number;
  readonly #keep: Script;

  constructor(servers: Servers, names: Names, from: number) {
    this.#servers = servers;
    this.#names = names;
    this.#from = from;
    this.#keep = seldomScript(OPERATION, preludeFor(names, KEEP));
  }

  /** @returns the key under which it belongs; `undefined` for what has no such place of its own. */
  placeOf({ kind, name }: Found): string | undefined {
    if (kind === "s" || kind === "d") {
      const place = this.#names.session(refOfName(name));
      return this.#names.key(kind, place.tag, name);
    }
    if (kind !== "u") return undefined;
    const part = partOf(name);
    return part && this.#names.subject(tenantOfPart(part), name.slice(part.length)).index;
  }

  /** @returns false for a key that is not ours: it stays as it is. */
  move(found: Found): Promise<boolean> {
    return this.#ways[found.kind](found);
  }

  readonly #ways: Readonly<Record<Kind, (found: Found) => Promise<boolean>>> = {
    s: (found) => this.#row(found),
    d: (found) => this.#whole(found),
    u: (found) => this.#whole(found),
    e: (found) => this.#hashed(found),
    t: (found) => this.#hashed(found),
    q: (found) => this.#list(found),
    z: (found) => this.#list(found),
    w: (found) => this.#outside(found),
    y: (found) => this.#outside(found),
    // News of the old places, and whose they were: everybody starts over.
    l: ({ key }) => this.#erase(key),
    m: ({ key }) => this.#erase(key),
    n: () => Promise.resolve(true),
  };

  async #row(found: Found): Promise<boolean> {
    const { key, name } = found;
    const to = this.placeOf(found);
    if (sessionName(refOfName(name)) !== name) return false;
    const row = await this.#get(key);
    if (row === undefined || !isRow(row) || to === undefined) return false;
    if (to === key) return true;
    await this.#send("SET", to, row);
    return this.#erase(key);
  }

  async #get(key: string): Promise<Buffer | undefined> {
    try {
      return ((await this.#servers.bytes(OPERATION, ["GET", key])) as Buffer | null) ?? undefined;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (replyCode(cause) === "WRONGTYPE" || /WRONGTYPE/.test(String(cause))) return undefined;
      throw error;
    }
  }

  async #whole(found: Found): Promise<boolean> {
    const { key } = found;
    const to = this.placeOf(found);
    if (to === undefined) return false;
    if (to === key) return true;
    const dump = (await this.#servers.bytes(OPERATION, ["DUMP", key])) as Buffer | null;
    if (dump === null) return true;
    await this.#send("RESTORE", to, "0", dump, "REPLACE");
    return this.#erase(key);
  }

  /**
   * Kept under a hash, of which only the old tag tells the bucket: with more buckets it is copied
   * to every tag that this may have become. In the others nobody will ask for it.
   */
  async #hashed({ key, kind, tag, name }: Found): Promise<boolean> {
    const bucket = Number.parseInt(tag, 16);
    // A copy made before an interruption.
    if (bucket >= this.#from) return true;
    const value = await this.#get(key);
    if (value === undefined || !/^\d+$/.test(String(value))) return false;
    const expires = await this.#servers.text(OPERATION, ["PEXPIRETIME", key]);
    const to = this.#names.buckets;
    const keys: string[] = [];
    for (let one = bucket % to; one < to; one += this.#from) {
      keys.push(this.#names.key(kind, tagOf(one), name));
    }
    for (const copy of keys.filter((other) => other !== key)) {
      await this.#servers.run(RAISE, [copy], [value, String(expires)]);
    }
    return keys.includes(key) || this.#erase(key);
  }

  /** Copy the names of sessions that go elsewhere, then leave them out here. */
  async #list({ key, kind, tag, name }: Found): Promise<boolean> {
    const slots = kind === "q" ? "w" : "y";
    let moved = false;
    for (let from = 0; ; from += NAMES_AT_ONCE) {
      const range = ["LRANGE", key, `${from}`, `${from + NAMES_AT_ONCE - 1}`];
      const names = (await this.#servers.text(OPERATION, range)) as readonly string[];
      for (const [to, theirs] of this.#byTag(names)) {
        if (to === tag) continue;
        moved = true;
        await this.#send("RPUSH", this.#names.key(kind, to, name), ...theirs);
        await this.#send("ZADD", this.#names.key(slots, to, ""), name, name);
      }
      if (names.length < NAMES_AT_ONCE) break;
    }
    if (!moved) return true;
    await this.#servers.run(this.#keep, [key, this.#names.key(slots, tag, "")], [tag, name]);
    return true;
  }

  #byTag(names: readonly string[]): ReadonlyMap<string, readonly string[]> {
    const byTag = new Map<string, string[]>();
    for (const name of names) {
      const { tag } = this.#names.session(refOfName(name));
      const list = byTag.get(tag);
      if (list === undefined) byTag.set(tag, [name]);
      else list.push(name);
    }
    return byTag;
  }

  /** Which lists there are is noted anew wherever they go. */
  async #outside({ key, tag }: Found): Promise<boolean> {
    return Number.parseInt(tag, 16) < this.#names.buckets || this.#erase(key);
  }

  async #erase(key: string): Promise<true> {
    await this.#send("UNLINK", key);
    return true;
  }

  async #send(...args: readonly Argument[]): Promise<void> {
    await this.#servers.bytes(OPERATION, args);
  }
}

/** What stands before the subject in the name of an index. */
function partOf(name: string): string | undefined {
  if (name.startsWith(".")) return ".";
  const [, digits = ""] = /^(\d{1,9})\./.exec(name) ?? [];
  if (digits === "") return undefined;
  const bytes = Buffer.from(name).subarray(0, digits.length + 1 + Number(digits));
  return bytes.toString("utf8");
}
