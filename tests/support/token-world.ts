/** An issuer of access tokens with its keys, feed and verifiers, and time by hand. */
import type { HostTime, SessionSummary } from "sojourn";
import { createIssuer, createSigningKeys, createVerifier, environmentKeys } from "sojourn/tokens";
import { rotateKeys } from "sojourn/tokens";
import type {
  AccessIssuer,
  AccessVerifier,
  ClaimsTemplates,
  IssueRequest,
  RevocationEntry,
  RevocationFeed,
  RevocationPage,
  SigningAlgorithm,
  SigningKeys,
  VerifierOptions,
} from "sojourn/tokens";

export const START: number = Date.UTC(2026, 10, 21);
export const ISSUER = "https://auth.example";
export const AUDIENCE = "https://api.example";
const MINUTE_MS = 60_000;

/** Both clocks of a machine, moved together or apart. */
export class HandTime implements HostTime {
  offsetMs = 0;
  #passedMs = 0;

  readonly wall = (): number => START + this.#passedMs + this.offsetMs;
  readonly monotonic = (): number => this.#passedMs;

  pass(ms: number): void {
    this.#passedMs += ms;
  }
}

/** A feed as a service has it: everything that happened, handed out from a position on. */
export class HandFeed implements RevocationFeed {
  readonly entries: RevocationEntry[] = [];
  readonly #time: HostTime;
  /** Rejects while set. */
  trouble: Error | undefined;
  ageMs = 0;
  keepMs: number = 20 * MINUTE_MS;
  reads = 0;
  /** Positions before it are not known any more. */
  floor = 0;

  constructor(time: HostTime) {
    this.#time = time;
  }

  add(...entries: readonly RevocationEntry[]): void {
    this.entries.push(...entries);
  }

  read(since?: string): Promise<RevocationPage> {
    this.reads += 1;
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    const from = since === undefined ? 0 : Number(since);
    return Promise.resolve({
      position: String(this.entries.length),
      entries: since !== undefined && from < this.floor ? [] : this.entries.slice(from),
      complete: since === undefined || from >= this.floor,
      at: this.#time.wall(),
      ageMs: this.ageMs,
      keepMs: this.keepMs,
    });
  }
}

/** A stored session of alice. */
export function sessionOf(changes: Partial<SessionSummary> = {}): SessionSummary {
  return {
    id: "A".repeat(24),
    tenant: "default",
    subject: "alice",
    kind: "user",
    version: 1,
    state: "active",
    epoch: 0,
    createdAt: START,
    authenticatedAt: START,
    seenAt: START,
    idleMs: 60 * MINUTE_MS,
    idleLockFactors: 0,
    absoluteExpiresAt: START + 600 * MINUTE_MS,
    assurance: { acr: "aal1", amr: ["pwd"], authTime: START, factors: [] },
    ...changes,
  };
}

export interface TokenWorld {
  readonly time: HandTime;
  readonly feed: HandFeed;
  readonly keys: SigningKeys;
  readonly issuer: AccessIssuer;
  readonly verifier: AccessVerifier;
  /** The key document that the keys were read from: JWKs with their private parts. */
  readonly document: string;
  readonly errors: unknown[];
  issue(request?: Partial<IssueRequest>): Promise<string>;
  verifierWith(options: Partial<VerifierOptions>): AccessVerifier;
}

export interface TokenWorldOptions {
  readonly alg?: SigningAlgorithm;
  readonly templates?: ClaimsTemplates;
  readonly accessTtlMs?: number;
  readonly verifier?: Partial<VerifierOptions>;
}

export async function tokenWorld(options: TokenWorldOptions = {}): Promise<TokenWorld> {
  const time = new HandTime();
  const feed = new HandFeed(time);
  const { document } = await rotateKeys({
    purpose: "access-token",
    alg: options.alg ?? "ES256",
    now: START,
    leadMs: 0,
    overlapMs: 0,
  });
  const provider = await environmentKeys({ keys: [document] });
  const keys = createSigningKeys({ provider, now: time.wall });
  const issuer = createIssuer({
    issuer: ISSUER,
    keys,
    templates: options.templates ?? { [AUDIENCE]: {} },
    now: time.wall,
    ...(options.accessTtlMs === undefined ? {} : { accessTtlMs: options.accessTtlMs }),
  });
  const errors: unknown[] = [];
  const verifierWith = (more: Partial<VerifierOptions>): AccessVerifier =>
    createVerifier({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { read: () => issuer.jwks() },
      algorithms: [options.alg ?? "ES256"],
      feed,
      time,
      onError: (error) => errors.push(error),
      ...options.verifier,
      ...more,
    });
  return {
    time,
    feed,
    keys,
    issuer,
    verifier: verifierWith({}),
    document,
    errors,
    async issue(request = {}) {
      const wanted = { session: sessionOf(), audience: AUDIENCE, clientId: "app", ...request };
      return (await issuer.issue(wanted)).token;
    },
    verifierWith,
  };
}

/** The private key of a world's first key, for tokens that its issuer would never make. */
export async function privateKeyOf(
  world: TokenWorld,
): Promise<{ key: CryptoKey; kid: string; alg: string; jwk: Record<string, string> }> {
  const [jwk] = (JSON.parse(world.document) as { keys: Record<string, string>[] }).keys;
  if (jwk === undefined) throw new Error("a world has a key");
  const { importJWK } = await import("jose");
  const { kty, crv, x, y, d, alg = "", kid = "" } = jwk;
  const members = Object.fromEntries(
    Object.entries({ kty, crv, x, y, d }).filter(([, value]) => value !== undefined),
  );
  const key = (await importJWK(members as { kty: string }, alg)) as CryptoKey;
  return { key, kid, alg, jwk };
}

/** Claims of a good token, in seconds. */
export function goodClaims(time: HostTime): Record<string, unknown> {
  const now = Math.floor(time.wall() / 1_000);
  return {
    iss: ISSUER,
    sub: "alice",
    aud: AUDIENCE,
    exp: now + 300,
    iat: now,
    jti: "jti-1",
    client_id: "app",
    sid: `ses_${"A".repeat(24)}`,
  };
}
