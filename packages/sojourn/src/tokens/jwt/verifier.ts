/**
 * Verifies access tokens of one issuer, on Node and at the edge: strict reader, signature by
 * `jose`, claims, revocations. A token that was proved before costs a look-up and is as revocable
 * as a new one. Three answers (I7): good, not good, and "cannot tell now".
 */
import { hostTime } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import { deepFreeze } from "../../engine/freeze.ts";
import type { HostTime, MaybePromise } from "../../engine/ports.ts";
import type { SigningAlgorithm } from "../keys/algorithms.ts";
import { readAccessClaims } from "./access-claims.ts";
import type { AccessClaims, Confirmation, Expected } from "./access-claims.ts";
import type { CompactRules, Flaw } from "./compact.ts";
import { Memo } from "./memo.ts";
import { proveCompact } from "./prove.ts";
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

/** `all`: issued before the feed knows everything; a fresh token is good. */
export type EndWhy = "expired" | "session" | "subject" | "token" | "all";

/**
 * `why` is for logs. To the outside `ended` and `unknown` are one answer, 401 with
 * `error="invalid_token"`, `locked` asks for a step-up, and `unavailable` is 503.
 */
export type AccessStanding =
  | { readonly state: "active"; readonly claims: AccessClaims }
  | { readonly state: "locked" }
  | { readonly state: "ended"; readonly why: EndWhy }
  | { readonly state: "unknown"; readonly why: Flaw }
  | { readonly state: "unavailable"; readonly why: "feed" | "keys" };

/** What the caller has proved besides, e.g. by a DPoP proof. */
export interface Proven {
  readonly confirmation?: Confirmation;
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
};

export class AccessVerifier {
  readonly #expected: Expected;
  readonly #rules: CompactRules;
  readonly #time: HostTime;
  readonly #keys: VerifyKeys;
  readonly #view: RevocationView | undefined;
  readonly #memo: Memo<Proved> | undefined;

  /** Use {@link createVerifier}. */
  constructor(options: VerifierOptions) {
    const { issuer, audience, tenant, jwks, feed, onError, remembered = 10_000 } = options;
    const time = options.time ?? hostTime;
    const { algorithms = ["ES256"], leewayMs = 30_000 } = options;
    this.#expected = { issuer, audience, tenant, leewayMs };
    this.#rules = { kind: "at+jwt", algorithms, heads: new Map() };
    this.#time = time;
    this.#memo = remembered === 0 ? undefined : new Memo(remembered);
    this.#keys = new VerifyKeys({
      source: "read" in jwks ? jwks : { read: () => Promise.resolve(jwks) },
      purpose: "access-token",
      algorithms,
      time,
      onError,
    });
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
   */
  verify(token: string, proven?: Proven): MaybePromise<AccessStanding> {
    const known = this.#memo?.get(token);
    if (known === undefined) return this.#verifyAnew(token, proven);
    const usable = this.#view?.usable() ?? true;
    return usable ? this.#judge(known, proven, this.#now()) : this.#verifyLater(known, proven);
  }

  async #verifyAnew(token: string, proven: Proven | undefined): Promise<AccessStanding> {
    const read = await proveCompact(token, this.#rules, this.#keys);
    if (read === "unavailable") return NO_KEYS;
    if (typeof read === "string") return unknown(read);
    // The feed tells the time, too: no claim is judged before.
    const view = this.#view;
    if (view !== undefined && !view.usable() && !(await view.becomesUsable())) return NO_FEED;
    const now = this.#now();
    const claims = readAccessClaims(read.payload, this.#expected, now);
    if (typeof claims === "string") return unknown(claims);
    const proved = provedOf(token, claims, read.keyId);
    const standing = this.#judge(proved, proven, now);
    if (standing.state === "active") this.#memo?.set(proved);
    return standing;
  }

  async #verifyLater(known: Proved, proven: Proven | undefined): Promise<AccessStanding> {
    const usable = await this.#view?.becomesUsable();
    return usable === false ? NO_FEED : this.#judge(known, proven, this.#now());
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
    return proved.standing;
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
  const problems = problemsOf(options);
  if (problems.length > 0) throw new ConfigError(problems);
  return new AccessVerifier(options);
}

function unknown(why: Flaw): AccessStanding {
  return { state: "unknown", why };
}

function provedOf(text: string, claims: AccessClaims, kid: string | undefined): Proved {
  const { cnf } = claims;
  return {
    text,
    standing: Object.freeze({ state: "active", claims: frozen(claims) }),
    revocable: {
      issuer: claims.iss,
      jti: claims.jti,
      kid,
      tenant: claims.tenant ?? "default",
      subject: claims.sub,
      session: claims.sid,
      grant: claims.grant,
      epoch: claims.sub_epoch ?? 0,
      issuedAt: claims.iat * 1_000,
    },
    expiresAt: claims.exp * 1_000,
    bound: cnf,
    version: -1,
  };
}

/** As `deepFreeze`, and quicker for what is nearly flat. */
function frozen(claims: AccessClaims): AccessClaims {
  for (const name in claims) {
    const value = claims[name];
    if (typeof value === "object" && value !== null) deepFreeze(value);
  }
  return Object.freeze(claims);
}

/** Every way in which the token is bound, and one that we do not know is not held. */
function holds(bound: Confirmation, proven: Confirmation | undefined): boolean {
  const given = (proven ?? {}) as Readonly<Record<string, string | undefined>>;
  return Object.entries(bound).every(([name, value]) => value === given[name]);
}
