/**
 * The rotation of a record as one column of bytes and back, exactly. The pending generation and
 * when it was sent are columns of their own: a touch moves the latter. Instants are kept as spans
 * from the session's creation.
 */
import type { PendingToken, PreviousToken, ReplacedTokens, Rotation } from "../../engine/record.ts";
import { assuranceParts, decodeAssurance } from "../sql/parts.ts";
import type { Part } from "../sql/parts.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

const FINGERPRINT = 1;
const PENDING = 2;
const PREVIOUS = 4;
const REPLACED = 8;
const FORGIVING = 16;

export function encodeTurn(rotation: Rotation, createdAt: number): Uint8Array {
  const { fingerprint, pending, previous, replaced, forgiving } = rotation;
  const parts =
    (fingerprint === undefined ? 0 : FINGERPRINT) |
    (pending === undefined ? 0 : PENDING) |
    (previous === undefined ? 0 : PREVIOUS) |
    (replaced === undefined ? 0 : REPLACED) |
    (forgiving === undefined ? 0 : FORGIVING);
  const to = new ByteWriter().number(parts).number(rotation.generation).text(rotation.verifier);
  to.number(rotation.confirmedAt - createdAt).number(rotation.lastIssued - rotation.generation);
  if (fingerprint !== undefined) to.text(fingerprint);
  if (pending !== undefined) {
    to.text(pending.verifier)
      .number(pending.issuedAt - createdAt)
      .text(pending.sealed);
    optionalIn(to, pending.fingerprint);
  }
  if (previous !== undefined) {
    to.number(previous.generation).text(previous.verifier);
    optionalIn(to.number(previous.graceUntil - createdAt), previous.fingerprint);
  }
  if (replaced !== undefined) encodeReplaced(to, replaced, createdAt);
  if (forgiving !== undefined) to.number(forgiving);
  return to.done();
}

/** What the columns beside the bytes say of the pending token. */
export interface PendingColumns {
  readonly generation: number;
  readonly sentAt: number;
}

export function decodeTurn(bytes: Buffer, createdAt: number, columns: PendingColumns): Rotation {
  const from = new ByteReader(bytes);
  const parts = from.number();
  const generation = from.number();
  const verifier = from.text();
  const confirmedAt = createdAt + from.number();
  const lastIssued = generation + from.number();
  return {
    generation,
    verifier,
    confirmedAt,
    ...((parts & FINGERPRINT) > 0 ? { fingerprint: from.text() } : {}),
    lastIssued,
    ...((parts & PENDING) > 0 ? { pending: decodePending(from, createdAt, columns) } : {}),
    ...((parts & PREVIOUS) > 0 ? { previous: decodePrevious(from, createdAt) } : {}),
    ...((parts & REPLACED) > 0 ? { replaced: decodeReplaced(from, createdAt) } : {}),
    ...((parts & FORGIVING) > 0 ? { forgiving: from.number() } : {}),
  };
}

function decodePending(
  from: ByteReader,
  createdAt: number,
  { generation, sentAt }: PendingColumns,
): PendingToken {
  const verifier = from.text();
  const issuedAt = createdAt + from.number();
  return { generation, verifier, issuedAt, sentAt, sealed: from.text(), ...optionalOut(from) };
}

function decodePrevious(from: ByteReader, createdAt: number): PreviousToken {
  const generation = from.number();
  const verifier = from.text();
  return { generation, verifier, graceUntil: createdAt + from.number(), ...optionalOut(from) };
}

function encodeReplaced(to: ByteWriter, replaced: ReplacedTokens, createdAt: number): void {
  to.number(replaced.from)
    .number(replaced.to)
    .number(replaced.at - createdAt);
  to.number(replaced.holders.length);
  for (const { generation, verifier } of replaced.holders) to.number(generation).text(verifier);
  to.text(JSON.stringify(assuranceParts(replaced.assurance, createdAt)));
}

function decodeReplaced(bytes: ByteReader, createdAt: number): ReplacedTokens {
  const from = bytes.number();
  const to = bytes.number();
  const at = createdAt + bytes.number();
  const holders = Array.from({ length: bytes.number() }, () => {
    const generation = bytes.number();
    return { generation, verifier: bytes.text() };
  });
  const assurance = decodeAssurance(JSON.parse(bytes.text()) as Part[], createdAt);
  return { from, to, at, holders, assurance };
}

function optionalIn(to: ByteWriter, text: string | undefined): void {
  to.number(text === undefined ? 0 : 1);
  if (text !== undefined) to.text(text);
}

function optionalOut(from: ByteReader): { readonly fingerprint?: string } {
  return from.number() === 0 ? {} : { fingerprint: from.text() };
}
