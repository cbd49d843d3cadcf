/** What proves a token: the MAC that needs no store, and the verifier that a record holds. */
import { equalText } from "../engine/equal.ts";
import type { MaybePromise } from "../engine/ports.ts";
import { encodeBase64Url } from "./base64url.ts";
import { encodeFields } from "./fields.ts";
import type { KeyRing } from "./key-ring.ts";
import { macText, type ParsedToken, tokenBody, tokenMac, type TokenType } from "./token-format.ts";

/** 192 bits of the keyed hash are kept at rest, as many as the secret has. */
const VERIFIER_BYTES = 24;

/** The full MAC over a body. @returns `undefined` when no secret has this key id. */
export function macOver(
  ring: KeyRing,
  body: Uint8Array,
  of: { readonly type: TokenType; readonly kid: number; readonly tenant: string | null },
): MaybePromise<Uint8Array> | undefined {
  const purpose = of.type === "service-key" ? "service-key" : "mac";
  return ring.hmac(purpose, of.kid, encodeFields([of.tenant], body));
}

/** True when we made this token for this tenant. An unknown key id is a plain false. */
export function macIsRight(
  ring: KeyRing,
  token: ParsedToken,
  tenant: string | null,
): MaybePromise<boolean> {
  const mac = macOver(ring, tokenBody(token), { type: token.type, kid: token.kid, tenant });
  if (mac === undefined) return false;
  const presented = tokenMac(token);
  if (mac instanceof Promise) return mac.then((bytes) => equalText(macText(bytes), presented));
  return equalText(macText(mac), presented);
}

/**
 * The keyed hash of a token that a record keeps: 32 characters. It covers tenant, subject, type,
 * id, generation and secret, so a reader of the store can present nothing and a writer of it can
 * neither mint nor re-point. @returns `undefined` when no secret has this key id.
 */
export function verifierOver(
  ring: KeyRing,
  body: Uint8Array,
  of: VerifierFields,
): MaybePromise<string> | undefined {
  const purpose = of.type === "service-key" ? "service-key-hash" : "hash";
  const hash = ring.hmac(purpose, of.kid, encodeFields([of.tenant, of.subject], body));
  if (hash === undefined) return undefined;
  return hash instanceof Promise ? hash.then(verifierText) : verifierText(hash);
}

export interface VerifierFields {
  readonly type: TokenType;
  readonly kid: number;
  readonly tenant: string;
  readonly subject: string | null;
}

function verifierText(hash: Uint8Array): string {
  return encodeBase64Url(hash, VERIFIER_BYTES);
}
