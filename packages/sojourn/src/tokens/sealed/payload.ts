/** What is inside a sealed session: the session as its store had it, its data, its token. */
import type { DataSnapshot } from "../../engine/data.ts";
import { ArgumentError, SojournError } from "../../engine/errors.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { describeToken } from "../describe-token.ts";
import type { TokenDescription } from "../describe-token.ts";

export interface SealedFacts {
  /** As the store had it. Its deadlines are taken as they are and moved by nobody (I11). */
  readonly session: SessionSummary;
  readonly data: DataSnapshot;
  /** The session token: what is asked with, and what stands here when the data outgrew it. */
  readonly token: string;
}

export interface SealedPayload extends SealedFacts {
  /** Nothing in here is newer than this. */
  readonly sealedAt: number;
  /** Of the token. */
  readonly generation: number;
}

/** As JSON has it; the tenant is bound to the envelope and is not repeated. */
interface Inside {
  readonly at: number;
  readonly token: string;
  readonly session: Omit<SessionSummary, "tenant">;
  readonly data: DataSnapshot;
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * @throws {ArgumentError} for a session of another tenant, or a token of another session.
 * @throws {SojournError} `ERR_DATA_NOT_JSON`.
 */
export function encodePayload(facts: SealedFacts, sealedAt: number, tenant: string): Uint8Array {
  generationOf(facts);
  const { tenant: bound, ...session } = facts.session;
  if (bound !== tenant) throw new ArgumentError("seal.session", "is of another tenant");
  const inside: Inside = { at: sealedAt, token: facts.token, session, data: facts.data };
  let json: string;
  try {
    json = JSON.stringify(inside);
  } catch (cause) {
    throw new SojournError("ERR_DATA_NOT_JSON", "the session's data is not JSON", { cause });
  }
  return encoder.encode(json);
}

/** @param bytes Of an envelope that opened. @returns `undefined` for what we would not write. */
export function decodePayload(bytes: Uint8Array, tenant: string): SealedPayload | undefined {
  try {
    const { at, token, session, data } = JSON.parse(utf8.decode(bytes)) as Inside;
    const facts = { session: { ...session, tenant }, data, token };
    const generation = generationOf(facts);
    return Number.isSafeInteger(at) ? { ...facts, sealedAt: at, generation } : undefined;
  } catch {
    return undefined;
  }
}

function generationOf({ session, token }: SealedFacts): number {
  const said = describeSessionToken(token);
  if (said?.id === session.id) return said.generation;
  throw new ArgumentError("seal.token", "is no token of this session");
}

/** What a token says that can stand for a session. @returns `undefined` for every other kind. */
export function describeSessionToken(text: string): TokenDescription | undefined {
  const said = describeToken(text);
  return said?.type === "session" || said?.type === "anonymous" ? said : undefined;
}
