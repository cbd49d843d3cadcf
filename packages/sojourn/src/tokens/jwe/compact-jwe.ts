/**
 * The strict reader of compact JWE. It runs before any key is touched: a token that asks for work
 * (`p2c`, `zip`, another algorithm, a key of the sender's) is refused by its header alone.
 */
import { decodeBase64Url } from "../base64url.ts";
import type { Flaw } from "../jwt/compact.ts";
import { readJsonObject } from "../jwt/strict-json.ts";
import type { JsonObject } from "../jwt/strict-json.ts";
import { CONTENT_ALGORITHM } from "./algorithms.ts";
import type { ReadKey } from "./encryption-keys.ts";

/** In characters, which are bytes here; as for signed tokens. */
export const TOKEN_BYTES_MAX = 8_192;
const HEADER_CHARS_MAX = 1_024;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const COORDINATE_BYTES = 32;

/** Whatever else there is changes what the rest means, or is somebody's who is none of ours. */
const MEMBERS = ["alg", "enc", "cty", "kid"];
const POINT = ["kty", "crv", "x", "y"];

/** @returns the key to open it with, or the flaw. */
export function readCompactJwe<Key extends ReadKey>(
  token: unknown,
  keys: ReadonlyMap<string, Key>,
): Key | Flaw {
  if (typeof token !== "string") return "not_text";
  if (token.length > TOKEN_BYTES_MAX) return "size";
  const [head = "", ...rest] = token.split(".", 6);
  if (rest.length !== 4 || head.length > HEADER_CHARS_MAX) return "form";
  const bytes = decodeBase64Url(head);
  const header = bytes === undefined ? undefined : readJsonObject(bytes);
  const key = header === undefined ? "header" : keyFor(header, keys);
  if (typeof key === "string") return key;
  return isBody(rest, key.wrappedBytes) ? key : "form";
}

/** @param parts Wrapped key, initialization vector, content, tag. */
function isBody([wrapped, iv, content, tag]: readonly string[], wrappedBytes: number): boolean {
  return (
    isOfBytes(wrapped, wrappedBytes) &&
    isOfBytes(iv, IV_BYTES) &&
    isOfBytes(tag, TAG_BYTES) &&
    (decodeBase64Url(content ?? "")?.length ?? 0) > 0
  );
}

function keyFor<Key extends ReadKey>(
  header: JsonObject,
  keys: ReadonlyMap<string, Key>,
): Key | Flaw {
  const { alg, enc, cty, kid, epk } = header;
  const agreed = alg === "ECDH-ES+A256KW";
  const known = (name: string) => MEMBERS.includes(name) || (agreed && name === "epk");
  if (!Object.keys(header).every(known) || (agreed && !isPoint(epk))) return "header";
  if (enc !== CONTENT_ALGORITHM) return "algorithm";
  // Nested: what is inside is signed. RFC 7519 section 5.2.
  if (cty !== "JWT") return "kind";
  const key = typeof kid === "string" ? keys.get(kid) : undefined;
  if (key === undefined) return "key";
  return key.alg === alg ? key : "algorithm";
}

/** A public point of P-256 and nothing beside it. */
function isPoint(epk: unknown): boolean {
  if (typeof epk !== "object" || epk === null || Array.isArray(epk)) return false;
  const { kty, crv, x, y } = epk as JsonObject;
  if (!Object.keys(epk).every((name) => POINT.includes(name))) return false;
  if (kty !== "EC" || crv !== "P-256") return false;
  return isOfBytes(x, COORDINATE_BYTES) && isOfBytes(y, COORDINATE_BYTES);
}

function isOfBytes(text: unknown, bytes: number): boolean {
  return typeof text === "string" && decodeBase64Url(text)?.length === bytes;
}
