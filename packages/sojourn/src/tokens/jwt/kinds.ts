/**
 * Kinds of signed tokens, told apart by `typ` alone: a token of one kind is refused wherever
 * another is expected, whatever it says besides. RFC 8725 sections 3.11 and 3.12.
 */

export const TOKEN_KINDS = [
  "at+jwt",
  "logout+jwt",
  "secevent+jwt",
  "dpop+jwt",
  "dbsc+jwt",
  "statuslist+jwt",
  "token-introspection+jwt",
  "revocations+jwt",
] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** Media types are compared without case, and `application/` may be left out (RFC 7515 4.1.9). */
export function isKind(typ: unknown, kind: TokenKind): boolean {
  if (typ === kind) return true;
  if (typeof typ !== "string") return false;
  const lower = typ.toLowerCase();
  return lower === kind || lower === `application/${kind}`;
}
