/**
 * The signature of `connect.sid`: `s:<sid>.<HMAC-SHA-256 of the sid, base64 without padding>`.
 * It is the format of the cookies that express-session's users hold already.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** What signs: text or bytes as express-session takes them; no length is asked for. */
export type SigningSecret = string | Uint8Array | KeyObject;

const MARK = "s:";

/** The value of the cookie, before it is percent-encoded. */
export function signSid(sid: string, secret: SigningSecret): string {
  return `${MARK}${sid}.${macOf(sid, secret)}`;
}

/** @returns the sid when one of the secrets signed it; `undefined` for everything else. */
export function unsignSid(value: string, secrets: readonly SigningSecret[]): string | undefined {
  if (!value.startsWith(MARK)) return undefined;
  const dot = value.lastIndexOf(".");
  if (dot < MARK.length) return undefined;
  const sid = value.slice(MARK.length, dot);
  const given = Buffer.from(value.slice(dot + 1));
  for (const secret of secrets) {
    const expected = Buffer.from(macOf(sid, secret));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return sid;
  }
  return undefined;
}

function macOf(sid: string, secret: SigningSecret): string {
  return createHmac("sha256", secret).update(sid).digest("base64").replace(/=+$/, "");
}
