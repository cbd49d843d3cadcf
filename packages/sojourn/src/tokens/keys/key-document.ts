/**
 * Key documents: a JWK Set with dates, as a key file holds it. Pure: text in, text out; whoever
 * calls keeps it where others cannot read.
 */
import { ArgumentError } from "../../engine/errors.ts";
import { formatInstant, readInstant } from "../instants.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { factsOf, RSA_BITS_MIN } from "./algorithms.ts";
import { publicJwk } from "./jwk.ts";
import type { AnyJwk } from "./jwk.ts";
import type { SigningPurpose } from "./provider.ts";

interface Entry extends AnyJwk {
  readonly kid?: string;
  readonly purpose?: string;
  readonly activatesAt?: string;
  readonly retiresAt?: string;
  readonly revokedAt?: string;
}

export interface RotateOptions {
  /** The document so far; absent or empty: begin one. */
  readonly document?: string;
  readonly purpose: SigningPurpose;
  /** Default `"ES256"`. */
  readonly alg?: SigningAlgorithm;
  readonly now: number;
  /** How long the new key is published before it signs; 0 where none signs yet. */
  readonly leadMs: number;
  /** A key that signed last longer ago than this is taken out. */
  readonly overlapMs: number;
}

export interface RotatedDocument {
  readonly document: string;
  readonly kid: string;
  readonly activatesAt: number;
  /** Keys that were taken out. */
  readonly removed: readonly string[];
}

/** Add a key that signs from `now + leadMs` on; until then the present one does. */
export async function rotateKeys(options: RotateOptions): Promise<RotatedDocument> {
  const { purpose, alg = "ES256", now, leadMs, overlapMs } = options;
  const entries = readDocument(options.document ?? "");
  const own = entries.filter((entry) => entry.purpose === purpose && !entry.revokedAt);
  const activatesAt = own.length === 0 ? now : now + leadMs;
  const made = await generate(alg);
  const fresh = {
    ...made,
    purpose,
    createdAt: formatInstant(now),
    activatesAt: formatInstant(activatesAt),
  };
  const all: readonly Entry[] = [...entries, fresh];
  const gone = new Set(all.filter((entry) => isOver(entry, all, now - overlapMs)));
  const document = writeDocument(all.filter((entry) => !gone.has(entry)));
  const removed = [...gone].map((entry) => String(entry.kid));
  return { document, kid: made.kid, activatesAt, removed };
}

/** True when nothing that was signed with it can be live: it ended before `horizon`. */
function isOver(entry: Entry, all: readonly Entry[], horizon: number): boolean {
  const began = readInstant(entry.activatesAt) ?? 0;
  const ends = all
    .filter((other) => other.purpose === entry.purpose && other.revokedAt === undefined)
    .map((other) => readInstant(other.activatesAt) ?? 0)
    .filter((at) => at > began);
  for (const text of [entry.retiresAt, entry.revokedAt]) {
    const at = readInstant(text);
    if (at !== undefined) ends.push(at);
  }
  return ends.some((at) => at <= horizon);
}

/** The document with a key marked as compromised. */
export function withRevocation(document: string, kid: string, at: number): string {
  const entries = readDocument(document);
  if (!entries.some((entry) => entry.kid === kid)) {
    throw new ArgumentError("kid", "there is no such key in the document");
  }
  const revokedAt = formatInstant(at);
  return writeDocument(
    entries.map((entry) =>
      entry.kid === kid ? { ...entry, revokedAt: entry.revokedAt ?? revokedAt } : entry,
    ),
  );
}

function readDocument(text: string): readonly Entry[] {
  if (text.trim() === "") return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ArgumentError("document", "is no JWK Set");
  }
  const keys = (value as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new ArgumentError("document", "is no JWK Set");
  return keys as readonly Entry[];
}

function writeDocument(keys: readonly Entry[]): string {
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}

type Made = AnyJwk & { readonly kid: string };

async function generate(alg: SigningAlgorithm): Promise<Made> {
  const { key, kty } = factsOf(alg);
  const rsa = { modulusLength: RSA_BITS_MIN, publicExponent: new Uint8Array([1, 0, 1]) };
  const wanted = kty === "RSA" ? { ...key, ...rsa } : key;
  const uses: KeyUsage[] = ["sign", "verify"];
  const pair = (await crypto.subtle.generateKey(wanted, true, uses)) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const { use: _use, alg: _alg, key_ops: _ops, ext: _ext, ...members } = jwk;
  const shown = await publicJwk(members, alg, undefined);
  if (typeof shown === "string") throw new ArgumentError("alg", shown);
  return { ...members, kid: shown.kid, alg, use: "sig" };
}
