import { handleOf } from "../protocol/words.ts";
import { formatKid } from "./key-ring.ts";
import { claimedType, parseToken, TOKEN_VERSION, type TokenType } from "./token-format.ts";

/** What may be shown of a token: nothing that could be presented. */
export interface TokenDescription {
  readonly type: TokenType;
  readonly version: number;
  /** Four hexadecimal digits, as in a key inventory. */
  readonly kid: string;
  /** `ses_…`; absent for a service key, which has no session. */
  readonly handle?: string;
  readonly id: string;
  readonly generation: number;
}

/**
 * Say what a token claims to be, for support and debugging. It proves nothing: anyone can write a
 * text that reads so. @returns `undefined` when the text has not the shape of a token.
 */
export function describeToken(text: string): TokenDescription | undefined {
  const type = claimedType(text);
  const token = type === undefined ? undefined : parseToken(text, type);
  if (token === undefined) return undefined;
  const { id, generation } = token;
  return {
    type: token.type,
    version: TOKEN_VERSION,
    kid: formatKid(token.kid),
    ...(token.type === "service-key" ? {} : { handle: handleOf(id) }),
    id,
    generation,
  };
}
