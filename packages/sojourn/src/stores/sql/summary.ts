/**
 * What a decision is made on, as columns and back, exactly, in both SQL stores. What SQL decides on
 * has a column of its own; the rest is positional JSON whose trailing defaults are cut off, so that
 * no key is ever repeated. In such an array 0 stands for "absent".
 */
import { END_REASONS } from "../../protocol/words.ts";
import type { SessionState } from "../../protocol/words.ts";
import { invariant } from "../../engine/invariant.ts";
import type { Device, SessionEnd, SessionSummary } from "../../engine/record.ts";
import { bindingParts, decodeBinding } from "./binding.ts";
import { assuranceParts, decodeAssurance, json, numberOf, parse } from "./parts.ts";
import type { Part, Parts } from "./parts.ts";

/** Live states by their number in `session.state`; `active`, the common one, takes no byte. */
const STATES: readonly SessionState[] = ["pending", "active", "locked"];
export const LOCKED_STATE: number = STATES.indexOf("locked");

/** The columns of {@link encodeSummary}; those of {@link decodeSummary} have id, subject before. */
export const SUMMARY_COLUMNS = [
  "version",
  "state",
  "epoch",
  "created_at",
  "seen_at",
  "idle_ms",
  "idle_lock",
  "life_ms",
  "lock_factors",
  "ended_at",
  "ending",
  "device",
  "cold",
] as const;
/** Where `ended_at` is for {@link decodeSummary}, and what follows its columns. */
export const ENDED_AT = 11;
export const AFTER_SUMMARY = 15;

/** How a store keeps the names that callers chose. */
export interface Names {
  id(stored: unknown): string;
  text(stored: unknown): string | null;
}

/** @param device Its id, as the store keeps such names. */
export function encodeSummary<Name>(
  record: SessionSummary,
  device: Name,
): (Name | number | string | null)[] {
  const { createdAt, end } = record;
  return [
    record.version,
    stateNumber(record),
    record.epoch,
    createdAt,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - createdAt,
    record.lockFactors ?? null,
    end?.at ?? null,
    end === undefined ? null : encodeEnd(end),
    device,
    encodeCold(record),
  ];
}

/** @param row Begins with id and subject, then {@link SUMMARY_COLUMNS}. */
export function decodeSummary(
  row: readonly unknown[],
  tenant: string,
  names: Names,
): SessionSummary {
  const createdAt = Number(row[5]);
  const end = given(row[ENDED_AT]) ? decodeEnd(row[12], Number(row[ENDED_AT])) : undefined;
  const state = end === undefined ? STATES[Number(row[3])] : "ended";
  invariant(state !== undefined, "a stored state is one of the known ones");
  const cold = parse(row[14]);
  return {
    id: names.id(row[0]),
    tenant,
    subject: names.text(row[1]),
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
    ...(end === undefined && given(row[10]) ? { lockFactors: Number(row[10]) } : {}),
    assurance: decodeAssurance(cold[0], createdAt),
    ...decodeCold(cold, names.text(row[13])),
    ...decodeBinding(cold[9], createdAt),
    ...(end === undefined ? {} : { end }),
  };
}

function given(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** An ended record no longer knows what it was; the column then says `active`. */
export function stateNumber(record: SessionSummary): number {
  const state = record.state === "ended" ? 1 : STATES.indexOf(record.state);
  invariant(state >= 0, "a session state is one of the known ones");
  return state;
}

/** `ended_at` holds the instant. The reason's number keeps the common case at one byte. */
export function encodeEnd(end: SessionEnd): string {
  const reason = END_REASONS.indexOf(end.reason);
  invariant(reason >= 0, "an end reason is one of the known ones");
  if (end.cause === undefined && end.actor === undefined) return String(reason);
  return JSON.stringify([reason, end.cause ?? 0, end.actor ?? 0]);
}

function decodeEnd(value: unknown, at: number): SessionEnd {
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

export function encodeCold(record: SessionSummary): string | null {
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
    record.binding && bindingParts(record.binding, createdAt),
  ]);
}

function decodeCold(cold: Parts, deviceId: string | null): Partial<SessionSummary> {
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

function decodeDevice([label, address]: Parts, id: string | null): Device {
  return {
    ...(id === null ? {} : { id }),
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof address === "string" ? { address } : {}),
  };
}
