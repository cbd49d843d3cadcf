/** Verifiers of the service's own access tokens, one for each audience. */
import { createVerifier } from "sojourn/tokens";
import type { AccessVerifier } from "sojourn/tokens";
import type { TokenHouse } from "../main/tokens.ts";

/** A store proves four times a second that it has told everything; a busy machine, later. */
const BOUND_MS = 1_000;
const ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"] as const;

export class Verifiers {
  readonly #made = new Map<string, AccessVerifier>();

  /** @param audience One of `tokens.audiences`. */
  of(tokens: TokenHouse, audience: string): AccessVerifier {
    const made = this.#made.get(audience) ?? verifierFor(tokens, audience);
    this.#made.set(audience, made);
    return made;
  }
}

/** Over our own keys and our own log: signature, claims, and every end within a second. */
function verifierFor({ issuer, log }: TokenHouse, audience: string): AccessVerifier {
  return createVerifier({
    issuer: issuer.issuer,
    audience,
    algorithms: ALGORITHMS,
    jwks: { read: () => issuer.jwks() },
    feed: { read: (since) => log.read(since) },
    boundMs: BOUND_MS,
    remembered: 0,
  });
}
