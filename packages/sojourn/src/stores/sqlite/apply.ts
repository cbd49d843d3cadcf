/** Merging what another store saw. Order and repetition do not matter. Invariant I9. */
import { mergeSessions, newsOfMerge, takeDelta } from "../../engine/merge.ts";
import type { SessionRef, StoreDelta, StoredSession } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { pack } from "../sql/packed.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import type { Connection } from "./connection.ts";
import { erase } from "./ends.ts";
import { findRow } from "./rows.ts";
import { insertSession } from "./create.ts";

export function applyDelta(db: Connection, delta: StoreDelta): void {
  takeDelta(delta, {
    session: (session) => applySession(db, session),
    tombstone: (ref, until) => applyTombstone(db, ref, until),
    epoch: (tenant, subject, epoch) => applyEpoch(db, tenant, subject, epoch),
  });
}

function applySession(db: Connection, session: StoredSession): void {
  const { record, subjectEpoch } = session;
  if (record.subject !== null) applyEpoch(db, record.tenant, record.subject, subjectEpoch);
  if (db.entombed(db.idHash(record.tenant, record.id))) return;
  const before = findRow(db, record);
  if (before === undefined) {
    insertSession(db, record, session.data, session.dataVersion);
    return note(db, record, record.end === undefined ? CHANGE.created : CHANGE.ended);
  }
  const merged = mergeSessions(before, session);
  const news = newsOfMerge(before, merged);
  if (news === undefined) return;
  db.run(
    "DELETE FROM session WHERE id = ?1 AND tenant = ?2",
    pack(record.id),
    db.tenantMade(record.tenant),
  );
  insertSession(db, merged.record, merged.data, merged.dataVersion);
  if (news.record !== undefined) note(db, merged.record, CHANGE[news.record]);
  if (news.keys !== undefined) noteData(db, record, news.keys);
}

function applyTombstone(db: Connection, ref: SessionRef, until: number): void {
  const before = findRow(db, ref)?.record;
  db.entomb(db.idHash(ref.tenant, ref.id), until);
  if (before === undefined) return;
  if (before.end === undefined) note(db, before, CHANGE.ended);
  erase(db, before, undefined);
}

function applyEpoch(db: Connection, tenantName: string, subject: string, epoch: number): void {
  if (epoch === 0) return;
  const tenant = db.tenantMade(tenantName);
  if (epoch <= db.subjectState(tenant, subject).epoch) return;
  db.raiseEpoch(tenant, subject, epoch);
  const detail = JSON.stringify({ epoch });
  db.append({ what: CHANGE.subject, tenant, id: null, subject, detail });
}

function note(db: Connection, record: SessionRecord, what: 1 | 2 | 4): void {
  const { subject, state, end } = record;
  const change = { tenant: db.tenantMade(record.tenant), id: pack(record.id), subject };
  if (end === undefined) db.append({ ...change, what, detail: liveDetail(state) });
  else db.append({ ...change, what, detail: JSON.stringify(end) });
}

function noteData(db: Connection, record: SessionRecord, keys: readonly string[]): void {
  const { subject } = record;
  const change = { tenant: db.tenantMade(record.tenant), id: pack(record.id), subject };
  db.append({ ...change, what: CHANGE.data, detail: JSON.stringify(keys) });
}
