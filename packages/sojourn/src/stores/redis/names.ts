/**
 * Where things lie. Every key carries the hash tag of its bucket, so that all of a subject is in
 * one slot of a cluster; every variable part before the last is length-prefixed, so that two
 * places never share a key. Epochs and tombstones are kept under hashes: they outlive an erasure.
 *
 * A key says its kind, as in `u/{ff}…`; no prefix has a slash, so that no other installation's key
 * looks like it. Only the keys of sessions, the commonest, say none, and the name of a session of
 * the tenant "default" is its id without the first character, the same in all ids of a region
 * below 4. So they have 27 bytes, the most that Valkey 8 keeps in 48 together with its entry;
 * Redis 7 takes 32 for any of 15 to 30.
 */
import { createHmac, createSecretKey, hash } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin } from "../../engine/given.ts";
import type { SessionRef } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";

export const BUCKETS_MAX: number = 65_536;
const PREFIX: RegExp = /^[\w.:-]{0,32}$/;
const OUR_ID: RegExp = /^[\w-]{24}$/;
const PLAIN_ID: RegExp = /^A[\w-]{23}$/;
const PLAIN_FIRST = "A";
const DEFAULT_TENANT = "default";
const HASH_CHARACTERS = 32;
/** Of base64url. */
export const ALPHABET: string = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The kinds of keys, see docs/decisions. */
export type Kind = "s" | "d" | "t" | "u" | "e" | "q" | "z" | "w" | "y" | "l" | "m" | "n";

/** Where a session is: the hash tag of its id, and its name behind it. */
export interface SessionPlace {
  readonly tag: string;
  readonly name: string;
}

/** Where a subject's index and epoch are. */
export interface SubjectPlace {
  readonly tag: string;
  readonly bucket: number;
  /** The part of every subject of the tenant. */
  readonly tenantPart: string;
  readonly index: string;
  readonly epoch: string;
}

/** What is wrong with where an installation's keys are to lie. */
export function placeProblems(prefix: unknown, buckets: unknown): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    const message = "expected up to 32 letters, digits and _ . : -";
    problems.push({ path: "store.prefix", message });
  }
  if (!isWholeWithin(buckets, 1, BUCKETS_MAX) || (buckets & (buckets - 1)) !== 0) {
    problems.push({ path: "store.buckets", message: "expected a power of two, 1–65536" });
  }
  return problems;
}

export interface NamesOptions {
  readonly prefix: string;
  /** A power of two, 1–65536. */
  readonly buckets: number;
  /** The installation's 32 bytes. */
  readonly bucketKey: Buffer;
}

export class Names {
  readonly prefix: string;
  readonly buckets: number;
  /** Keeps hashes of one installation from meaning anything elsewhere. */
  readonly salt: string;
  readonly #bucketKey: KeyObject;

  constructor(options: NamesOptions) {
    this.prefix = options.prefix;
    this.buckets = options.buckets;
    // Bytes instead of a ready key make each HMAC take ten times as long.
    this.#bucketKey = createSecretKey(options.bucketKey);
    this.salt = createHmac("sha256", options.bucketKey).update("salt").digest("base64url");
  }

  key(kind: Kind, tag: string, name: string): string {
    return `${this.prefix}${kind === "s" ? "" : `${kind}/`}{${tag}}${name}`;
  }

  /** The stream of a bucket's changes. */
  log(bucket: number): string {
    return this.key("l", this.tag(bucket), "");
  }

  /** A key that never is. Named with others, it keeps a script from a bucket that is half moved. */
  guard(bucket: number): string {
    return this.key("n", this.tag(bucket), "");
  }

  session(ref: SessionRef): SessionPlace {
    return { tag: this.tag(bucketOfId(ref.id)), name: sessionName(ref) };
  }

  tombstone(place: SessionPlace): string {
    return this.key("t", place.tag, this.#hash(place.name));
  }

  subject(tenant: string, subject: string): SubjectPlace {
    const bucket = this.#bucketOfSubject(tenant, subject);
    const tag = this.tag(bucket);
    const part = tenantPart(tenant);
    const index = this.key("u", tag, part + subject);
    return {
      tag,
      bucket,
      tenantPart: part,
      index,
      epoch: this.key("e", tag, this.#hash(part + subject)),
    };
  }

  /** @returns `undefined` for an anonymous session, which is in no index. */
  subjectOf(record: Pick<SessionRecord, "tenant" | "subject">): SubjectPlace | undefined {
    return record.subject === null ? undefined : this.subject(record.tenant, record.subject);
  }

  bucketOf(of: SessionRef | { readonly tenant: string; readonly subject: string }): number {
    const { tag } = "id" in of ? this.session(of) : this.subject(of.tenant, of.subject);
    return Number.parseInt(tag, 16);
  }

  /** The subject's bucket if it is another than the session's: its row has to say so. */
  elsewhere(
    { id }: Pick<SessionRecord, "id">,
    whose: SubjectPlace | undefined,
  ): number | undefined {
    return whose === undefined || whose.bucket === bucketOfId(id) ? undefined : whose.bucket;
  }

  /** Every bucket there is. */
  get all(): readonly number[] {
    return Array.from({ length: this.buckets }, (_, bucket) => bucket);
  }

  tag(bucket: number): string {
    return tagOf(bucket % this.buckets);
  }

  #hash(name: string): string {
    return hash("sha1", this.salt + name, "hex").slice(0, HASH_CHARACTERS);
  }

  /** As `bucketOf` of `tokens/session-id.ts`: ids are made there, and must meet their subject. */
  #bucketOfSubject(tenant: string, subject: string): number {
    const texts = [Buffer.from(tenant), Buffer.from(subject)];
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(texts[0]?.length ?? 0, 0);
    lengths.writeUInt32BE(texts[1]?.length ?? 0, 4);
    const digest = createHmac("sha256", this.#bucketKey)
      .update(Buffer.concat([lengths, ...texts]))
      .digest();
    return digest.readUInt16BE(0);
  }
}

export function sessionName({ tenant, id }: SessionRef): string {
  if (tenant === DEFAULT_TENANT && PLAIN_ID.test(id)) return id.slice(1);
  return `${Buffer.byteLength(tenant)}.${tenant}${id}`;
}

/** The session that {@link sessionName} named. */
export function refOfName(name: string): SessionRef {
  const dot = name.indexOf(".");
  if (dot === -1) return { tenant: DEFAULT_TENANT, id: PLAIN_FIRST + name };
  const rest = Buffer.from(name.slice(dot + 1));
  const length = Number(name.slice(0, dot));
  return {
    tenant: rest.toString("utf8", 0, length),
    id: rest.toString("utf8", length),
  };
}

/** What stands before every subject of a tenant. */
export function tenantPart(tenant: string): string {
  return tenant === DEFAULT_TENANT ? "." : `${Buffer.byteLength(tenant)}.${tenant}`;
}

/** The tenant that {@link tenantPart} stands for. */
export function tenantOfPart(part: string): string {
  return part === "." ? DEFAULT_TENANT : part.slice(part.indexOf(".") + 1);
}

/** The hash tag of one of a store's buckets. */
export function tagOf(bucket: number): string {
  return bucket.toString(16).padStart(2, "0");
}

/** The bucket that a key's hash tag names. */
export function bucketOfKey(key: string): number | undefined {
  const [, tag] = /\{([0-9a-f]{2,4})\}/.exec(key) ?? [];
  return tag === undefined ? undefined : Number.parseInt(tag, 16);
}

/** The bucket inside an id; 0 for what is no id of ours. */
function bucketOfId(id: string): number {
  if (!OUR_ID.test(id)) return 0;
  const bits = [1, 2, 3].map((at) => ALPHABET.indexOf(id.charAt(at)));
  const [a = 0, b = 0, c = 0] = bits;
  return ((((a << 12) | (b << 6) | c) >> 0) & 0x3ffff) % 0x10000;
}
