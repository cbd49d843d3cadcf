/**
 * The signature of `connect.sid`: `s:<sid>.<HMAC-SHA-256 of the sid, base64 without padding>`.
 * It is the format of the cookies that express-session's users hold already.
 */
import { createHmac, KeyObject } from "node:crypto";
import { hmacOneShot } from "../platform/hmac-one-shot.ts";

/** What signs: text or bytes as express-session takes them; no length is asked for. */
export type SigningSecret = string | NodeJS.ArrayBufferView | KeyObject;

const MARK = "s:";
/** 32 bytes as base64, without the `=` at the end. */
const MAC_LENGTH = 43;
/** An application has a handful; whoever derives secrets per request must not fill the memory. */
const TEXT_KEYS_MAX = 64;

const keyOfText: Map<string, Uint8Array> = new Map();
const keyOfObject: WeakMap<object, Uint8Array> = new WeakMap();

/**
 * The value of the cookie, before it is percent-encoded.
 *
 * @throws {TypeError} for a secret that is missing or of another type.
 */
export function signSid(sid: string, secret: SigningSecret): string {
  return `${MARK}${sid}.${macOf(sid, secret)}`;
}

/** @returns the sid when one of the secrets signed it; `undefined` for everything else. */
export function unsignSid(value: string, secrets: readonly SigningSecret[]): string | undefined {
  if (!value.startsWith(MARK)) return undefined;
  const dot = value.lastIndexOf(".");
  const sid = value.slice(MARK.length, dot);
  for (const secret of secrets) {
    if (isEqual(macOf(sid, secret), value, dot + 1) && dot >= MARK.length) return sid;
  }
  return undefined;
}

/** Takes as long for a wrong signature as for a right one. */
function isEqual(mac: string, value: string, start: number): boolean {
  if (value.length - start !== MAC_LENGTH) return false;
  let difference = 0;
  for (let index = 0; index < MAC_LENGTH; index += 1) {
    difference |= mac.charCodeAt(index) ^ value.charCodeAt(start + index);
  }
  return difference === 0;
}

function macOf(sid: string, secret: SigningSecret): string {
  if (secret === null || secret === undefined) throw new TypeError("Secret key must be provided.");
  const key = keyOf(secret);
  const mac = key
    ? Buffer.from(hmacOneShot(key, Buffer.from(sid)).buffer)
    : createHmac("sha256", secret).update(sid).digest();
  return mac.toString("base64").slice(0, MAC_LENGTH);
}

/** @returns `undefined` for what `createHmac` shall judge: rare kinds of keys, and wrong ones. */
function keyOf(secret: SigningSecret): Uint8Array | undefined {
  if (typeof secret === "string") return keyOfText.get(secret) ?? rememberText(secret);
  if (typeof secret !== "object") return undefined;
  const known = keyOfObject.get(secret);
  if (known !== undefined) return known;
  const key = bytesOf(secret);
  if (key !== undefined) keyOfObject.set(secret, key);
  return key;
}

function rememberText(secret: string): Uint8Array {
  const key = new Uint8Array(Buffer.from(secret));
  if (keyOfText.size >= TEXT_KEYS_MAX) keyOfText.clear();
  keyOfText.set(secret, key);
  return key;
}

function bytesOf(secret: NodeJS.ArrayBufferView | KeyObject): Uint8Array | undefined {
  if (secret instanceof KeyObject) {
    return secret.type === "secret" ? new Uint8Array(secret.export()) : undefined;
  }
  return secret instanceof Uint8Array ? new Uint8Array(secret) : undefined;
}
