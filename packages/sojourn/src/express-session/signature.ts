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
/** About 1 MB per secret. When it is full it starts anew. */
const PROVED_MAX = 4_096;

interface Key {
  readonly bytes: Uint8Array;
  /** The signatures proved last, by sid: the next request of that session compares only. */
  readonly proved: Map<string, string>;
}

const keyOfText: Map<string, Key> = new Map();
const keyOfObject: WeakMap<object, Key> = new WeakMap();

/**
 * The value of the cookie, before it is percent-encoded.
 *
 * @throws {TypeError} for a secret that is missing or of another type.
 */
export function signSid(sid: string, secret: SigningSecret): string {
  return `${MARK}${sid}.${keyOf(secret)?.proved.get(sid) ?? macOf(sid, secret)}`;
}

/** @returns the sid when one of the secrets signed it; `undefined` for everything else. */
export function unsignSid(value: string, secrets: readonly SigningSecret[]): string | undefined {
  if (!value.startsWith(MARK)) return undefined;
  const dot = value.lastIndexOf(".");
  if (dot === -1) return undefined;
  const sid = value.slice(MARK.length, dot);
  for (const secret of secrets) {
    if (isSignedBy(secret, sid, value, dot + 1)) return sid;
  }
  return undefined;
}

/** Only what was proved is remembered, so that guesses do not fill the memory. */
function isSignedBy(secret: SigningSecret, sid: string, value: string, start: number): boolean {
  const key = keyOf(secret);
  const proved = key?.proved.get(sid);
  if (proved !== undefined) return isEqual(proved, value, start);
  const mac = macOf(sid, secret);
  if (!isEqual(mac, value, start)) return false;
  if (key === undefined) return true;
  if (key.proved.size >= PROVED_MAX) key.proved.clear();
  // A copy: cut out of the header, the sid would keep all of it.
  key.proved.set(Buffer.from(sid).toString(), mac);
  return true;
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
  const key = keyOf(secret);
  const mac = key
    ? Buffer.from(hmacOneShot(key.bytes, Buffer.from(sid)).buffer)
    : createHmac("sha256", secret).update(sid).digest();
  return mac.toString("base64").slice(0, MAC_LENGTH);
}

/** @returns `undefined` for what `createHmac` shall judge: rare kinds of keys, and wrong ones. */
function keyOf(secret: SigningSecret): Key | undefined {
  if (typeof secret === "string") return keyOfText.get(secret) ?? rememberText(secret);
  if (secret === null || secret === undefined) throw new TypeError("Secret key must be provided.");
  if (typeof secret !== "object") return undefined;
  const known = keyOfObject.get(secret);
  if (known !== undefined) return known;
  const bytes = bytesOf(secret);
  if (bytes === undefined) return undefined;
  const key = { bytes, proved: new Map<string, string>() };
  keyOfObject.set(secret, key);
  return key;
}

function rememberText(secret: string): Key {
  const key = { bytes: new Uint8Array(Buffer.from(secret)), proved: new Map<string, string>() };
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
