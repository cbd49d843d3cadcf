/**
 * The part of a row that no script looks into: tokens, assurance and what the application said.
 * Absent parts take no byte but their bit; instants are spans from the session's creation.
 */
import type {
  Assurance,
  Device,
  Holder,
  PendingToken,
  PreviousToken,
  ReplacedTokens,
  Rotation,
  SessionRecord,
} from "../../engine/record.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

/** Which parts follow. Add at the end, never renumber. */
const HAS = {
  fingerprint: 1,
  pending: 2,
  previous: 4,
  replaced: 8,
  forgiving: 16,
  authenticatedLater: 32,
  kind: 64,
  client: 128,
  roles: 256,
  device: 512,
  parent: 1024,
  actor: 2048,
  remember: 4096,
  notRemembered: 8192,
} as const;

const ASSURANCE = { acr: 1, elevated: 2, factors: 4 } as const;
const DEVICE = { id: 1, label: 2, address: 4 } as const;
const USER = "user";

/** What of the record is read from elsewhere. */
export interface ColdFacts {
  readonly rotation: Rotation;
  readonly rest: Omit<Partial<SessionRecord>, "rotation"> &
    Pick<SessionRecord, "kind" | "authenticatedAt" | "assurance">;
}

export function encodeCold(record: SessionRecord): Buffer {
  const { createdAt } = record;
  const out = new ByteWriter();
  out.count(partsOf(record));
  writeRotation(out, record.rotation, createdAt);
  if (record.authenticatedAt !== createdAt) out.span(record.authenticatedAt - createdAt);
  writeAssurance(out, record.assurance, createdAt);
  if (record.kind !== USER) out.text(record.kind);
  if (record.client !== undefined) out.text(record.client);
  if (record.roles !== undefined) writeTexts(out, record.roles);
  if (record.device !== undefined) writeDevice(out, record.device);
  if (record.parent !== undefined) out.text(record.parent);
  if (record.actor !== undefined) out.text(record.actor);
  return out.bytes();
}

function writeRotation(out: ByteWriter, rotation: Rotation, createdAt: number): void {
  out.count(rotation.generation).text(rotation.verifier);
  out.span(rotation.confirmedAt - createdAt).span(rotation.lastIssued - rotation.generation);
  if (rotation.fingerprint !== undefined) out.text(rotation.fingerprint);
  if (rotation.pending !== undefined) writePending(out, rotation.pending, createdAt);
  if (rotation.previous !== undefined) writePrevious(out, rotation.previous, createdAt);
  if (rotation.replaced !== undefined) writeReplaced(out, rotation.replaced, createdAt);
  if (rotation.forgiving !== undefined) out.count(rotation.forgiving);
}

function partsOf(record: SessionRecord): number {
  const { rotation } = record;
  const parts: readonly (readonly [boolean, number])[] = [
    [rotation.fingerprint !== undefined, HAS.fingerprint],
    [rotation.pending !== undefined, HAS.pending],
    [rotation.previous !== undefined, HAS.previous],
    [rotation.replaced !== undefined, HAS.replaced],
    [rotation.forgiving !== undefined, HAS.forgiving],
    [record.authenticatedAt !== record.createdAt, HAS.authenticatedLater],
    [record.kind !== USER, HAS.kind],
    [record.client !== undefined, HAS.client],
    [record.roles !== undefined, HAS.roles],
    [record.device !== undefined, HAS.device],
    [record.parent !== undefined, HAS.parent],
    [record.actor !== undefined, HAS.actor],
    [record.remember === true, HAS.remember],
    [record.remember === false, HAS.notRemembered],
  ];
  return parts.reduce((sum, [present, bit]) => (present ? sum + bit : sum), 0);
}

/** @param sentAt Of the pending token; a touch moves it, so it lies in the header. */
export function decodeCold(
  row: Buffer,
  from: number,
  times: { readonly createdAt: number; readonly sentAt: number },
): ColdFacts {
  const { createdAt, sentAt } = times;
  const read = new ByteReader(row, from);
  const parts = read.count();
  const rotation = decodeRotation(read, parts, createdAt, sentAt);
  const authenticatedAt = createdAt + ((parts & HAS.authenticatedLater) > 0 ? read.span() : 0);
  const assurance = readAssurance(read, createdAt);
  const kind = (parts & HAS.kind) > 0 ? read.text() : USER;
  const client = (parts & HAS.client) > 0 ? { client: read.text() } : undefined;
  const roles = (parts & HAS.roles) > 0 ? { roles: readTexts(read) } : undefined;
  const device = (parts & HAS.device) > 0 ? { device: readDevice(read) } : undefined;
  const parent = (parts & HAS.parent) > 0 ? { parent: read.text() } : undefined;
  const actor = (parts & HAS.actor) > 0 ? { actor: read.text() } : undefined;
  const asked = (parts & (HAS.remember | HAS.notRemembered)) > 0;
  const remember = asked ? { remember: (parts & HAS.remember) > 0 } : undefined;
  const facts = { kind, authenticatedAt, assurance };
  return {
    rotation,
    rest: { ...facts, ...client, ...roles, ...device, ...parent, ...actor, ...remember },
  };
}

function decodeRotation(
  read: ByteReader,
  parts: number,
  createdAt: number,
  sentAt: number,
): Rotation {
  const generation = read.count();
  const verifier = read.text();
  const confirmedAt = createdAt + read.span();
  const lastIssued = generation + read.span();
  const fingerprint = (parts & HAS.fingerprint) > 0 ? { fingerprint: read.text() } : undefined;
  const pending =
    (parts & HAS.pending) > 0 ? { pending: readPending(read, createdAt, sentAt) } : undefined;
  const previous =
    (parts & HAS.previous) > 0 ? { previous: readPrevious(read, createdAt) } : undefined;
  const replaced =
    (parts & HAS.replaced) > 0 ? { replaced: readReplaced(read, createdAt) } : undefined;
  const forgiving = (parts & HAS.forgiving) > 0 ? { forgiving: read.count() } : undefined;
  const base = { generation, verifier, confirmedAt, lastIssued };
  return { ...base, ...fingerprint, ...pending, ...previous, ...replaced, ...forgiving };
}

function writePending(out: ByteWriter, pending: PendingToken, createdAt: number): void {
  out.count(pending.generation).text(pending.verifier);
  out.span(pending.issuedAt - createdAt).text(pending.sealed);
  writeOptional(out, pending.fingerprint);
}

function readPending(read: ByteReader, createdAt: number, sentAt: number): PendingToken {
  const generation = read.count();
  const verifier = read.text();
  const issuedAt = createdAt + read.span();
  const sealed = read.text();
  return { generation, verifier, issuedAt, sentAt, sealed, ...readFingerprint(read) };
}

function writePrevious(out: ByteWriter, previous: PreviousToken, createdAt: number): void {
  out
    .count(previous.generation)
    .text(previous.verifier)
    .span(previous.graceUntil - createdAt);
  writeOptional(out, previous.fingerprint);
}

function readPrevious(read: ByteReader, createdAt: number): PreviousToken {
  const generation = read.count();
  const verifier = read.text();
  const graceUntil = createdAt + read.span();
  return { generation, verifier, graceUntil, ...readFingerprint(read) };
}

function writeReplaced(out: ByteWriter, replaced: ReplacedTokens, createdAt: number): void {
  out
    .count(replaced.from)
    .count(replaced.to)
    .span(replaced.at - createdAt);
  out.count(replaced.holders.length);
  for (const holder of replaced.holders) out.count(holder.generation).text(holder.verifier);
  writeAssurance(out, replaced.assurance, createdAt);
}

function readReplaced(read: ByteReader, createdAt: number): ReplacedTokens {
  const from = read.count();
  const to = read.count();
  const at = createdAt + read.span();
  const holders: Holder[] = [];
  for (let left = read.count(); left > 0; left -= 1) {
    holders.push({ generation: read.count(), verifier: read.text() });
  }
  return { from, to, at, holders, assurance: readAssurance(read, createdAt) };
}

/** Factors are left out where `amr` and `authTime` say all there is to say. */
function writeAssurance(out: ByteWriter, assurance: Assurance, createdAt: number): void {
  const { acr, amr, authTime, factors, elevatedUntil } = assurance;
  const plain =
    factors.length === amr.length &&
    factors.every((factor, index) => factor.method === amr[index] && factor.at === authTime);
  out.count(
    (acr === undefined ? 0 : ASSURANCE.acr) +
      (elevatedUntil === undefined ? 0 : ASSURANCE.elevated) +
      (plain ? 0 : ASSURANCE.factors),
  );
  out.span(authTime - createdAt);
  writeTexts(out, amr);
  if (acr !== undefined) out.text(acr);
  if (elevatedUntil !== undefined) out.span(elevatedUntil - createdAt);
  if (plain) return;
  out.count(factors.length);
  for (const factor of factors) out.text(factor.method).span(factor.at - createdAt);
}

function readAssurance(read: ByteReader, createdAt: number): Assurance {
  const parts = read.count();
  const authTime = createdAt + read.span();
  const amr = readTexts(read);
  const acr = (parts & ASSURANCE.acr) > 0 ? { acr: read.text() } : undefined;
  const elevated =
    (parts & ASSURANCE.elevated) > 0 ? { elevatedUntil: createdAt + read.span() } : undefined;
  if ((parts & ASSURANCE.factors) === 0) {
    const factors = amr.map((method) => ({ method, at: authTime }));
    return { ...acr, amr, authTime, factors, ...elevated };
  }
  const factors: { method: string; at: number }[] = [];
  for (let left = read.count(); left > 0; left -= 1) {
    factors.push({ method: read.text(), at: createdAt + read.span() });
  }
  return { ...acr, amr, authTime, factors, ...elevated };
}

function writeDevice(out: ByteWriter, device: Device): void {
  const { id, label, address } = device;
  out.count(
    (id === undefined ? 0 : DEVICE.id) +
      (label === undefined ? 0 : DEVICE.label) +
      (address === undefined ? 0 : DEVICE.address),
  );
  for (const text of [id, label, address]) if (text !== undefined) out.text(text);
}

function readDevice(read: ByteReader): Device {
  const parts = read.count();
  return {
    ...((parts & DEVICE.id) > 0 ? { id: read.text() } : {}),
    ...((parts & DEVICE.label) > 0 ? { label: read.text() } : {}),
    ...((parts & DEVICE.address) > 0 ? { address: read.text() } : {}),
  };
}

function writeTexts(out: ByteWriter, texts: readonly string[]): void {
  out.count(texts.length);
  for (const text of texts) out.text(text);
}

function readTexts(read: ByteReader): readonly string[] {
  const texts: string[] = [];
  for (let left = read.count(); left > 0; left -= 1) texts.push(read.text());
  return texts;
}

function writeOptional(out: ByteWriter, text: string | undefined): void {
  out.count(text === undefined ? 0 : 1);
  if (text !== undefined) out.text(text);
}

function readFingerprint(read: ByteReader): { readonly fingerprint?: string } {
  return read.count() === 0 ? {} : { fingerprint: read.text() };
}
