/** Drop-in for `require("express-session")`, and the way from its stores to ours and back. */
export { signSid, unsignSid } from "./signature.ts";
export type { SigningSecret } from "./signature.ts";
