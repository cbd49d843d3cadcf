/** Decide, patch, touch: each one statement, conditional on the row as it is when it is locked. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type {
  DataOperation,
  PatchResult,
  ReplaceResult,
  SessionRef,
  Touch,
  TouchResult,
} from "../../engine/ports.ts";
import type { PatchLimits } from "../../engine/merge.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import { encodeColumns, encodeData, keyOf } from "./codec.ts";
import { SETTINGS } from "./database.ts";
import type { Sql } from "./database.ts";
import { AT_KEY, WRITABLE } from "./find.ts";
import { APPEND, endDetail } from "./log.ts";
import { idIn, textIn } from "./text.ts";

/** A lost race is told at once; what is left is a row that changes between two statements. */
const ATTEMPTS_MAX = 5;

/** $3 is the expected version, $4 the entry of the log; the record's columns follow. */
const REPLACE =
  `WITH ${SETTINGS.durable}, decided AS (UPDATE sojourn.session s SET version = s.version + 1, ` +
  "state = $7, epoch = greatest(s.epoch, $8), seen_at = greatest(s.seen_at, $10), " +
  "idle_ms = $11, idle_lock = $12, life_ms = $13, lock_factors = $14, ended_at = $15, " +
  "ending = $16, device = $17, cold = $18, pending = $19, " +
  "sent_at = CASE WHEN s.pending = $19 THEN greatest(s.sent_at, $20) ELSE $20 END, " +
  "turn = $21, due = least(s.due, $22) FROM setting " +
  `WHERE ${AT_KEY} AND s.version = $3 AND s.created_at = $9 AND ${WRITABLE} ` +
  "RETURNING s.tenant, s.id, s.subject) " +
  `${APPEND} SELECT d.tenant, $4::smallint, d.id, d.subject, $5::text FROM decided d ` +
  "WHERE $6::integer IS NOT NULL RETURNING 1";
const STANDING = `SELECT s.version, s.created_at, ${WRITABLE} FROM sojourn.session s WHERE ${AT_KEY}`;

const MERGED = "(s.data - $3::text[]) || $4::jsonb";
const BYTES =
  "(SELECT coalesce(sum(octet_length(d.key) + octet_length(d.value)), 0) " +
  `FROM jsonb_each_text(${MERGED}) d)`;
const PATCH =
  `WITH ${SETTINGS.durable}, patched AS (UPDATE sojourn.session s ` +
  `SET data = ${MERGED}, data_version = s.data_version + 1 FROM setting ` +
  `WHERE ${AT_KEY} AND ${WRITABLE} AND ($5::integer IS NULL OR s.data_version = $5) ` +
  `AND ${BYTES} <= $6 RETURNING s.tenant, s.id, s.subject, s.data_version), ` +
  `logged AS (${APPEND} SELECT p.tenant, ${CHANGE.data}, p.id, p.subject, $7::text FROM patched p) ` +
  "SELECT data_version FROM patched";
const PATCHABLE = `SELECT s.data_version, ${WRITABLE}, ${BYTES} FROM sojourn.session s WHERE ${AT_KEY}`;

/**
 * Rows are locked in the order of their keys before any is written, so that no two batches wait for
 * each other. Later activity counts only before the idle deadline: it must not revive or unlock.
 */
const TOUCH =
  `WITH ${SETTINGS.relaxed}, wanted AS MATERIALIZED (` +
  "SELECT s.id, s.tenant, u.seen, u.generation, u.sent, u.n FROM setting, " +
  "unnest($1::bytea[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[]) " +
  "WITH ORDINALITY u (id, tenant, seen, generation, sent, n) " +
  "JOIN sojourn.tenant t ON t.name = u.tenant " +
  "JOIN sojourn.session s ON s.id = u.id AND s.tenant = t.no " +
  "ORDER BY s.id, s.tenant FOR NO KEY UPDATE OF s) " +
  "UPDATE sojourn.session s SET seen_at = greatest(s.seen_at, w.seen), " +
  "sent_at = CASE WHEN s.pending = w.generation THEN greatest(s.sent_at, w.sent) " +
  "ELSE s.sent_at END FROM wanted w " +
  `WHERE s.id = w.id AND s.tenant = w.tenant AND ${WRITABLE} AND ` +
  "(w.seen <= s.seen_at OR w.seen < least(s.seen_at + s.idle_ms, s.created_at + s.life_ms)) " +
  "RETURNING w.n";

/** Compare-and-set on the version, keeping what monotone writes moved meanwhile. */
export async function replaceSession(
  sql: Sql,
  record: SessionRecord,
  expectedVersion: number,
): Promise<ReplaceResult> {
  const { end } = record;
  const what = end === undefined ? CHANGE.changed : CHANGE.ended;
  const detail = end === undefined ? liveDetail(record.state) : endDetail(end);
  let { createdAt } = record;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const columns = encodeColumns({ ...record, createdAt });
    const written = await sql.rows(
      REPLACE,
      ...keyOf(record),
      expectedVersion,
      what,
      detail,
      ...columns,
    );
    if (written.length > 0) return "replaced";
    const [row] = await sql.rows(STANDING, ...keyOf(record));
    if (row?.[2] !== "t") return "gone";
    if (Number(row[0]) !== expectedVersion) return "conflict";
    // Creation never changes: the spans of the row count from the stored one.
    createdAt = Number(row[1]);
  }
  throw new StoreUnavailableError("replace: the session changed with every look at it");
}

/** Merge per key, inside the row's own update. Invariant I4. */
export async function patchSession(
  sql: Sql,
  ref: SessionRef,
  operations: readonly DataOperation[],
  limits: PatchLimits,
): Promise<PatchResult> {
  const { expectedVersion, maxDataBytes } = limits;
  const { removed, set, keys } = mergedOperations(operations);
  const values = [...keyOf(ref), removed, encodeData(set)];
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const [patched] = await sql.rows(
      PATCH,
      ...values,
      expectedVersion ?? null,
      maxDataBytes,
      JSON.stringify(keys),
    );
    if (patched !== undefined) return { outcome: "patched", dataVersion: Number(patched[0]) };
    const [row] = await sql.rows(PATCHABLE, ...values);
    if (row?.[1] !== "t") return { outcome: "gone" };
    const conflict = expectedVersion !== undefined && Number(row[0]) !== expectedVersion;
    if (conflict) return { outcome: "conflict" };
    const bytes = Number(row[2]);
    if (bytes > maxDataBytes) return { outcome: "too-large", bytes };
  }
  throw new StoreUnavailableError("patchData: the session changed with every look at it");
}

/** The last operation on a key is the one that counts. */
function mergedOperations(operations: readonly DataOperation[]) {
  const last = new Map(operations.map((operation) => [operation.key, operation]));
  const set = new Map<string, string>();
  const removed: string[] = [];
  for (const operation of last.values()) {
    if (operation.op === "set") set.set(operation.key, operation.value);
    else removed.push(textIn(operation.key));
  }
  return { removed, set: Object.fromEntries(set), keys: [...last.keys()] };
}

/** Never creates, revives or goes back. Not in the log: touches are not changes. */
export async function touchSessions(
  sql: Sql,
  batch: readonly Touch[],
): Promise<readonly TouchResult[]> {
  const results: TouchResult[] = batch.map(() => "gone");
  for (const round of rounds(batch)) {
    const touches = round.map((index) => batch[index]);
    const touched = await sql.rows(
      TOUCH,
      touches.map((touch) => Buffer.from(idIn(touch?.ref.id ?? ""))),
      touches.map((touch) => textIn(touch?.ref.tenant ?? "")),
      touches.map((touch) => touch?.seenAt ?? 0),
      touches.map((touch) => touch?.sent?.generation ?? null),
      touches.map((touch) => touch?.sent?.at ?? null),
    );
    for (const [ordinal] of touched) results[round[Number(ordinal) - 1] ?? -1] = "touched";
  }
  return results;
}

/** Places in the batch; a session that is named twice waits for the next round. */
function rounds(batch: readonly Touch[]): readonly (readonly number[])[] {
  const made: number[][] = [];
  const named = new Map<string, number>();
  for (const [index, { ref }] of batch.entries()) {
    const key = JSON.stringify([ref.tenant, ref.id]);
    const round = named.get(key) ?? 0;
    named.set(key, round + 1);
    (made[round] ??= []).push(index);
  }
  return made;
}
