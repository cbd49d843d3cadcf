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
import { readBinding, writeBinding } from "./binding.ts";
import { ByteReader, ByteWriter, packsInto } from "./bytes.ts";

/**
 * Which parts follow, and what is not as usual; the commonest first, seven to a byte. Add at the
 * end, never renumber.
 */
const HAS = {
  pending: 1,
  previous: 2,
  confirmedLater: 4,
  device: 8,
  remember: 16,
  fingerprint: 32,
  authenticatedLater: 64,
  pendingFingerprint: 128,
  previousFingerprint: 256,
  kind: 512,
  client: 1024,
  roles: 2048,
  replaced: 4096,
  idleLock: 8192,
  parent: 16_384,
  actor: 32_768,
  notRemembered: 65_536,
  forgiving: 131_072,
  lockFactors: 262_144,
  /** A verifier or a sealed token is not of the size that ours have. */
  oddSizes: 524_288,
  /** The last one issued is neither pending nor, without one, confirmed. */
  issuedOthers: 1_048_576,
  binding: 2_097_152,
} as const;

/** With the number of methods above them. */
const ASSURANCE = { acr: 1, elevated: 2, factors: 4, later: 8, count: 16 } as const;
const DEVICE = { id: 1, label: 2, address: 4 } as const;
const USER = "user";
const VERIFIER_BYTES = 24;
const SEALED_BYTES = 54;

/** What of the record is read from elsewhere. */
export interface ColdFacts {
  readonly rotation: Rotation;
  readonly idleLockFactors: number;
  readonly lockFactors: number;
  readonly rest: Omit<Partial<SessionRecord>, "rotation" | "idleLockFactors" | "lockFactors"> &
    Pick<SessionRecord, "kind" | "authenticatedAt" | "assurance">;
}

/** What of it lies in the head: a touch moves `sentAt` of the pending generation. */
export interface HeadFacts {
  readonly createdAt: number;
  readonly sentAt: number;
  readonly pending: number;
}

export function encodeCold(record: SessionRecord): Buffer {
  const { createdAt } = record;
  const out = new ByteWriter();
  const parts = partsOf(record);
  out.count(parts);
  writeRotation(out, parts, record.rotation, createdAt);
  if (record.authenticatedAt !== createdAt) out.span(record.authenticatedAt - createdAt);
  writeAssurance(out, record.assurance, createdAt);
  if (record.kind !== USER) out.text(record.kind);
  if (record.client !== undefined) out.text(record.client);
  if (record.roles !== undefined) writeTexts(out, record.roles);
  if (record.device !== undefined) writeDevice(out, record.device);
  if (record.parent !== undefined) out.text(record.parent);
  if (record.actor !== undefined) out.text(record.actor);
  if (record.idleLockFactors !== 0) out.count(record.idleLockFactors);
  if (record.lockFactors !== undefined) out.count(record.lockFactors);
  if (record.binding !== undefined) writeBinding(out, record.binding, createdAt);
  return out.bytes();
}

function writeRotation(
  out: ByteWriter,
  parts: number,
  rotation: Rotation,
  createdAt: number,
): void {
  const { generation, pending, previous } = rotation;
  out.count(generation);
  writeSecret(out, parts, rotation.verifier, VERIFIER_BYTES);
  if ((parts & HAS.confirmedLater) > 0) out.span(rotation.confirmedAt - createdAt);
  if ((parts & HAS.issuedOthers) > 0) out.span(rotation.lastIssued - generation);
  if (rotation.fingerprint !== undefined) out.text(rotation.fingerprint);
  if (pending !== undefined) {
    writeSecret(out, parts, pending.verifier, VERIFIER_BYTES);
    out.span(pending.issuedAt - createdAt);
    writeSecret(out, parts, pending.sealed, SEALED_BYTES);
    if (pending.fingerprint !== undefined) out.text(pending.fingerprint);
  }
  if (previous !== undefined) {
    out.count(previous.generation);
    writeSecret(out, parts, previous.verifier, VERIFIER_BYTES);
    out.span(previous.graceUntil - createdAt);
    if (previous.fingerprint !== undefined) out.text(previous.fingerprint);
  }
  if (rotation.replaced !== undefined) writeReplaced(out, rotation.replaced, createdAt);
  if (rotation.forgiving !== undefined) out.count(rotation.forgiving);
}

function partsOf(record: SessionRecord): number {
  const { rotation } = record;
  const { pending, previous } = rotation;
  const parts: readonly (readonly [boolean, number])[] = [
    [pending !== undefined, HAS.pending],
    [previous !== undefined, HAS.previous],
    [rotation.confirmedAt !== record.createdAt, HAS.confirmedLater],
    [record.device !== undefined, HAS.device],
    [record.remember === true, HAS.remember],
    [rotation.fingerprint !== undefined, HAS.fingerprint],
    [record.authenticatedAt !== record.createdAt, HAS.authenticatedLater],
    [pending?.fingerprint !== undefined, HAS.pendingFingerprint],
    [previous?.fingerprint !== undefined, HAS.previousFingerprint],
    [record.kind !== USER, HAS.kind],
    [record.client !== undefined, HAS.client],
    [record.roles !== undefined, HAS.roles],
    [rotation.replaced !== undefined, HAS.replaced],
    [record.idleLockFactors !== 0, HAS.idleLock],
    [record.parent !== undefined, HAS.parent],
    [record.actor !== undefined, HAS.actor],
    [record.remember === false, HAS.notRemembered],
    [rotation.forgiving !== undefined, HAS.forgiving],
    [record.lockFactors !== undefined, HAS.lockFactors],
    [hasOddSizes(rotation), HAS.oddSizes],
    [rotation.lastIssued !== (pending ?? rotation).generation, HAS.issuedOthers],
    [record.binding !== undefined, HAS.binding],
  ];
  return parts.reduce((sum, [present, bit]) => (present ? sum + bit : sum), 0);
}

function hasOddSizes({ verifier, pending, previous }: Rotation): boolean {
  const verifiers = [verifier, pending?.verifier, previous?.verifier];
  return (
    verifiers.some((one) => one !== undefined && !packsInto(one, VERIFIER_BYTES)) ||
    (pending !== undefined && !packsInto(pending.sealed, SEALED_BYTES))
  );
}

export function decodeCold(row: Buffer, from: number, head: HeadFacts): ColdFacts {
  const { createdAt } = head;
  const read = new ByteReader(row, from);
  const parts = read.count();
  const rotation = decodeRotation(read, parts, head);
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
  const idleLockFactors = (parts & HAS.idleLock) > 0 ? read.count() : 0;
  const lockFactors = (parts & HAS.lockFactors) > 0 ? read.count() : 0;
  const bound = (parts & HAS.binding) > 0 ? { binding: readBinding(read, createdAt) } : undefined;
  const facts = { kind, authenticatedAt, assurance, ...bound };
  return {
    rotation,
    idleLockFactors,
    lockFactors,
    rest: { ...facts, ...client, ...roles, ...device, ...parent, ...actor, ...remember },
  };
}

function decodeRotation(read: ByteReader, parts: number, head: HeadFacts): Rotation {
  const { createdAt } = head;
  const generation = read.count();
  const verifier = readSecret(read, parts, VERIFIER_BYTES);
  const confirmedAt = createdAt + ((parts & HAS.confirmedLater) > 0 ? read.span() : 0);
  const hasPending = (parts & HAS.pending) > 0;
  const lastIssued =
    (parts & HAS.issuedOthers) > 0
      ? generation + read.span()
      : hasPending
        ? head.pending
        : generation;
  const fingerprint = textIf(parts & HAS.fingerprint, read);
  const pending = hasPending ? { pending: readPending(read, parts, head) } : undefined;
  const previous =
    (parts & HAS.previous) > 0 ? { previous: readPrevious(read, parts, createdAt) } : undefined;
  const replaced =
    (parts & HAS.replaced) > 0 ? { replaced: readReplaced(read, createdAt) } : undefined;
  const forgiving = (parts & HAS.forgiving) > 0 ? { forgiving: read.count() } : undefined;
  const base = { generation, verifier, confirmedAt, lastIssued };
  return { ...base, ...fingerprint, ...pending, ...previous, ...replaced, ...forgiving };
}

function readPending(read: ByteReader, parts: number, head: HeadFacts): PendingToken {
  const verifier = readSecret(read, parts, VERIFIER_BYTES);
  const issuedAt = head.createdAt + read.span();
  const sealed = readSecret(read, parts, SEALED_BYTES);
  const base = { generation: head.pending, verifier, issuedAt, sentAt: head.sentAt, sealed };
  return { ...base, ...textIf(parts & HAS.pendingFingerprint, read) };
}

function readPrevious(read: ByteReader, parts: number, createdAt: number): PreviousToken {
  const generation = read.count();
  const verifier = readSecret(read, parts, VERIFIER_BYTES);
  const graceUntil = createdAt + read.span();
  return { generation, verifier, graceUntil, ...textIf(parts & HAS.previousFingerprint, read) };
}

/** @param bytes What such a text has where nothing in the rotation is of another size. */
function writeSecret(out: ByteWriter, parts: number, text: string, bytes: number): void {
  if ((parts & HAS.oddSizes) > 0) out.text(text);
  else out.packed(text, bytes);
}

function readSecret(read: ByteReader, parts: number, bytes: number): string {
  return (parts & HAS.oddSizes) > 0 ? read.text() : read.packed(bytes);
}

function textIf(bit: number, read: ByteReader): { readonly fingerprint?: string } {
  return bit === 0 ? {} : { fingerprint: read.text() };
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
      (plain ? 0 : ASSURANCE.factors) +
      (authTime === createdAt ? 0 : ASSURANCE.later) +
      amr.length * ASSURANCE.count,
  );
  if (authTime !== createdAt) out.span(authTime - createdAt);
  for (const method of amr) out.text(method);
  if (acr !== undefined) out.text(acr);
  if (elevatedUntil !== undefined) out.span(elevatedUntil - createdAt);
  if (plain) return;
  out.count(factors.length);
  for (const factor of factors) out.text(factor.method).span(factor.at - createdAt);
}

function readAssurance(read: ByteReader, createdAt: number): Assurance {
  const parts = read.count();
  const authTime = createdAt + ((parts & ASSURANCE.later) > 0 ? read.span() : 0);
  const amr = textsOf(read, Math.floor(parts / ASSURANCE.count));
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
  return textsOf(read, read.count());
}

function textsOf(read: ByteReader, count: number): readonly string[] {
  return Array.from({ length: count }, () => read.text());
}
