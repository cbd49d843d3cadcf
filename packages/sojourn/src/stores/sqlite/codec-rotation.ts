/** The rotation of a record as columns and back. What SQL max-merges has a column of its own. */
import type { PendingToken, PreviousToken, ReplacedTokens, Rotation } from "../../engine/record.ts";
import { pack, unpack } from "../sql/packed.ts";
import {
  assuranceParts,
  decodeAssurance,
  json,
  listOf,
  numberOf,
  optional,
  pairs,
  parse,
} from "../sql/parts.ts";
import type { Parts } from "../sql/parts.ts";
import type { SqlRow, SqlValue } from "./driver.ts";

/** Columns of the rotation, following those of the summary. */
export const ROTATION_COLUMNS: string =
  "generation, verifier, confirmed, issued, fingerprint, pending, sent_at, turn";
const ROTATION_FROM = 15;

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

/** Read {@link ROTATION_COLUMNS} out of a row that begins with those of the summary. */
export function decodeRotation(row: SqlRow, createdAt: number): Rotation {
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
