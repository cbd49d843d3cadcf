/**
 * The shape of a token: `sj1s_` and 60 bytes as 80 base64url characters. Every field is a multiple
 * of 3 bytes, so it can be cut out of the text without decoding, and a token has one spelling.
 *
 *   bytes  0– 2  version and type (1), key id (2)      characters  0– 3 after the prefix
 *   bytes  3–20  session id                            characters  4–27
 *   bytes 21–23  generation                            characters 28–31
 *   bytes 24–47  secret                                characters 32–63
 *   bytes 48–59  MAC over the tenant and bytes 0–47    characters 64–79
 *
 * A parsed token is well-formed and nothing more: only `verify` says whether it is ours.
 */
import { invariant } from "../engine/invariant.ts";
import { SESSION_ID_LENGTH } from "../protocol/words.ts";
import { decodeGroups, encodeBase64Url } from "./base64url.ts";

/** Types never stand in for each other. */
export type TokenType =
  | "session"
  | "access"
  | "refresh"
  | "handoff"
  | "service-key"
  | "anonymous"
  | "ticket";

/** Letter of the prefix and low half of the first byte. Wire format: add, never change. */
const TYPES: Readonly<Record<TokenType, { readonly letter: string; readonly code: number }>> = {
  session: { letter: "s", code: 1 },
  access: { letter: "a", code: 2 },
  refresh: { letter: "r", code: 3 },
  handoff: { letter: "h", code: 4 },
  "service-key": { letter: "k", code: 5 },
  anonymous: { letter: "n", code: 6 },
  ticket: { letter: "t", code: 7 },
};
export const TOKEN_TYPES: readonly TokenType[] = Object.keys(TYPES) as TokenType[];

/** In the prefix as a digit and in the high half of the first byte. */
export const TOKEN_VERSION: number = 1;
/** Characters of every token. */
const TOKEN_LENGTH = 85;
/** Tokens of one session; the next would not fit its three bytes. */
const GENERATION_MAX = 2 ** 24 - 1;

const PREFIX_LENGTH = 5;
const ID_START = PREFIX_LENGTH + 4;
const ID_END = ID_START + SESSION_ID_LENGTH;
const MAC_START = PREFIX_LENGTH + 64;
/** Version, type, key id, session id, generation and secret: what the MAC covers. */
const BODY_BYTES = 48;
const SECRET_START = 24;
export const SECRET_BYTES: number = 24;
const MAC_BYTES = 12;

/** The MAC is compared as text; decoding only judges its alphabet. */
const unreadMac: Uint8Array = new Uint8Array(MAC_BYTES);

let bodyOf: (token: ParsedToken) => Uint8Array;
let macTextOf: (token: ParsedToken) => string;

/** A well-formed token, proved by nothing yet. Prints without its secret and its MAC. */
export class ParsedToken {
  readonly type: TokenType;
  /** 0–65535. */
  readonly kid: number;
  /** 24 base64url characters. */
  readonly id: string;
  /** 0 to 2^24 − 1. */
  readonly generation: number;
  readonly #body: Uint8Array;
  readonly #mac: string;

  /** Use {@link parseToken}. */
  constructor(type: TokenType, text: string, body: Uint8Array) {
    this.type = type;
    this.kid = (byteAt(body, 1) << 8) | byteAt(body, 2);
    this.id = text.slice(ID_START, ID_END);
    this.generation = (byteAt(body, 21) << 16) | (byteAt(body, 22) << 8) | byteAt(body, 23);
    this.#body = body;
    this.#mac = text.slice(MAC_START);
  }

  static {
    bodyOf = (token) => token.#body;
    macTextOf = (token) => token.#mac;
  }
}

/**
 * Read a token of one type. Total: any input of any length, in at most 1 µs.
 * @returns `undefined` for another length, alphabet, type or version.
 */
export function parseToken(text: string, type: TokenType): ParsedToken | undefined {
  if (typeof text !== "string" || text.length !== TOKEN_LENGTH) return undefined;
  if (!text.startsWith(prefixOf(type))) return undefined;
  const body = new Uint8Array(BODY_BYTES);
  if (!decodeGroups(text, PREFIX_LENGTH, body)) return undefined;
  if (!decodeGroups(text, MAC_START, unreadMac)) return undefined;
  if (body[0] !== headByte(type)) return undefined;
  return new ParsedToken(type, text, body);
}

/**
 * The session id that a text of the right length would carry, cut out without looking at it: a key
 * for a look-up of tokens proved before, and good for nothing else.
 */
export function claimedId(text: string): string | undefined {
  return text.length === TOKEN_LENGTH ? text.slice(ID_START, ID_END) : undefined;
}

/** The type that the prefix names. @returns `undefined` when it names none. */
export function claimedType(text: string): TokenType | undefined {
  if (typeof text !== "string" || text.length !== TOKEN_LENGTH) return undefined;
  return TOKEN_TYPES.find((type) => text.startsWith(prefixOf(type)));
}

/** The 48 bytes that the MAC covers. */
export function tokenBody(token: ParsedToken): Uint8Array {
  return bodyOf(token);
}

export function tokenSecret(token: ParsedToken): Uint8Array {
  return bodyOf(token).subarray(SECRET_START);
}

/** The 16 characters that the presenter claims as MAC. */
export function tokenMac(token: ParsedToken): string {
  return macTextOf(token);
}

export interface TokenFields {
  readonly type: TokenType;
  readonly kid: number;
  readonly id: string;
  readonly generation: number;
  readonly secret: Uint8Array;
}

/** Lay out everything but the MAC. @throws {InvariantError} for a field that does not fit. */
export function buildBody(fields: TokenFields): Uint8Array {
  const { kid, generation } = fields;
  const body = new Uint8Array(BODY_BYTES);
  body[0] = headByte(fields.type);
  body[1] = kid >> 8;
  body[2] = kid;
  const idFits =
    fields.id.length === SESSION_ID_LENGTH && decodeGroups(fields.id, 0, body.subarray(3, 21));
  invariant(idFits, "a token's session id is 24 base64url characters");
  const fits = Number.isInteger(generation) && generation >= 0 && generation <= GENERATION_MAX;
  invariant(fits, "a token's generation is a whole number below 2^24");
  body[21] = generation >> 16;
  body[22] = generation >> 8;
  body[23] = generation;
  invariant(fields.secret.length === SECRET_BYTES, "a token's secret has 24 bytes");
  body.set(fields.secret, SECRET_START);
  return body;
}

/** The text of a token from its body and the full 32-byte MAC over it. */
export function tokenText(type: TokenType, body: Uint8Array, mac: Uint8Array): string {
  return prefixOf(type) + encodeBase64Url(body) + macText(mac);
}

/** The part of a MAC that goes into a token: 96 bits as 16 characters. */
export function macText(mac: Uint8Array): string {
  return encodeBase64Url(mac, MAC_BYTES);
}

const PREFIXES: Readonly<Record<TokenType, string>> = Object.fromEntries(
  TOKEN_TYPES.map((type) => [type, `sj${TOKEN_VERSION}${TYPES[type].letter}_`]),
) as Record<TokenType, string>;

function prefixOf(type: TokenType): string {
  return PREFIXES[type];
}

function headByte(type: TokenType): number {
  return (TOKEN_VERSION << 4) | TYPES[type].code;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}
