/**
 * Decide, patch, touch: each a function of the stored state that runs inside a transaction, perhaps
 * twice. Every refusal comes before the first change.
 */
import { decidePatch } from "../../engine/merge.ts";
import type { PatchLimits } from "../../engine/merge.ts";
import type {
  DataOperation,
  PatchResult,
  ReplaceResult,
  SessionRef,
  Touch,
  TouchResult,
} from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import { pack } from "../sql/packed.ts";
import { encodeEnd } from "../sql/summary.ts";
import { encodeRotation } from "./codec-rotation.ts";
import { decodeData, dueOf, encodeData, encodeDecision } from "./codec.ts";
import type { Connection } from "./connection.ts";
import type { SqlValue } from "./driver.ts";
import { textIn, textOut } from "./text.ts";
import { WRITABLE } from "./rows.ts";

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

const DATA = `SELECT data_version, data, subject, ${WRITABLE} FROM session WHERE id = ?1 AND tenant = ?2`;
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

/** Compare-and-set on the version, keeping what monotone writes moved meanwhile. */
export function replaceSession(
  db: Connection,
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
    return replaceSession(db, restored, expectedVersion);
  }
  const [subject, device, due, seenAt] = written;
  refile(db, [id, tenant], { ...record, seenAt: Number(seenAt) }, [textOut(device), Number(due)]);
  const ref = { tenant, id, subject: textOut(subject) };
  if (record.end === undefined) {
    db.append({ ...ref, what: CHANGE.changed, detail: liveDetail(record.state) });
    return "replaced";
  }
  db.run(END, id, tenant, record.end.at, encodeEnd(record.end));
  db.appendEnded(ref, record.end);
  return "replaced";
}

/** Indexed columns are written only where they change: naming them costs their index entries. */
function refile(
  db: Connection,
  key: readonly [id: SqlValue, tenant: number],
  record: SessionRecord,
  before: readonly [device: string | null, due: number],
): void {
  const device = record.device?.id ?? null;
  const due = Math.min(before[1], dueOf(record));
  if (device === before[0] && due === before[1]) return;
  db.run(REFILE, ...key, textIn(device), due);
}

/** Merge per key. Invariant I4. */
export function patchSession(
  db: Connection,
  ref: SessionRef,
  operations: readonly DataOperation[],
  limits: PatchLimits,
): PatchResult {
  const tenant = db.tenant(ref.tenant);
  if (tenant === undefined) return { outcome: "gone" };
  const id = pack(ref.id);
  const [version, text, subject, writable] = db.get(DATA, id, tenant) ?? [];
  if (writable !== 1) return { outcome: "gone" };
  const stored = { data: decodeData(text), dataVersion: Number(version) };
  const patch = decidePatch(stored, operations, limits);
  if (patch.outcome !== "patched") return patch;
  const { outcome, dataVersion, data, keys } = patch;
  db.run(PATCH, id, tenant, dataVersion, encodeData(data));
  const detail = JSON.stringify(keys);
  db.append({ what: CHANGE.data, tenant, id, subject: textOut(subject), detail });
  return { outcome, dataVersion };
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
      ? db.statement(TOUCH).run(id, tenant, seenAt)
      : db.statement(TOUCH_SENT).run(id, tenant, seenAt, sent.generation, sent.at);
  return touched === 1 ? "touched" : "gone";
}
