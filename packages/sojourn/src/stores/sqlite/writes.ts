/**
 * Create, decide, patch, touch: each a function of the stored state that runs inside a
 * transaction, perhaps twice. Every refusal comes before the first change.
 */
import { DataTooLargeError } from "../../engine/errors.ts";
import { chooseEvictions, isLive } from "../../engine/liveness.ts";
import { dataBytes, patchedData } from "../../engine/merge.ts";
import { invariant } from "../../engine/invariant.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  EndedSession,
  PatchResult,
  ReplaceResult,
  SessionRef,
  StoredData,
  Touch,
  TouchResult,
} from "../../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import {
  decodeData,
  dueOf,
  encodeData,
  encodeDecision,
  encodeEnd,
  encodeRotation,
  encodeSummary,
  ROTATION_COLUMNS,
  SUMMARY_COLUMNS,
} from "./codec.ts";
import { CHANGE } from "./connection.ts";
import type { Connection } from "./connection.ts";
import type { SqlValue } from "./driver.ts";
import { endRow } from "./ends.ts";
import type { WriteScope } from "./group-commit.ts";
import { pack } from "./packed.ts";
import { hasRow, liveRows, summaryRow, WRITABLE } from "./rows.ts";

const NO_DATA: StoredData = Object.freeze({});

const INSERT =
  `INSERT INTO session (${SUMMARY_COLUMNS}, ${ROTATION_COLUMNS}, tenant, due, data_version, data) ` +
  `VALUES (${Array.from({ length: 27 }, () => "?").join(", ")}) ON CONFLICT DO NOTHING`;

const REPLACE =
  "UPDATE session SET version = version + 1, state = ?5, epoch = max(epoch, ?6), " +
  "seen_at = max(seen_at, ?7), idle_ms = ?8, idle_lock = ?9, life_ms = ?10, " +
  "lock_factors = ?11, cold = ?12, generation = ?13, verifier = ?14, confirmed = ?15, " +
  "issued = ?16, fingerprint = ?17, " +
  "sent_at = CASE WHEN pending = ?18 THEN max(sent_at, ?19) ELSE ?19 END, " +
  "pending = ?18, turn = ?20 " +
  `WHERE id = ?1 AND tenant = ?2 AND version = ?3 AND created_at = ?4 AND ${WRITABLE} ` +
  "RETURNING subject, device, due, seen_at";
const STANDING = `SELECT version, created_at, ${WRITABLE} FROM session WHERE id = ?1 AND tenant = ?2`;
const REFILE = "UPDATE session SET device = ?3, due = ?4 WHERE id = ?1 AND tenant = ?2";
const END = "UPDATE session SET ended_at = ?3, ending = ?4 WHERE id = ?1 AND tenant = ?2";

const DATA =
  `SELECT data_version, data, subject, ${WRITABLE} FROM session WHERE id = ?1 AND tenant = ?2`;
const PATCH = "UPDATE session SET data_version = ?3, data = ?4 WHERE id = ?1 AND tenant = ?2";

/** Later activity counts only before the idle deadline: a touch must not revive or unlock. */
const TOUCHABLE =
  `id = ?1 AND tenant = ?2 AND ${WRITABLE} ` +
  "AND (?3 <= seen_at OR ?3 < min(seen_at + idle_ms, created_at + life_ms))";
const TOUCH = `UPDATE session SET seen_at = max(seen_at, ?3) WHERE ${TOUCHABLE}`;
const TOUCH_SENT =
  "UPDATE session SET seen_at = max(seen_at, ?3), " +
  "sent_at = CASE WHEN pending = ?4 THEN max(sent_at, ?5) ELSE sent_at END " +
  `WHERE ${TOUCHABLE}`;

type Admission =
  | Exclude<CreateResult, { outcome: "created" }>
  | { readonly replaced: SessionSummary | undefined; readonly evict: readonly SessionSummary[] };

/** The only way to become live. Invariants I1, I5. */
export function createSession(
  db: Connection,
  scope: WriteScope,
  record: SessionRecord,
  options: CreateOptions & { readonly maxDataBytes: number },
): CreateResult {
  const { now, data = NO_DATA } = options;
  const tenant = db.tenantMade(record.tenant);
  const { epoch, erased, anyTombstone } = db.subjectState(tenant, record.subject);
  if (anyTombstone && db.entombed(db.idHash(record.tenant, record.id), now)) {
    return { outcome: "exists" };
  }
  const admitted = admit(db, record, options, epoch);
  if ("outcome" in admitted) return admitted;
  const bytes = dataBytes(data);
  if (bytes > options.maxDataBytes) throw new DataTooLargeError(options.maxDataBytes, bytes);

  const end = (session: SessionSummary, reason: "replaced" | "evicted"): EndedSession =>
    endRow(db, scope, session, { reason, at: now });
  const replaced = admitted.replaced && end(admitted.replaced, "replaced");
  const evicted = admitted.evict.map((session) => end(session, "evicted"));
  const stored = record.epoch === epoch ? record : { ...record, epoch };
  const created = insertSession(db, stored, data, bytes === 0 ? 0 : 1);
  // Whoever ends others has asked whether the id is taken.
  invariant(created || (replaced === undefined && evicted.length === 0), "a taken id was noticed");
  if (!created) return { outcome: "exists" };
  const { id, subject } = record;
  // The name is back, so its epoch moves from the erased name's hash to where reads look.
  if (erased && subject !== null) db.raiseEpoch(tenant, subject, epoch);
  db.append({ what: CHANGE.created, tenant, id: pack(id), subject });
  return {
    outcome: "created",
    record: stored,
    evicted,
    ...(replaced === undefined ? {} : { replaced }),
    durability: "memory",
  };
}

/** @returns false when the id is taken; nothing is written then. */
export function insertSession(
  db: Connection,
  record: SessionRecord,
  data: StoredData,
  dataVersion: number,
): boolean {
  const inserted = db.run(
    INSERT,
    ...encodeSummary(record),
    ...encodeRotation(record.rotation, record.createdAt),
    db.tenantMade(record.tenant),
    dueOf(record),
    dataVersion,
    encodeData(data),
  );
  return inserted === 1;
}

/** Every reason not to create, in the order in which they are told; else whom it will end. */
function admit(
  db: Connection,
  record: SessionRecord,
  options: CreateOptions,
  epoch: number,
): Admission {
  const { now, limits, subjectEpoch, replaces } = options;
  const stale = subjectEpoch !== undefined && epoch > subjectEpoch;
  const limited = limits !== undefined && record.subject !== null;
  // The insert itself notices a taken id; asking first matters only where another refusal could
  // be told instead.
  if (!stale && replaces === undefined && !limited) return { replaced: undefined, evict: [] };
  if (hasRow(db, record.id, db.tenantMade(record.tenant))) return { outcome: "exists" };
  if (stale) return { outcome: "stale-epoch", epoch };
  const replaced = toBeReplaced(db, record, options, epoch);
  if (replaced === "gone" || replaced === "conflict") return { outcome: replaced };
  if (limits === undefined || record.subject === null) return { replaced, evict: [] };
  const live = liveRows(db, record.tenant, record.subject).filter(
    (session) => session.id !== replaced?.id && isLive(session, epoch, now),
  );
  const verdict = chooseEvictions(live, limits);
  return verdict.outcome === "limit" ? verdict : { replaced, evict: verdict.evict };
}

function toBeReplaced(
  db: Connection,
  record: SessionRecord,
  options: CreateOptions,
  epoch: number,
): SessionSummary | undefined | "gone" | "conflict" {
  const { replaces, now } = options;
  if (replaces === undefined) return undefined;
  const before = summaryRow(db, replaces.ref);
  if (before === undefined || !isLive(before, epoch, now)) return "gone";
  // Another subject's session is none that this one could replace.
  if (before.tenant !== record.tenant || before.subject !== record.subject) return "gone";
  const found = db.get(DATA, pack(before.id), db.tenantMade(before.tenant));
  return found?.[0] === replaces.dataVersion ? before : "conflict";
}

/** Compare-and-set on the version, keeping what monotone writes moved meanwhile. */
export function replaceSession(
  db: Connection,
  scope: WriteScope,
  record: SessionRecord,
  expectedVersion: number,
): ReplaceResult {
  const tenant = db.tenant(record.tenant);
  if (tenant === undefined) return "gone";
  const id = pack(record.id);
  const values = [...encodeDecision(record), ...encodeRotation(record.rotation, record.createdAt)];
  const written = db.get(REPLACE, id, tenant, expectedVersion, record.createdAt, ...values);
  if (written === undefined) {
    const [version, createdAt, writable] = db.get(STANDING, id, tenant) ?? [];
    if (writable !== 1) return "gone";
    if (version !== expectedVersion) return "conflict";
    // Creation never changes: the spans of the row count from the stored one.
    const restored = { ...record, createdAt: Number(createdAt) };
    return replaceSession(db, scope, restored, expectedVersion);
  }
  const [subject, device, due, seenAt] = written;
  refile(db, [id, tenant], { ...record, seenAt: Number(seenAt) }, [device ?? null, Number(due)]);
  const ref = { tenant, id, subject: subject === null ? null : String(subject) };
  if (record.end === undefined) {
    db.append({ ...ref, what: CHANGE.changed });
    return "replaced";
  }
  scope.requireDurable();
  db.run(END, id, tenant, record.end.at, encodeEnd(record.end));
  db.appendEnded(ref, record.end);
  return "replaced";
}

/** Indexed columns are written only where they change: naming them costs their index entries. */
function refile(
  db: Connection,
  key: readonly [id: SqlValue, tenant: number],
  record: SessionRecord,
  before: readonly [device: SqlValue, due: number],
): void {
  const device = record.device?.id ?? null;
  const due = Math.min(before[1], dueOf(record));
  if (device === before[0] && due === before[1]) return;
  db.run(REFILE, ...key, device, due);
}

/** Merge per key. Invariant I4. */
export function patchSession(
  db: Connection,
  ref: SessionRef,
  operations: readonly DataOperation[],
  limits: { readonly expectedVersion: number | undefined; readonly maxDataBytes: number },
): PatchResult {
  const tenant = db.tenant(ref.tenant);
  if (tenant === undefined) return { outcome: "gone" };
  const id = pack(ref.id);
  const [version, text, subject, writable] = db.get(DATA, id, tenant) ?? [];
  if (writable !== 1) return { outcome: "gone" };
  const { expectedVersion, maxDataBytes } = limits;
  if (expectedVersion !== undefined && expectedVersion !== version) return { outcome: "conflict" };
  const patched = patchedData(decodeData(text), operations);
  const bytes = dataBytes(patched);
  if (bytes > maxDataBytes) return { outcome: "too-large", bytes };
  const dataVersion = Number(version) + 1;
  db.run(PATCH, id, tenant, dataVersion, encodeData(patched));
  const keys = [...new Set(operations.map((operation) => operation.key))];
  const detail = JSON.stringify(keys);
  const name = typeof subject === "string" ? subject : null;
  db.append({ what: CHANGE.data, tenant, id, subject: name, detail });
  return { outcome: "patched", dataVersion };
}

/** Never creates, revives or goes back. Not in the log: touches are not changes. */
export function touchSession(db: Connection, touch: Touch): TouchResult {
  const tenant = db.tenant(touch.ref.tenant);
  if (tenant === undefined) return "gone";
  const id = pack(touch.ref.id);
  const seenAt = touch.seenAt ?? 0;
  const { sent } = touch;
  const touched =
    sent === undefined
      ? db.run(TOUCH, id, tenant, seenAt)
      : db.run(TOUCH_SENT, id, tenant, seenAt, sent.generation, sent.at);
  return touched === 1 ? "touched" : "gone";
}
