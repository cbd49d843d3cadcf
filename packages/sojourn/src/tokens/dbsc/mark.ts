/**
 * Marks: short keyed texts that say something of one session and one instant, made without storing
 * anything. A challenge, an authorization and the bound cookie are marks of different kinds, and
 * none stands in for another. 36 bytes, 48 base64url characters: 18 that are read, 18 of the MAC.
 */
import { equalText } from "../../engine/equal.ts";
import { invariant } from "../../engine/invariant.ts";
import type { MaybePromise, SessionRef } from "../../engine/ports.ts";
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { encodeFields, writeUint32 } from "../fields.ts";
import type { KeyRing } from "../key-ring.ts";
import { chain } from "../maybe-promise.ts";

/** What a mark is for; part of what is keyed. */
export type MarkKind = "register" | "refresh" | "authorization" | "cookie";

/** Whose mark: a session, and for a cookie the key that it is bound to. */
export interface MarkPlace extends SessionRef {
  readonly thumbprint?: string | undefined;
}

export interface Mark {
  /** Milliseconds since the epoch: when it was made, or of a cookie when it ends. */
  readonly at: number;
  /** How many proofs there were before. */
  readonly count: number;
  /** 8 characters that tell two marks of one instant apart. */
  readonly nonce: string;
}

export const NONCE_BYTES = 6;
const BODY_BYTES = 18;
const BODY_CHARS = 24;
const MAC_BYTES = 18;
const MARK_CHARS = 48;
const AT = 2;
const COUNT = 8;
const NONCE = 12;

export function makeMark(
  ring: KeyRing,
  kind: MarkKind,
  place: MarkPlace,
  mark: Mark,
): MaybePromise<string> {
  const body = bodyOf(ring.primary, mark);
  const mac = macOf(ring, ring.primary, { kind, place, body });
  invariant(mac !== undefined, "the primary key is in the ring");
  return chain(mac, (text) => encodeBase64Url(body) + text);
}

/** @returns what we wrote for this place, without I/O; `undefined` for anything else. */
export function readMark(
  ring: KeyRing,
  kind: MarkKind,
  place: MarkPlace,
  text: string,
): MaybePromise<Mark | undefined> {
  const body = text.length === MARK_CHARS ? decodeBase64Url(text.slice(0, BODY_CHARS)) : undefined;
  if (body === undefined) return undefined;
  const kid = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
  const mac = macOf(ring, kid, { kind, place, body });
  if (mac === undefined) return undefined;
  return chain(mac, (right) =>
    equalText(right, text.slice(BODY_CHARS)) ? markIn(body) : undefined,
  );
}

function bodyOf(kid: number, { at, count, nonce }: Mark): Uint8Array {
  const body = new Uint8Array(BODY_BYTES);
  body[0] = kid >>> 8;
  body[1] = kid;
  writeUint32(body, AT + 2, at % 2 ** 32);
  const high = Math.floor(at / 2 ** 32);
  body[AT] = high >>> 8;
  body[AT + 1] = high;
  writeUint32(body, COUNT, count);
  const distinct = decodeBase64Url(nonce);
  invariant(distinct?.length === NONCE_BYTES, "a nonce is 8 base64url characters");
  body.set(distinct, NONCE);
  return body;
}

function markIn(body: Uint8Array): Mark {
  const number = (from: number, to: number): number =>
    body.subarray(from, to).reduce((sum, byte) => sum * 256 + byte, 0);
  return {
    at: number(AT, COUNT),
    count: number(COUNT, NONCE),
    nonce: encodeBase64Url(body.subarray(NONCE)),
  };
}

interface Keyed {
  readonly kind: MarkKind;
  readonly place: MarkPlace;
  readonly body: Uint8Array;
}

function macOf(
  ring: KeyRing,
  kid: number,
  { kind, place, body }: Keyed,
): MaybePromise<string> | undefined {
  const { tenant, id, thumbprint = null } = place;
  const mac = ring.hmac("challenge", kid, encodeFields([kind, tenant, id, thumbprint], body));
  return mac === undefined ? undefined : chain(mac, (bytes) => encodeBase64Url(bytes, MAC_BYTES));
}
