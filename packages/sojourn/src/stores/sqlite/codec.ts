/**
 * Session records as rows and back, exactly. What SQL decides on has a column of its own; the
 * rest is positional JSON whose trailing defaults are cut off, so that no key is ever repeated.
 * In such an array 0 stands for "absent".
 */
import { END_REASONS } from "../../protocol/words.ts";
import type { SessionState } from "../../protocol/words.ts";
import { invariant } from "../../engine/invariant.ts";
import { endsAt } from "../../engine/record.ts";
import type {
  Assurance,
  Device,
  PendingToken,
  PreviousToken,
  ReplacedTokens,
  Rotation,
  SessionEnd,
  SessionRecord,
  SessionSummary,
} from "../../engine/record.ts";
import type { StoredData } from "../../engine/ports.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { pack, unpack } from "./packed.ts";

/** Live states by their number in `session.state`; `active`, the common one, takes no byte. */
const STATES: readonly SessionState[] = ["pending", "active", "locked"];
const SECOND_MS = 1000;

/** Columns of a summary, in the order that {@link decodeSummary} reads them. */
export const SUMMARY_COLUMNS =
  "id, subject, version, state, epoch, created_at, seen_at, idle_ms, idle_lock, life_ms, " +
  "lock_factors, ended_at, ending, device, cold";
/** Columns of the rotation, following those of the summary. */
export const ROTATION_COLUMNS =
  "generation, verifier, confirmed, issued, fingerprint, pending, sent_at, turn";
const ROTATION_FROM = 15;
/** How many columns a whole record has; data follows. */
export const RECORD_WIDTH = 23;

type Part = string | number | readonly Part[];
type Parts = readonly (Part | undefined)[];

/** The values of {@link SUMMARY_COLUMNS}. */
export function encodeSummary(record: SessionSummary): SqlValue[] {
  return [
    pack(record.id),
    record.subject,
    record.version,
    stateNumber(record),
    record.epoch,
    record.createdAt,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - record.createdAt,
    record.lockFactors ?? null,
    record.end?.at ?? null,
    record.end === undefined ? null : encodeEnd(record.end),
    record.device?.id ?? null,
    encodeCold(record),
  ];
}

/** What a decision may change beside the rotation, in the order of `REPLACE` in `writes.ts`. */
export function encodeDecision(record: SessionRecord): SqlValue[] {
  return [
    stateNumber(record),
    record.epoch,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - record.createdAt,
    record.lockFactors ?? null,
    encodeCold(record),
  ];
}

/** An ended record no longer knows what it was; the column then says `active`. */
function stateNumber(record: SessionSummary): number {
  const state = record.state === "ended" ? 1 : STATES.indexOf(record.state);
  invariant(state >= 0, "a session state is one of the known ones");
  return state;
}

/** The values of {@link ROTATION_COLUMNS}. */
export function encodeRotation(rotation: Rotation, createdAt: number): SqlValue[] {
  const { pending, previous, replaced } = rotation;
  return [
    rotation.generation,
    pack(rotation.verifier),
    rotation.confirmedAt - createdAt,
    rotation.lastIssued - rotation.generation,
    rotation.fingerprint === undefined ? null : pack(rotation.fingerprint),
    pending?.generation ?? null,
    pending?.sentAt ?? null,
    json([
      pending && [
        pending.verifier,
        pending.issuedAt - createdAt,
        pending.sealed,
        ...optional(pending.fingerprint),
      ],
      previous && [
        previous.generation,
        previous.verifier,
        previous.graceUntil - createdAt,
        ...optional(previous.fingerprint),
      ],
      replaced && [
        replaced.from,
        replaced.to,
        replaced.at - createdAt,
        replaced.holders.flatMap((holder) => [holder.generation, holder.verifier]),
        assuranceParts(replaced.assurance, createdAt),
      ],
      rotation.forgiving === undefined ? undefined : [rotation.forgiving],
    ]),
  ];
}

/** Lower bound of the deadline, in seconds: what the sweep looks for. */
export function dueOf(record: SessionSummary): number {
  return Math.floor(endsAt(record) / SECOND_MS);
}

/** Read {@link SUMMARY_COLUMNS}; `tenant` comes from the caller, who knows its name. */
export function decodeSummary(row: SqlRow, tenant: string): SessionSummary {
  const createdAt = Number(row[5]);
  const ended = row[11] !== null;
  const state = ended ? "ended" : STATES[Number(row[3])];
  invariant(state !== undefined, "a stored state is one of the known ones");
  const cold = parse(row[14]);
  return {
    id: unpack(row[0]),
    tenant,
    subject: row[1] === null ? null : String(row[1]),
    kind: typeof cold[2] === "string" ? cold[2] : "user",
    version: Number(row[2]),
    state,
    epoch: Number(row[4]),
    createdAt,
    authenticatedAt: createdAt + numberOf(cold[1]),
    seenAt: Number(row[6]),
    idleMs: Number(row[7]),
    idleLockFactors: Number(row[8]),
    absoluteExpiresAt: createdAt + Number(row[9]),
    ...(ended || row[10] === null ? {} : { lockFactors: Number(row[10]) }),
    assurance: decodeAssurance(cold[0], createdAt),
    ...decodeCold(cold, row[13]),
    ...(ended ? { end: decodeEnd(row[12], Number(row[11])) } : {}),
  };
}

/** Read both column lists. */
export function decodeRecord(row: SqlRow, tenant: string): SessionRecord {
  const summary = decodeSummary(row, tenant);
  return { ...summary, rotation: decodeRotation(row, summary.createdAt) };
}

export function encodeData(data: StoredData): string | null {
  const text = JSON.stringify(data);
  return text === "{}" ? null : text;
}

export function decodeData(value: SqlValue | undefined): StoredData {
  return typeof value === "string" ? (JSON.parse(value) as StoredData) : {};
}

/** `ended_at` holds the instant. The reason's number keeps the common case at one byte. */
export function encodeEnd(end: SessionEnd): string {
  const reason = END_REASONS.indexOf(end.reason);
  invariant(reason >= 0, "an end reason is one of the known ones");
  if (end.cause === undefined && end.actor === undefined) return String(reason);
  return JSON.stringify([reason, end.cause ?? 0, end.actor ?? 0]);
}

export function decodeEnd(value: SqlValue | undefined, at: number): SessionEnd {
  const read: unknown = JSON.parse(String(value));
  const [number, cause, actor] = Array.isArray(read) ? (read as Part[]) : [read as Part];
  const reason = END_REASONS[numberOf(number)];
  invariant(reason !== undefined, "a stored end reason is one of the known ones");
  return {
    reason,
    at,
    ...(typeof cause === "string" ? { cause } : {}),
    ...(typeof actor === "string" ? { actor } : {}),
  };
}

function encodeCold(record: SessionSummary): string | null {
  const { createdAt, device } = record;
  return json([
    assuranceParts(record.assurance, createdAt),
    record.authenticatedAt - createdAt,
    record.kind === "user" ? 0 : record.kind,
    record.client,
    record.roles && [...record.roles],
    device && [device.label ?? 0, device.address ?? 0],
    record.parent,
    record.actor,
    record.remember === undefined ? 0 : record.remember ? 1 : 2,
  ]);
}

function decodeCold(cold: Parts, deviceId: SqlValue | undefined): Partial<SessionSummary> {
  const [, , , client, roles, device, parent, actor, remember] = cold;
  return {
    ...(typeof client === "string" ? { client } : {}),
    ...(Array.isArray(roles) ? { roles: roles as string[] } : {}),
    ...(Array.isArray(device) ? { device: decodeDevice(device as Parts, deviceId) } : {}),
    ...(typeof parent === "string" ? { parent } : {}),
    ...(typeof actor === "string" ? { actor } : {}),
    ...(remember === 1 || remember === 2 ? { remember: remember === 1 } : {}),
  };
}

function decodeDevice(parts: Parts, id: SqlValue | undefined): Device {
  const [label, address] = parts;
  return {
    ...(typeof id === "string" ? { id } : {}),
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof address === "string" ? { address } : {}),
  };
}

/** `[authTime, amr, factors, acr, elevatedUntil]`; factors left out when `amr` says it all. */
function assuranceParts(assurance: Assurance, createdAt: number): Part[] {
  const { amr, factors, authTime } = assurance;
  const plain =
    factors.length === amr.length &&
    factors.every((factor, index) => factor.method === amr[index] && factor.at === authTime);
  return trimmed([
    authTime - createdAt,
    [...amr],
    plain ? 0 : factors.flatMap((factor) => [factor.method, factor.at - createdAt]),
    assurance.acr,
    assurance.elevatedUntil === undefined ? 0 : [assurance.elevatedUntil - createdAt],
  ]);
}

function decodeAssurance(part: Part | undefined, createdAt: number): Assurance {
  const [time, methods, given, acr, elevated] = listOf(part);
  const amr = listOf(methods) as string[];
  const authTime = createdAt + numberOf(time);
  return {
    ...(typeof acr === "string" ? { acr } : {}),
    amr,
    authTime,
    factors: Array.isArray(given)
      ? pairs(given as Part[]).map(([method, at]) => ({
          method: String(method),
          at: createdAt + numberOf(at),
        }))
      : amr.map((method) => ({ method, at: authTime })),
    ...(Array.isArray(elevated) ? { elevatedUntil: createdAt + numberOf(elevated[0]) } : {}),
  };
}

function decodeRotation(row: SqlRow, createdAt: number): Rotation {
  const generation = Number(row[ROTATION_FROM]);
  const fingerprint = row[ROTATION_FROM + 4];
  const turn = parse(row[ROTATION_FROM + 7]);
  const [pending, previous, replaced, forgiving] = turn;
  return {
    generation,
    verifier: unpack(row[ROTATION_FROM + 1]),
    confirmedAt: createdAt + Number(row[ROTATION_FROM + 2]),
    ...(fingerprint === null ? {} : { fingerprint: unpack(fingerprint) }),
    lastIssued: generation + Number(row[ROTATION_FROM + 3]),
    ...(Array.isArray(pending) ? { pending: decodePending(pending as Parts, row, createdAt) } : {}),
    ...(Array.isArray(previous) ? { previous: decodePrevious(previous as Parts, createdAt) } : {}),
    ...(Array.isArray(replaced) ? { replaced: decodeReplaced(replaced as Parts, createdAt) } : {}),
    ...(Array.isArray(forgiving) ? { forgiving: numberOf(forgiving[0]) } : {}),
  };
}

function decodePending(parts: Parts, row: SqlRow, createdAt: number): PendingToken {
  const [verifier, issued, sealed, fingerprint] = parts;
  return {
    generation: Number(row[ROTATION_FROM + 5]),
    verifier: String(verifier),
    issuedAt: createdAt + numberOf(issued),
    sentAt: Number(row[ROTATION_FROM + 6]),
    sealed: String(sealed),
    ...(typeof fingerprint === "string" ? { fingerprint } : {}),
  };
}

function decodePrevious(parts: Parts, createdAt: number): PreviousToken {
  const [generation, verifier, grace, fingerprint] = parts;
  return {
    generation: numberOf(generation),
    verifier: String(verifier),
    graceUntil: createdAt + numberOf(grace),
    ...(typeof fingerprint === "string" ? { fingerprint } : {}),
  };
}

function decodeReplaced(parts: Parts, createdAt: number): ReplacedTokens {
  const [from, to, at, holders, assurance] = parts;
  return {
    from: numberOf(from),
    to: numberOf(to),
    at: createdAt + numberOf(at),
    holders: pairs(listOf(holders)).map(([generation, verifier]) => ({
      generation: numberOf(generation),
      verifier: String(verifier),
    })),
    assurance: decodeAssurance(assurance, createdAt),
  };
}

function json(parts: Parts): string | null {
  const kept = trimmed(parts);
  return kept.length === 0 ? null : JSON.stringify(kept);
}

function trimmed(parts: Parts): Part[] {
  const kept = parts.map((part) => part ?? 0);
  while (kept.length > 0 && kept.at(-1) === 0) kept.pop();
  return kept;
}

function optional(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}

function parse(value: SqlValue | undefined): Part[] {
  return typeof value === "string" ? (JSON.parse(value) as Part[]) : [];
}

function listOf(part: Part | undefined): Part[] {
  return Array.isArray(part) ? (part as Part[]) : [];
}

function numberOf(part: Part | undefined): number {
  return typeof part === "number" ? part : 0;
}

function pairs(parts: readonly Part[]): [Part | undefined, Part | undefined][] {
  const list: [Part | undefined, Part | undefined][] = [];
  for (let index = 0; index < parts.length; index += 2) list.push([parts[index], parts[index + 1]]);
  return list;
}
