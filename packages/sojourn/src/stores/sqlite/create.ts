/**
 * Making a session: a function of the stored state that runs inside a transaction, perhaps twice.
 * Every refusal comes before the first change.
 */
import { DataTooLargeError } from "../../engine/errors.ts";
import { invariant } from "../../engine/invariant.ts";
import { chooseEvictions, isLive } from "../../engine/liveness.ts";
import { dataBytes } from "../../engine/merge.ts";
import type {
  CreateOptions,
  CreateResult,
  EndedSession,
  SessionLimits,
  StoredData,
} from "../../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import { CHANGE } from "../sql/change.ts";
import { pack } from "../sql/packed.ts";
import { ROTATION_COLUMNS, encodeRotation } from "./codec-rotation.ts";
import { dueOf, encodeData, encodeSummary, SUMMARY_COLUMNS } from "./codec.ts";
import type { Connection } from "./connection.ts";
import { endRow } from "./ends.ts";
import type { WriteScope } from "./group-commit.ts";
import { hasRow, liveRows, summaryRow } from "./rows.ts";

const NO_DATA: StoredData = Object.freeze({});

const INSERT =
  `INSERT INTO session (${SUMMARY_COLUMNS}, ${ROTATION_COLUMNS}, tenant, due, data_version, data) ` +
  `VALUES (${Array.from({ length: 27 }, () => "?").join(", ")}) ON CONFLICT DO NOTHING`;

const DATA_VERSION = "SELECT data_version FROM session WHERE id = ?1 AND tenant = ?2";

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
  checkSize(data, options.maxDataBytes);
  const end = (session: SessionSummary, reason: "replaced" | "evicted"): EndedSession =>
    endRow(db, scope, session, { reason, at: now });
  const replaced = admitted.replaced && end(admitted.replaced, "replaced");
  const evicted = admitted.evict.map((session) => end(session, "evicted"));
  const ends = evicted.length > 0 || replaced !== undefined;
  const stored = record.epoch === epoch ? record : { ...record, epoch };
  const created = insertSession(db, stored, data, Math.min(Object.keys(data).length, 1));
  // Whoever ends others has asked whether the id is taken.
  invariant(created || !ends, "a taken id was noticed before others ended");
  if (!created) return { outcome: "exists" };
  note(db, stored, erased);
  const result = { outcome: "created", record: stored, evicted } as const;
  if (!ends) return { ...result, durability: "memory" };
  return { ...result, ...(replaced && { replaced }), durability: "local" };
}

/** @throws {DataTooLargeError} */
function checkSize(data: StoredData, maxDataBytes: number): void {
  const bytes = dataBytes(data);
  if (bytes > maxDataBytes) throw new DataTooLargeError(maxDataBytes, bytes);
}

function note(db: Connection, record: SessionRecord, erased: boolean): void {
  const { id, subject } = record;
  const tenant = db.tenantMade(record.tenant);
  // The name is back, so its epoch moves from the erased name's hash to where reads look.
  if (erased && subject !== null) db.raiseEpoch(tenant, subject, record.epoch);
  db.append({ what: CHANGE.created, tenant, id: pack(id), subject });
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
  // The insert itself notices a taken id; asking first matters only where another refusal could
  // be told instead.
  if (!stale && replaces === undefined && limits === undefined)
    return { replaced: undefined, evict: [] };
  if (hasRow(db, record.id, db.tenantMade(record.tenant))) return { outcome: "exists" };
  if (stale) return { outcome: "stale-epoch", epoch };
  const replaced = toBeReplaced(db, record, options, epoch);
  if (replaced === "gone" || replaced === "conflict") return { outcome: replaced };
  if (limits === undefined) return { replaced, evict: [] };
  return withinLimits(db, record, limits, { replaced, epoch, now });
}

function withinLimits(
  db: Connection,
  record: SessionRecord,
  limits: SessionLimits,
  at: {
    readonly replaced: SessionSummary | undefined;
    readonly epoch: number;
    readonly now: number;
  },
): Admission {
  const { replaced, epoch, now } = at;
  if (record.subject === null) return { replaced, evict: [] };
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
  const found = db.get(DATA_VERSION, pack(before.id), db.tenantMade(before.tenant));
  return found?.[0] === replaces.dataVersion ? before : "conflict";
}
