/**
 * The hash chain: what is hashed, and with what. The clear text of people stays out of it: a
 * digest of it with a random salt is in, so that it can be erased and the chain still holds.
 */
import { createHash, randomBytes } from "node:crypto";
import type { About, AuditEntry } from "./entry.ts";

/** One row of the trail. `about` and `actor` are absent when they were erased. */
export interface TrailRow {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly tenant: string;
  readonly name: string;
  readonly subjectRef: string | null;
  readonly aboutDigest: string;
  readonly actorRef: string | null;
  readonly actorDigest: string | null;
  readonly hash: string;
  readonly session: string | null;
  readonly about: string | null;
  readonly actor: string | null;
}

/** The end of a chain: what the next row is hashed with. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

/** References of people, by {@link personKey}. */
export type References = (tenant: string, person: string) => string;

const ODD = /[^ -~]/;
const SALT_BYTES = 16;
const REF_BYTES = 12;

/** Where a chain begins. Each has a name of its own, so that one cannot be put for another. */
export function genesis(chain: string): string {
  return digest(`sojourn audit\n${chain}`);
}

export function newName(): string {
  return randomBytes(REF_BYTES).toString("base64url");
}

/** Hash of a row after `previous`. Every column that is looked at later is in it. */
export function hashOf(previous: string, seq: number, row: Omit<TrailRow, "seq" | "hash">): string {
  const { id, at, tenant, name, subjectRef, aboutDigest, actorRef, actorDigest } = row;
  const members = [1, seq, id, at, tenant, name, subjectRef, aboutDigest, actorRef, actorDigest];
  return digest(`${previous}\n${JSON.stringify(members)}`);
}

/** Rows that follow `end`, in order. */
export function chained(
  end: ChainEnd,
  entries: readonly AuditEntry[],
  references: References,
): readonly TrailRow[] {
  let { seq, hash } = end;
  return entries.map((entry) => {
    const row = rowOf(entry, references);
    seq += 1;
    hash = hashOf(hash, seq, row);
    return { ...row, seq, hash };
  });
}

function rowOf(entry: AuditEntry, references: References): Omit<TrailRow, "seq" | "hash"> {
  const { id, at, actor, about } = entry;
  const tenant = plain(entry.tenant);
  const aboutText = salted(about);
  const actorText = salted(actor);
  return {
    id,
    at: Math.trunc(at),
    tenant,
    name: plain(entry.name),
    subjectRef: about.subject === undefined ? null : references(tenant, about.subject),
    aboutDigest: digest(aboutText),
    actorRef: references(tenant, actor),
    actorDigest: digest(actorText),
    session: about.session === undefined ? null : plain(about.session),
    about: aboutText,
    actor: actorText,
  };
}

/** @returns `undefined` when the text is not what was hashed. */
export function aboutOf({ about, aboutDigest }: TrailRow): About | undefined {
  return about === null ? undefined : (unsalted(about, aboutDigest) as About | undefined);
}

export function actorOf({ actor, actorDigest }: TrailRow): string | undefined {
  return actor === null ? undefined : (unsalted(actor, actorDigest) as string | undefined);
}

/** How a person's name is stored: any text, as ASCII. */
export function personKey(person: string): string {
  return ascii(JSON.stringify(person));
}

function salted(value: unknown): string {
  return ascii(JSON.stringify([randomBytes(SALT_BYTES).toString("base64url"), value]));
}

function unsalted(text: string, expected: string | null): unknown {
  if (digest(text) !== expected) return undefined;
  return (JSON.parse(text) as [string, unknown])[1];
}

/** JSON with nothing but printable ASCII: no engine, terminal or log can read it differently. */
export function ascii(json: string): string {
  if (!ODD.test(json)) return json;
  return json.replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Names are ASCII as a rule; two that are not stay apart. */
export function plain(text: string): string {
  return text.replaceAll(/[^ -$&-~]/g, (unit) => `%${unit.charCodeAt(0).toString(16)}.`);
}

/** What {@link plain} made of a name, as it was. */
export function unplain(text: string): string {
  return text.replaceAll(/%([0-9a-f]{1,4})\./g, (_, unit: string) =>
    String.fromCharCode(Number.parseInt(unit, 16)),
  );
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
