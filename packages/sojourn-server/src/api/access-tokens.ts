/** What an access token of our own is worth here, whoever asks. */
import { SojournError } from "sojourn";
import type { AccessClaims, Confirmation } from "sojourn/tokens";
import type { TokenHouse } from "../main/tokens.ts";
import { Verifiers } from "./access-verifiers.ts";

/** @returns claims of a good token, or `undefined`. @throws {SojournError} for trouble. */
export type ReadAccessToken = (
  tokens: TokenHouse,
  token: string,
) => Promise<AccessClaims | undefined>;

/** Of any audience of ours. Whom the token is bound to is not asked: who presents it is no user. */
export function accessReader(): ReadAccessToken {
  const verifiers = new Verifiers();
  return async (tokens, token) => {
    const { aud, cnf } = peek(token);
    const audience = tokens.audiences.find((one) => one === aud);
    if (audience === undefined) return undefined;
    const verifier = verifiers.of(tokens, audience);
    const standing = await verifier.verify(token, cnf === undefined ? {} : { confirmation: cnf });
    if (standing.state === "unavailable") {
      const message = "the revocations cannot be read";
      throw new SojournError("ERR_KEY_UNAVAILABLE", message, { retryable: true });
    }
    return standing.state === "active" ? standing.claims : undefined;
  };
}

/** Whose it says it is; proved or not. `undefined` for what is no access token. */
export function claimedTenant(token: string): string | undefined {
  const { aud, tenant = "default" } = peek(token);
  return aud === undefined || typeof tenant !== "string" ? undefined : tenant;
}

/** Read without being proved: for whom it would be, and which key it would be bound to. */
function peek(token: string): {
  readonly aud?: unknown;
  readonly tenant?: unknown;
  readonly cnf?: Confirmation;
} {
  try {
    const [, payload = ""] = token.split(".");
    const said: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof said === "object" && said !== null ? said : {};
  } catch {
    return {};
  }
}
