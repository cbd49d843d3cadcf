/**
 * Verifies access tokens of one issuer, on Node and at the edge: strict reader, signature by
 * `jose`, claims, revocations. A token that was proved before costs a look-up and is as revocable
 * as a new one. Three answers (I7): good, not good, and "cannot tell now".
 */
import { hostTime } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { deepFreeze } from "../../engine/freeze.ts";
import type { HostTime, MaybePromise } from "../../engine/ports.ts";
import type { SigningAlgorithm } from "../keys/algorithms.ts";
import { requireProblems, unmetByClaims } from "./access-requirement.ts";
import type { AccessRequirement, AccessUnmet } from "./access-requirement.ts";
import { readAccessClaims } from "./access-claims.ts";
import type { AccessClaims, Confirmation, Expected } from "./access-claims.ts";
import type { Flaw } from "./compact.ts";
import { Memo } from "./memo.ts";
import { proveCompact } from "./prove.ts";
import type { ProvedToken, Provers } from "./prove.ts";
import type { Revocable, Verdict } from "./revocation-set.ts";
import { RevocationView } from "./revocation-view.ts";
import type { RevocationFeed } from "./revocations.ts";
import { problemsOf } from "./verifier-options.ts";
import { VerifyKeys } from "./verify-keys.ts";
import type { JwksSource } from "./verify-keys.ts";

export interface VerifierOptions {
  /** Exactly as `iss` has it. */
  readonly issuer: string;
  /** Who we are: tokens for anybody else are refused. */
  readonly audience: string;
  /** The issuer's keys: a JWK Set, or where to read it (`httpJwks`). */
  readonly jwks: JwksSource | { readonly keys: readonly unknown[] };
  /** `"none"`: tokens are good until they expire, whatever happens meanwhile. */
  readonly feed: RevocationFeed | "none";
  /** What the issuer may sign with; default `["ES256"]`. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** Only tokens of this tenant. Default: any; compare `claims.tenant` then. */
  readonly tenant?: string;
  /** A revocation acknowledged longer ago than this is never missed. 100–300 000, default 5000. */
  readonly boundMs?: number;
  /** What every token's login has to be, unless a call asks for something else. RFC 9470. */
  readonly require?: AccessRequirement;
  /** How far `iat` and `nbf` may lie in the future. 0–60 000, default 30 000. None for `exp`. */
  readonly leewayMs?: number;
  /** Proved tokens that are remembered; default 10 000. 0: none. */
  readonly remembered?: number;
  /** Revocations that are held; over it nothing is answered. Default 1 000 000. */
  readonly revocationsMax?: number;
  /** Trouble with keys and feed. Never holds a token. */
  readonly onError?: (error: unknown) => void;
  /** For tests; default: the clocks of the machine. */
  readonly time?: HostTime;
}

/**
 * `all`: issued before the feed knows everything; a fresh token is good. `lockout`: somebody keeps
 * its subject, session, client or tenant out.
 */
export type EndWhy = "expired" | "session" | "subject" | "token" | "all" | "lockout";

/**
 * `why` is for logs. To the outside `ended` and `unknown` are one answer, 401 with
 * `error="invalid_token"`, `locked` and `insufficient` ask for a step-up, `unavailable` is 503.
 */
export type AccessStanding =
  | { readonly state: "active"; readonly claims: AccessClaims }
  | { readonly state: "locked" }
  /** Good, and its login is too old or too weak for what was asked. */
  | { readonly state: "insufficient"; readonly unmet: AccessUnmet }
  | { readonly state: "ended"; readonly why: EndWhy }
  | { readonly state: "unknown"; readonly why: Flaw }
  | { readonly state: "unavailable"; readonly why: "feed" | "keys" };

/** What the caller has proved besides, e.g. by a DPoP proof, and what is asked of its login. */
export interface Proven {
  readonly confirmation?: Confirmation;
  /** Instead of the verifier's own. */
  readonly require?: AccessRequirement;
}

interface Proved {
  readonly text: string;
  readonly standing: AccessStanding & { readonly state: "active" };
  readonly revocable: Revocable;
  readonly expiresAt: number;
  readonly bound: Confirmation | undefined;
  /** Sum of the versions at which it was last judged live. */
  version: number;
}

/** Good by itself: the next one who asks may ask for less. */
const KEPT: readonly AccessStanding["state"][] = ["active", "insufficient"];
const EXPIRED: AccessStanding = Object.freeze({ state: "ended", why: "expired" });
const NO_FEED: AccessStanding = Object.freeze({ state: "unavailable", why: "feed" });
const NO_KEYS: AccessStanding = Object.freeze({ state: "unavailable", why: "keys" });
const VERDICTS: Readonly<Record<Exclude<Verdict, "live"> | "tenant", AccessStanding>> = {
  tenant: Object.freeze({ state: "unknown", why: "tenant" }),
  key: Object.freeze({ state: "unknown", why: "key_revoked" }),
  session: Object.freeze({ state: "ended", why: "session" }),
  subject: Object.freeze({ state: "ended", why: "subject" }),
  token: Object.freeze({ state: "ended", why: "token" }),
  all: Object.freeze({ state: "ended", why: "all" }),
  locked: Object.freeze({ state: "locked" }),
  lockout: Object.freeze({ state: "ended", why: "lockout" }),
};

export class AccessVerifier {
  readonly #expected: Expected;
  readonly #time: HostTime;
  readonly #keys: VerifyKeys;
  readonly #provers: Provers;
  readonly #view: RevocationView | undefined;
  readonly #memo: Memo<Proved> | undefined;
  readonly #require: AccessRequirement | undefined;

  /** Use {@link createVerifier}. */
  constructor(options: VerifierOptions) {
    const { issuer, audience, tenant, jwks, feed, onError, remembered = 10_000 } = options;
    const time = options.time ?? hostTime;
    const { algorithms = ["ES256"], leewayMs = 30_000 } = options;
    this.#expected = { issuer, audience, tenant, leewayMs };
    this.#time = time;
    this.#require = options.require;
    this.#memo = remembered === 0 ? undefined : new Memo(remembered);
    this.#keys = new VerifyKeys({
      source: "read" in jwks ? jwks : { read: () => Promise.resolve(jwks) },
      purpose: "access-token",
      algorithms,
      time,
      onError,
    });
    const rules = { kind: "at+jwt", algorithms, heads: new Map() } as const;
    this.#provers = { rules, keys: this.#keys };
    const { boundMs = 5_000, revocationsMax: entriesMax = 1_000_000 } = options;
    this.#view =
      feed === "none"
        ? undefined
        : new RevocationView({ feed, boundMs, entriesMax, time, onError });
  }

  /**
   * What a presented token is worth now. Synchronous and without I/O for a token that was proved
   * before, while the view of revocations is younger than the bound. No token makes it throw; a
   * missing `jose` does (`ConfigError`).
   *
   * @param proven A token that is bound to a key is refused without.
   * @throws {ConfigError} for a requirement that is none.
   */
  verify(token: string, proven?: Proven): MaybePromise<AccessStanding> {
    if (proven?.require !== undefined) refuseWrong(requireProblems(proven.require));
    const known = this.#memo?.get(token);
    if (known === undefined) return this.#verifyAnew(token, proven);
    const usable = this.#view?.usable() ?? true;
    if (usable) return this.#judge(known, proven, this.#now());
    return this.#later(() => this.#judge(known, proven, this.#now()));
  }

  /** No `async`: this is the way of every token that is new. */
  #verifyAnew(token: string, proven: Proven | undefined): MaybePromise<AccessStanding> {
    return proveCompact(token, this.#provers, (read): MaybePromise<AccessStanding> => {
      if (read === "unavailable") return NO_KEYS;
      if (typeof read === "string") return unknown(read);
      // The feed tells the time, too: no claim is judged before.
      const usable = this.#view?.usable() ?? true;
      const judge = (): AccessStanding => this.#judgeAnew(token, read, proven);
      return usable ? judge() : this.#later(judge);
    });
  }

  /** Once revocations are known. */
  async #later(judge: () => AccessStanding): Promise<AccessStanding> {
    const usable = await this.#view?.becomesUsable();
    return usable === false ? NO_FEED : judge();
  }

  #judgeAnew(
    token: string,
    { payload, keyId }: ProvedToken,
    proven: Proven | undefined,
  ): AccessStanding {
    const now = this.#now();
    const claims = readAccessClaims(payload, this.#expected, now);
    if (typeof claims === "string") return unknown(claims);
    const proved = provedOf(token, claims, keyId);
    const standing = this.#judge(proved, proven, now);
    if (KEPT.includes(standing.state) && this.#memo !== undefined) {
      // What is remembered is shared by all who present the token again.
      deepFreeze(proved.standing);
      this.#memo.set(proved);
    }
    return standing;
  }

  #judge(proved: Proved, proven: Proven | undefined, now: number): AccessStanding {
    if (now >= proved.expiresAt) {
      this.#memo?.delete(proved);
      return EXPIRED;
    }
    const version = this.#version();
    if (proved.version !== version) {
      const over = this.#endOf(proved.revocable);
      if (over !== undefined) return over;
      proved.version = version;
    }
    if (proved.bound !== undefined && !holds(proved.bound, proven?.confirmation)) {
      return unknown("binding");
    }
    const require = proven?.require ?? this.#require;
    const unmet = require && unmetByClaims(proved.standing.claims, require, now);
    return unmet === undefined ? proved.standing : { state: "insufficient", unmet };
  }

  /** What ended the token besides time. */
  #endOf(revocable: Revocable): AccessStanding | undefined {
    if (!this.#keys.has(revocable.kid)) return unknown("key");
    const verdict = this.#view?.judge(revocable) ?? "live";
    return verdict === "live" ? undefined : VERDICTS[verdict];
  }

  /** Moves with everything that can end a token. */
  #version(): number {
    return this.#keys.version + (this.#view?.version ?? 0);
  }

  #now(): number {
    return this.#view?.now() ?? this.#time.wall();
  }
}

/**
 * A verifier of one issuer's access tokens. Keys and feed are read at the first use.
 * @throws {ConfigError} listing every problem.
 */
export function createVerifier(options: VerifierOptions): AccessVerifier {
  refuseWrong([...problemsOf(options), ...requireProblems(options.require)]);
  return new AccessVerifier(options);
}

function refuseWrong(problems: readonly ConfigProblem[]): void {
  if (problems.length > 0) throw new ConfigError(problems);
}

function unknown(why: Flaw): AccessStanding {
  return { state: "unknown", why };
}

function provedOf(text: string, claims: AccessClaims, kid: string | undefined): Proved {
  const { cnf } = claims;
  return {
    text,
    standing: { state: "active", claims },
    revocable: {
      issuer: claims.iss,
      jti: claims.jti,
      kid,
      tenant: claims.tenant ?? "default",
      subject: claims.sub,
      session: claims.sid,
      grant: claims.grant,
      client: claims.client_id,
      epoch: claims.sub_epoch ?? 0,
      issuedAt: claims.iat * 1_000,
    },
    expiresAt: claims.exp * 1_000,
    bound: cnf,
    version: -1,
  };
}

/** Every way in which the token is bound, and one that we do not know is not held. */
function holds(bound: Confirmation, proven: Confirmation | undefined): boolean {
  const given = (proven ?? {}) as Readonly<Record<string, string | undefined>>;
  return Object.entries(bound).every(([name, value]) => value === given[name]);
}
