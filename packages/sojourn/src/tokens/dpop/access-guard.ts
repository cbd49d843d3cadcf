/**
 * The way into a resource: `Authorization: Bearer …` or `Authorization: DPoP …` with its proof, to
 * what the token is worth and what the response has to say. A token that is bound to a key is
 * refused as a bearer token, and one that is not as a DPoP token. RFC 9449 sections 7.1 and 7.2.
 */
import { ConfigError } from "../../engine/errors.ts";
import { unknownOptions } from "../../engine/given.ts";
import type { MaybePromise } from "../../engine/ports.ts";
import type { AccessClaims } from "../jwt/access-claims.ts";
import { challengeOf } from "../jwt/access-requirement.ts";
import type { AccessRequirement } from "../jwt/access-requirement.ts";
import type { AccessStanding, Proven } from "../jwt/verifier.ts";
import type { Dpop, ExaminedProof } from "./dpop.ts";
import { oneValue } from "./proof.ts";
import type { HeaderValue } from "./proof.ts";

export interface AccessGuardOptions {
  /** What `createVerifier` returned, or anything that verifies as it does. */
  readonly verifier: {
    verify(token: string, proven?: Proven): MaybePromise<AccessStanding>;
  };
  readonly dpop: Dpop;
  /** Default true. False: only tokens that are bound to a key. */
  readonly bearer?: boolean;
}

/** What of a request the verifier is told besides the token. */
type Asked = Pick<Proven, "require">;

export interface AccessRequest {
  readonly method: string;
  /** As the request line has it. */
  readonly path: string;
  /** Every value of `Authorization`. */
  readonly authorization: HeaderValue;
  /** Every value of `DPoP`. */
  readonly proof: HeaderValue;
  /** What this resource asks of the login; default: what the verifier does. RFC 9470. */
  readonly require?: AccessRequirement;
}

/** Headers have small letters, and belong into the response whatever becomes of it. */
export type AccessAnswer =
  | {
      readonly state: "active";
      readonly claims: AccessClaims;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly state: "refused";
      readonly status: 400 | 401 | 503;
      readonly headers: Readonly<Record<string, string>>;
      /** For logs alone. */
      readonly why: string;
    };

const CREDENTIALS_CHARS_MAX = 8_704;
const CREDENTIALS = /^(Bearer|DPoP) +([A-Za-z0-9\-._~+/]+=*)$/i;
const RETRY_AFTER = "1";

type Refusal = AccessAnswer & { readonly state: "refused" };
type Scheme = "bearer" | "dpop";

export class AccessGuard {
  readonly #verifier: AccessGuardOptions["verifier"];
  readonly #dpop: Dpop;
  readonly #bearer: boolean;

  /** Use {@link createAccessGuard}. */
  constructor({ verifier, dpop, bearer = true }: AccessGuardOptions) {
    this.#verifier = verifier;
    this.#dpop = dpop;
    this.#bearer = bearer;
  }

  /** Judge a request. No request makes it throw; a missing `jose` does (`ConfigError`). */
  async check(request: AccessRequest): Promise<AccessAnswer> {
    const { authorization } = request;
    const value = oneValue(authorization);
    if (value === "absent") return this.#challenge(undefined, "absent");
    if (typeof value === "string") return this.#malformed(value);
    if (value.text.length > CREDENTIALS_CHARS_MAX) return this.#malformed("size");
    const [, scheme = "", token = ""] = CREDENTIALS.exec(value.text) ?? [];
    if (scheme === "") {
      return /^(?:Bearer|DPoP)(?: |$)/i.test(value.text)
        ? this.#malformed("form")
        : this.#challenge(undefined, "scheme");
    }
    return scheme.toLowerCase() === "dpop"
      ? this.#checkBound(request, token)
      : this.#checkBearer(token, askedOf(request));
  }

  async #checkBearer(token: string, asked: Asked): Promise<AccessAnswer> {
    if (!this.#bearer) return this.#challenge("bearer", "bearer");
    const standing = await this.#verifier.verify(token, asked);
    // The verifier refuses it as well; this does not depend on which one was given.
    const bound = standing.state === "active" && standing.claims.cnf !== undefined;
    return bound ? this.#challenge("bearer", "binding") : this.#answer("bearer", standing, {});
  }

  async #checkBound(request: AccessRequest, token: string): Promise<AccessAnswer> {
    const { method, path, proof } = request;
    const examined = await this.#dpop.examine({ proof, method, path, token });
    if (examined.state === "refused") {
      return this.#refuseProof(examined.error, examined.why, examined.nonce);
    }
    const { confirmation } = examined;
    const standing = await this.#verifier.verify(token, { confirmation, ...askedOf(request) });
    if (standing.state !== "active") return this.#answer("dpop", standing, nonceHeader(examined));
    if (standing.claims.cnf?.jkt !== confirmation.jkt) return this.#challenge("dpop", "unbound");
    return this.#accept(examined, standing);
  }

  async #accept(examined: ExaminedProof, standing: AccessStanding): Promise<AccessAnswer> {
    const accepted = await this.#dpop.accept(examined);
    switch (accepted.state) {
      case "proved":
        return this.#answer("dpop", standing, nonceHeader(accepted));
      case "refused":
        return this.#refuseProof(accepted.error, accepted.why, accepted.nonce);
      case "unavailable":
        return unavailable("replays");
    }
  }

  #answer(
    scheme: Scheme,
    standing: AccessStanding,
    headers: Readonly<Record<string, string>>,
  ): AccessAnswer | Promise<AccessAnswer> {
    switch (standing.state) {
      case "active":
        return { state: "active", claims: standing.claims, headers };
      case "locked":
        return this.#challenge(scheme, "locked", challengeOf({}));
      case "insufficient":
        return this.#challenge(scheme, "insufficient", challengeOf(standing.unmet));
      case "unavailable":
        return unavailable(standing.why);
      case "ended":
      case "unknown":
        return this.#challenge(scheme, standing.why);
    }
  }

  /** @param scheme Which one was tried; that one is told that its token is none. */
  async #challenge(
    scheme: Scheme | undefined,
    why: string,
    error: string = 'error="invalid_token"',
  ): Promise<Refusal> {
    const said = (own: Scheme) => (own === scheme ? error : "");
    const parts = [this.#dpopChallenge(said("dpop"))];
    if (this.#bearer) parts.unshift(`Bearer ${said("bearer")}`.trim());
    const { nonce } = await this.#dpop.freshNonce();
    return this.#refusal(401, why, parts.join(", "), nonce);
  }

  #refuseProof(error: string, why: string, nonce: string | undefined): Refusal {
    return this.#refusal(401, why, this.#dpopChallenge(`error="${error}"`), nonce);
  }

  #malformed(why: string): Refusal {
    return this.#refusal(400, why, this.#dpopChallenge('error="invalid_request"'), undefined);
  }

  #dpopChallenge(error: string): string {
    const algorithms = `algs="${this.#dpop.algorithms.join(" ")}"`;
    return `DPoP ${error === "" ? "" : `${error}, `}${algorithms}`;
  }

  #refusal(status: 400 | 401, why: string, challenge: string, nonce: string | undefined): Refusal {
    const headers = {
      "www-authenticate": challenge,
      "cache-control": "no-store",
      ...(nonce === undefined ? {} : { "dpop-nonce": nonce }),
    };
    return { state: "refused", status, headers, why };
  }
}

/**
 * Guards resources with a verifier of tokens and a judge of proofs.
 * @throws {ConfigError} listing every problem.
 */
export function createAccessGuard(options: AccessGuardOptions): AccessGuard {
  const problems = unknownOptions(options, ["verifier", "dpop", "bearer"]);
  const { verifier, dpop } = options as Partial<AccessGuardOptions>;
  if (typeof verifier?.verify !== "function") {
    problems.push({ path: "verifier", message: "takes what createVerifier returned" });
  }
  if (typeof dpop?.examine !== "function") {
    problems.push({ path: "dpop", message: "takes what createDpop returned" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return new AccessGuard(options);
}

function askedOf({ require }: AccessRequest): Asked {
  return require === undefined ? {} : { require };
}

function nonceHeader({ nonce }: { readonly nonce?: string }): Readonly<Record<string, string>> {
  return nonce === undefined ? {} : { "dpop-nonce": nonce };
}

function unavailable(why: string): Refusal {
  const headers = { "retry-after": RETRY_AFTER, "cache-control": "no-store" };
  return { state: "refused", status: 503, headers, why };
}
