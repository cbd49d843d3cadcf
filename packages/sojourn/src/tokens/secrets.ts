/** Root secrets as an operator writes them: read, judged, and every problem listed at once. */
import { ConfigError, type ConfigProblem } from "../engine/errors.ts";
import type { Entropy } from "../engine/ports.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";

/** base64url text or raw bytes; `undefined` is what an unset environment variable gives. */
export type Secret = string | Uint8Array | undefined;

const SECRET_BYTES_MIN = 32;
const SECRET_BYTES_MAX = 512;
/** Enough for any rotation; each costs a dozen derived keys. */
const SECRETS_MAX = 16;
/** 32 random bytes have fewer different values than this once in 10^24 lists. */
const DIFFERENT_BYTES_MIN = 12;

const HINT =
  "make one with: node -e " +
  `"console.log(require('crypto').randomBytes(32).toString('base64url'))"`;

/** A fresh root secret: 32 random bytes as 43 base64url characters. */
export function generateSecret(entropy?: Entropy): string {
  const bytes =
    entropy?.bytes(SECRET_BYTES_MIN) ?? crypto.getRandomValues(new Uint8Array(SECRET_BYTES_MIN));
  return encodeBase64Url(bytes);
}

/**
 * Copies of the secrets' bytes, in the order given.
 * @throws {ConfigError} listing every problem by place; never a secret or a part of one.
 */
export function readSecrets(secrets: readonly Secret[] | undefined): Uint8Array[] {
  const listProblem = judgeList(secrets);
  if (listProblem !== undefined) {
    throw new ConfigError([{ path: "secrets", message: listProblem }]);
  }
  const problems: ConfigProblem[] = [];
  const read: Uint8Array[] = [];
  const places = new Map<string, number>();
  for (const [index, secret] of (secrets ?? []).entries()) {
    const path = `secrets[${index}]`;
    const bytes = readSecret(secret);
    if (typeof bytes === "string") {
      problems.push({ path, message: bytes });
      continue;
    }
    const first = places.get(encodeBase64Url(bytes));
    if (first === undefined) places.set(encodeBase64Url(bytes), index);
    else problems.push({ path, message: `is the same as secrets[${first}]; remove one of them` });
    read.push(bytes);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return read;
}

function judgeList(secrets: unknown): string | undefined {
  if (secrets === undefined || secrets === null) {
    return `is missing; give a list of at least one secret; ${HINT}`;
  }
  if (!Array.isArray(secrets)) return "is not a list; write secrets: [secret]";
  if (secrets.length === 0) return `is empty; give at least one secret; ${HINT}`;
  if (secrets.length > SECRETS_MAX) {
    return `has ${secrets.length} entries; at most ${SECRETS_MAX} are kept at once`;
  }
  return undefined;
}

/** @returns the bytes, or what is wrong as a string. */
function readSecret(secret: unknown): Uint8Array | string {
  if (secret === undefined || secret === null) {
    return `is ${String(secret)}: is its environment variable set? ${HINT}`;
  }
  const bytes = typeof secret === "string" ? readText(secret) : secret;
  if (typeof bytes === "string") return bytes;
  if (!(bytes instanceof Uint8Array)) return "is neither base64url text nor a Uint8Array";
  if (bytes.length < SECRET_BYTES_MIN) {
    return `has ${bytes.length} bytes; at least ${SECRET_BYTES_MIN} random ones are needed; ${HINT}`;
  }
  if (bytes.length > SECRET_BYTES_MAX) {
    return `has ${bytes.length} bytes; at most ${SECRET_BYTES_MAX} are accepted`;
  }
  if (new Set(bytes).size < DIFFERENT_BYTES_MIN) {
    return `is not random: its bytes repeat too often; ${HINT}`;
  }
  return Uint8Array.from(bytes);
}

function readText(text: string): Uint8Array | string {
  if (text === "") return `is empty: is its environment variable set? ${HINT}`;
  if (/^\s|\s$/.test(text)) return "has white space around it; trim it";
  if (/[+/=]/.test(text)) return "is base64, not base64url: write - for +, _ for /, and no =";
  return decodeBase64Url(text) ?? `is not canonical base64url (A–Z a–z 0–9 - _); ${HINT}`;
}
