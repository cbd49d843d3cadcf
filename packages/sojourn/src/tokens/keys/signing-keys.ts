/**
 * The signing keys of one purpose: which one signs now, which verify, what a compromise costs.
 * A new key is published before it signs and an old one verifies until the longest token life has
 * passed, so that a rotation fails no verification.
 */
import { hostTime } from "#platform";
import { ConfigError, SojournError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { encodeBase64Url } from "../base64url.ts";
import { judgeKeys } from "./key-states.ts";
import type { KeyStanding, KeyState } from "./key-states.ts";
import type { JwkSet } from "./jwk.ts";
import { SIGNING_PURPOSES } from "./provider.ts";
import type { KeyProvider, SigningKey, SigningPurpose } from "./provider.ts";

export interface SigningKeysOptions {
  readonly provider: KeyProvider;
  /** Default `"access-token"`. Keys of other purposes are not touched. */
  readonly purpose?: SigningPurpose;
  /** The longest life of anything that is signed; default 15 minutes, at most 24 hours. */
  readonly tokenLifeMs?: number;
  /** Milliseconds since the epoch; default: the wall clock. */
  readonly now?: () => number;
}

/** One key as an inventory shows it. ASVS 5.0 11.1.2. */
export interface SigningKeyFacts {
  readonly kid: string;
  readonly purpose: SigningPurpose;
  readonly algorithm: string;
  readonly provider: string;
  readonly state: KeyState;
  readonly createdAt: number;
  readonly activatesAt: number;
  /** When it signs no more; absent while no later key and no date ends it. */
  readonly retiresAt?: number;
  readonly revokedAt?: number;
}

/** What a compromised key can have reached. */
export interface BlastRadius {
  readonly kid: string;
  readonly purpose: SigningPurpose;
  readonly algorithm: string;
  readonly revokedAt: number;
  /** Tokens under it were issued between these instants. */
  readonly issuedFrom: number;
  readonly issuedUntil: number;
  /** By when every one of them has expired, revoked or not. */
  readonly expiredBy: number;
  /** What this process counted; others have counts of their own. */
  readonly counted: { readonly tokens: number; readonly latestExpiresAt: number | undefined };
  /** Which key signs now; absent: none, and issuing fails until there is one. */
  readonly successor?: string;
  /** False when the provider cannot remember it: take the key out of its list. */
  readonly kept: boolean;
}

export interface SignedToken {
  readonly token: string;
  readonly kid: string;
}

/** How far clocks of verifiers may be off, which lengthens every life. */
const LEEWAY_MS = 60_000;
const TOKEN_LIFE_MS = 15 * 60_000;
const TOKEN_LIFE_MS_MAX = 24 * 3_600_000;

interface Count {
  tokens: number;
  latestExpiresAt: number | undefined;
}

export class SigningKeys {
  readonly purpose: SigningPurpose;
  readonly tokenLifeMs: number;
  readonly #provider: KeyProvider;
  readonly #now: () => number;
  readonly #counts: Map<string, Count> = new Map();
  /** Revoked through this object: holds whatever the provider remembers. */
  readonly #revoked: Map<string, number> = new Map();

  /** @throws {ConfigError} for options out of range. */
  constructor(options: SigningKeysOptions) {
    const problems = problemsOf(options);
    if (problems.length > 0) throw new ConfigError(problems);
    this.purpose = options.purpose ?? "access-token";
    this.tokenLifeMs = options.tokenLifeMs ?? TOKEN_LIFE_MS;
    this.#provider = options.provider;
    this.#now = options.now ?? hostTime.wall;
  }

  /**
   * Sign a compact JWS (RFC 7515). The header gets `alg` and `kid`.
   *
   * @param expiresAt When it expires: counted, for {@link SigningKeys.revoke}.
   * @throws {SojournError} `ERR_KEY_UNAVAILABLE` when no key may sign now; retryable.
   */
  async sign(header: object, payload: object, expiresAt: number): Promise<SignedToken> {
    const standings = await this.#standings(this.#now());
    const key = standings.find((one) => one.state === "signing")?.key;
    if (key === undefined) {
      throw new SojournError("ERR_KEY_UNAVAILABLE", `no ${this.purpose} key may sign now`, {
        retryable: true,
      });
    }
    const { kid, alg } = key;
    const head = encodeJson({ ...header, alg, kid });
    const input = `${head}.${encodeJson(payload)}`;
    const signature = await this.#provider.sign(kid, alg, new TextEncoder().encode(input));
    this.#count(kid, expiresAt);
    return { token: `${input}.${encodeBase64Url(signature)}`, kid };
  }

  /** What verifiers may take: everything but retired and revoked keys. */
  async jwks(): Promise<JwkSet> {
    const standings = await this.#standings(this.#now());
    const taken = standings.filter(({ state }) => state !== "retired" && state !== "revoked");
    return { keys: taken.map(({ key }) => ({ ...key.publicJwk, purpose: this.purpose })) };
  }

  async inventory(): Promise<readonly SigningKeyFacts[]> {
    const standings = await this.#standings(this.#now());
    return standings.map(({ key, state, signsUntil }) => ({
      kid: key.kid,
      purpose: key.purpose,
      algorithm: key.alg,
      provider: this.#provider.name,
      state,
      createdAt: key.createdAt,
      activatesAt: key.activatesAt,
      ...(signsUntil === undefined ? {} : { retiresAt: signsUntil }),
      ...(key.revokedAt === undefined ? {} : { revokedAt: key.revokedAt }),
    }));
  }

  /** Kids whose tokens are worth nothing any more, and since when. */
  async revoked(): Promise<readonly { readonly kid: string; readonly at: number }[]> {
    const standings = await this.#standings(this.#now());
    return standings.flatMap(({ key: { kid, revokedAt } }) =>
      revokedAt === undefined ? [] : [{ kid, at: revokedAt }],
    );
  }

  /**
   * Emergency: nothing signed with this key is good any more, from now on and for ever. Verifiers
   * hear of it by the revocation feed, and by the JWKS when they read it next. Idempotent.
   *
   * @returns What it costs; `undefined` when there is no such key of this purpose.
   */
  async revoke(kid: string): Promise<BlastRadius | undefined> {
    const now = this.#now();
    const before = await this.#standings(now);
    const found = before.find(({ key }) => key.kid === kid);
    if (found === undefined) return undefined;
    const revokedAt = found.key.revokedAt ?? now;
    this.#revoked.set(kid, revokedAt);
    await this.#provider.revoke?.(kid, revokedAt);
    const after = await this.#standings(now);
    const successor = after.find(({ state }) => state === "signing")?.key.kid;
    return {
      kid,
      purpose: this.purpose,
      algorithm: found.key.alg,
      revokedAt,
      ...this.#reach(found, revokedAt),
      counted: { ...this.#countOf(kid) },
      ...(successor === undefined ? {} : { successor }),
      kept: this.#provider.revoke !== undefined,
    };
  }

  #reach(
    { key, signsUntil }: KeyStanding,
    revokedAt: number,
  ): Pick<BlastRadius, "issuedFrom" | "issuedUntil" | "expiredBy"> {
    const issuedUntil = Math.min(revokedAt, signsUntil ?? Infinity);
    // Where the key before it ended early, it has signed since then.
    const issuedFrom = Math.min(key.createdAt, key.activatesAt, issuedUntil);
    return { issuedFrom, issuedUntil, expiredBy: issuedUntil + this.tokenLifeMs };
  }

  async #standings(now: number): Promise<readonly KeyStanding[]> {
    const listed = await this.#provider.list();
    const own = listed
      .filter((key) => key.purpose === this.purpose)
      .map((key) => this.#marked(key));
    return judgeKeys(own, this.tokenLifeMs + LEEWAY_MS, now);
  }

  #marked(key: SigningKey): SigningKey {
    const revokedAt = this.#revoked.get(key.kid);
    return revokedAt === undefined ? key : { ...key, revokedAt: key.revokedAt ?? revokedAt };
  }

  #countOf(kid: string): Count {
    return this.#counts.get(kid) ?? { tokens: 0, latestExpiresAt: undefined };
  }

  #count(kid: string, expiresAt: number): void {
    const count = this.#countOf(kid);
    count.tokens += 1;
    count.latestExpiresAt = Math.max(count.latestExpiresAt ?? 0, expiresAt);
    this.#counts.set(kid, count);
  }
}

/** @throws {ConfigError} for options out of range. */
export function createSigningKeys(options: SigningKeysOptions): SigningKeys {
  return new SigningKeys(options);
}

function problemsOf({ provider, purpose, tokenLifeMs }: SigningKeysOptions): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (typeof (provider as Partial<KeyProvider> | undefined)?.list !== "function") {
    const message = "is no key provider; see environmentKeys, fileKeys and kmsKeys";
    problems.push({ path: "provider", message });
  }
  if (purpose !== undefined && !SIGNING_PURPOSES.includes(purpose)) {
    problems.push({ path: "purpose", message: `is none of ${SIGNING_PURPOSES.join(", ")}` });
  }
  const life = tokenLifeMs ?? TOKEN_LIFE_MS;
  if (!Number.isInteger(life) || life < 1_000 || life > TOKEN_LIFE_MS_MAX) {
    problems.push({ path: "tokenLifeMs", message: `takes 1000 to ${TOKEN_LIFE_MS_MAX}` });
  }
  return problems;
}

function encodeJson(value: object): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));
}
