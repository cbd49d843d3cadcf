/** Rows of the trail and what the driver gives, one into the other. */
import type { SqlOutcome, SqlValue } from "../control/control-sql.ts";
import type { TrailRow } from "./chain.ts";
import type { SignedStand } from "./signer.ts";

type Columns = Readonly<Record<string, unknown>>;

export const ROW_COLUMNS =
  "seq, id, at, tenant, name, subject_ref, about_digest, actor_ref, actor_digest, hash, " +
  "session, about, actor";
export const STAND_COLUMNS = "seq, chain, anchor_seq, anchor_hash, hash, at, kid, signature";
export const HEAD = `SELECT ${STAND_COLUMNS} FROM control.audit_head WHERE one = 1`;

/** Few sizes, so that few statements are kept prepared. */
const GROUPS = [64, 8, 1] as const;

export interface Group {
  /** So many of `mark`, with commas. */
  readonly marks: (mark: string) => string;
  readonly values: readonly SqlValue[];
}

/** @param repeats What is too few for a group is filled up with its last: for `IN (…)`. */
export function inGroups(items: readonly (readonly SqlValue[])[], repeats = true): Group[] {
  const groups: Group[] = [];
  for (let at = 0; at < items.length;) {
    const left = items.length - at;
    const size = repeats && left > 1 ? GROUPS[0] : (GROUPS.find((one) => one <= left) ?? 1);
    const part = items.slice(at, at + size);
    const last = part.at(-1) ?? [];
    while (part.length < size) part.push(last);
    groups.push({
      marks: (mark) => Array.from({ length: size }, () => mark).join(", "),
      values: part.flat(),
    });
    at += size;
  }
  return groups;
}

export function rowOf(columns: Columns): TrailRow {
  return {
    seq: Number(columns["seq"]),
    id: String(columns["id"]),
    at: Number(columns["at"]),
    tenant: String(columns["tenant"]),
    name: String(columns["name"]),
    subjectRef: textOf(columns["subject_ref"]),
    aboutDigest: String(columns["about_digest"]),
    actorRef: textOf(columns["actor_ref"]),
    actorDigest: textOf(columns["actor_digest"]),
    hash: String(columns["hash"]),
    session: textOf(columns["session"]),
    about: textOf(columns["about"]),
    actor: textOf(columns["actor"]),
  };
}

export function valuesOf(row: TrailRow): readonly SqlValue[] {
  const { seq, id, at, tenant, name, subjectRef, aboutDigest, actorRef, actorDigest } = row;
  const hashed = [seq, id, at, tenant, name, subjectRef, aboutDigest, actorRef, actorDigest];
  return [...hashed, row.hash, row.session, row.about, row.actor];
}

export function headOf({ rows: [row] }: SqlOutcome): SignedStand | undefined {
  return row === undefined ? undefined : standOf(row);
}

export function standOf(columns: Columns): SignedStand {
  return {
    seq: Number(columns["seq"]),
    chain: String(columns["chain"]),
    anchorSeq: Number(columns["anchor_seq"]),
    anchorHash: String(columns["anchor_hash"]),
    hash: String(columns["hash"]),
    at: Number(columns["at"]),
    kid: String(columns["kid"]),
    signature: String(columns["signature"]),
  };
}

export function standValues(stand: SignedStand): readonly SqlValue[] {
  const { seq, chain, anchorSeq, anchorHash, hash, at, kid, signature } = stand;
  return [seq, chain, anchorSeq, anchorHash, hash, at, kid, signature];
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
