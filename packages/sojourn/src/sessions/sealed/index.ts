/** `sojourn/sealed`: small sessions in encrypted cookies, for the edge and for serverless. */
export { sessionsAuthority } from "./authority.ts";
export type { AuthorityAnswer, AuthorityQuestion, SealedAuthority } from "./authority.ts";
export { httpAuthority, type HttpAuthorityOptions } from "./http-authority.ts";
export type { SealedFlaw } from "./cookies.ts";
export type { SealedSessionsOptions } from "./options.ts";
export { createSealedSessions, sealedGeneration } from "./sealed-sessions.ts";
export type {
  SealedContext,
  SealedSessions,
  SealedStanding,
  SealRequest,
} from "./sealed-sessions.ts";
