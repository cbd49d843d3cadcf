/**
 * `sojourn/tokens`: secrets, and what may be said of a token. Verification is not here:
 * a token is worth what `authenticate` answers, and no less is a decision.
 */
export { describeToken, type TokenDescription } from "./describe-token.ts";
export type { KeyFacts, KeyPurpose } from "./key-ring.ts";
export { generateSecret, type Secret } from "./secrets.ts";
export type { TokenType } from "./token-format.ts";
