/**
 * Issues access tokens (RFC 9068) over sessions: for one audience each, never living past the
 * session's absolute end (I11), with what the session is worth in them.
 */
import { entropy, hostTime } from "#platform";
import {
  ArgumentError,
  ConfigError,
  SessionEndedError,
  SessionLockedError,
} from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { unknownOptions } from "../../engine/given.ts";
import type { Entropy } from "../../engine/ports.ts";
import { handleOf } from "../../protocol/words.ts";
import { idleExpiresAt, REFRESH_KIND } from "../../engine/record.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { assess } from "../../engine/session.ts";
import { encodeBase64Url } from "../base64url.ts";
import type { JwkSet } from "../keys/jwk.ts";
import type { SigningKeys } from "../keys/signing-keys.ts";
import type { Confirmation } from "./access-claims.ts";
import { claimsFor, templateProblems } from "./templates.ts";
import type { ClaimsTemplate, ClaimsTemplates } from "./templates.ts";

export interface IssuerOptions {
  /** An https address (RFC 8414 section 2), or http on this machine. */
  readonly issuer: string;
  /** Of purpose `"access-token"`. */
  readonly keys: SigningKeys;
  /** One for each audience; for others nothing is issued. */
  readonly templates: ClaimsTemplates;
  /** Default 5 minutes, at most the keys' `tokenLifeMs`. */
  readonly accessTtlMs?: number;
  /** Lives are shortened by up to this part, so that they do not all end at once. Default 0.1. */
  readonly jitter?: number;
  /** Milliseconds since the epoch; default: the wall clock. */
  readonly now?: () => number;
  readonly entropy?: Entropy;
}

export interface IssueRequest {
  /** As the store has it now. */
  readonly session: SessionSummary;
  /** The subject's present epoch, where it was read beside the session. */
  readonly subjectEpoch?: number;
  readonly audience: string;
  readonly clientId: string;
  /** Space-separated, as granted. */
  readonly scope?: string;
  /** The key that whoever presents the token must prove. */
  readonly cnf?: Confirmation;
  /** Handle of the refresh tokens that it is issued by. RFC 7009 section 2.1. */
  readonly grant?: string;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly jti: string;
  readonly kid: string;
}

const ACCESS_TTL_MS = 5 * 60_000;
const JITTER = 0.1;
const JTI_BYTES = 18;
const SECOND_MS = 1_000;
const KNOWN = ["issuer", "keys", "templates", "accessTtlMs", "jitter", "now", "entropy"];

export class AccessIssuer {
  readonly issuer: string;
  readonly #keys: SigningKeys;
  readonly #templates: ReadonlyMap<string, ClaimsTemplate>;
  readonly #ttlMs: number;
  readonly #jitter: number;
  readonly #now: () => number;
  readonly #entropy: Entropy;

  /** Use {@link createIssuer}. */
  constructor(options: IssuerOptions) {
    this.issuer = options.issuer;
    this.#keys = options.keys;
    this.#templates = new Map(Object.entries(options.templates));
    this.#ttlMs = options.accessTtlMs ?? ACCESS_TTL_MS;
    this.#jitter = options.jitter ?? JITTER;
    this.#now = options.now ?? hostTime.wall;
    this.#entropy = options.entropy ?? entropy;
  }

  /**
   * Issue a token for an active session.
   *
   * @throws {SessionEndedError | SessionLockedError} (rejects) unless the session is active.
   * @throws {ArgumentError} (rejects) for an audience without a template, and for values that
   * it may not give.
   * @throws {SojournError} (rejects) `ERR_KEY_UNAVAILABLE`; retryable.
   */
  async issue(request: IssueRequest): Promise<IssuedToken> {
    const { session, audience, clientId, scope, cnf, grant } = request;
    const template = this.#templates.get(audience);
    if (template === undefined) {
      throw new ArgumentError("issue.audience", "there is no template for this audience");
    }
    checkRequest(request);
    const now = this.#now();
    const subject = liveSubject(request, now);
    const jti = encodeBase64Url(this.#entropy.bytes(JTI_BYTES));
    const issuedAt = Math.floor(now / SECOND_MS);
    const exp = this.#expiry(template, session, now);
    const { acr, amr, authTime } = session.assurance;
    const claims = {
      iss: this.issuer,
      sub: subject,
      aud: audience,
      exp,
      iat: issuedAt,
      jti,
      client_id: clientId,
      ...(scope === undefined ? {} : { scope }),
      sid: handleOf(session.id),
      auth_time: Math.floor(authTime / SECOND_MS),
      ...(acr === undefined ? {} : { acr }),
      ...(amr.length === 0 ? {} : { amr }),
      ...(cnf === undefined ? {} : { cnf }),
      // RFC 8693, section 4.1.
      ...(session.actor === undefined ? {} : { act: { sub: session.actor } }),
      ...(session.tenant === "default" ? {} : { tenant: session.tenant }),
      ...(session.epoch === 0 ? {} : { sub_epoch: session.epoch }),
      ...(grant === undefined ? {} : { grant }),
      ...claimsFor(template, session),
    };
    const expiresAt = exp * SECOND_MS;
    const { token, kid } = await this.#keys.sign({ typ: "at+jwt" }, claims, expiresAt);
    const sent = template.encrypt === undefined ? token : await template.encrypt(token);
    return { token: sent, expiresAt, jti, kid };
  }

  /** For `/.well-known/jwks.json`. */
  jwks(): Promise<JwkSet> {
    return this.#keys.jwks();
  }

  /** Whole seconds, rounded down: never past what ends or locks the session by itself. */
  #expiry({ accessTtlMs }: ClaimsTemplate, session: SessionSummary, now: number): number {
    const ttlMs = accessTtlMs ?? this.#ttlMs;
    const [byte0 = 0, byte1 = 0] = this.#entropy.bytes(2);
    const random = (byte0 * 256 + byte1) / 65_536;
    const at = now + ttlMs * (1 - this.#jitter * random);
    const exp = Math.floor(Math.min(at, idleExpiresAt(session)) / SECOND_MS);
    // Less than a second is left: no whole second lies before the end.
    if (exp * SECOND_MS <= now) throw new SessionEndedError(undefined);
    return exp;
  }
}

/** @throws {ConfigError} listing every problem. */
export function createIssuer(options: IssuerOptions): AccessIssuer {
  const problems = problemsOf(options);
  if (problems.length > 0) throw new ConfigError(problems);
  return new AccessIssuer(options);
}

function problemsOf(options: IssuerOptions): ConfigProblem[] {
  const problems = unknownOptions(options, KNOWN);
  if (!isIssuer(options.issuer)) {
    const message = "takes an https address without query and fragment (http on this machine only)";
    problems.push({ path: "issuer", message });
  }
  const purpose: unknown = (options.keys as SigningKeys | undefined)?.purpose;
  if (purpose !== "access-token") {
    const message = "takes createSigningKeys of the purpose access-token: one purpose per key";
    problems.push({ path: "keys", message });
  }
  problems.push(...templateProblems(options.templates));
  problems.push(...lifeProblems(options));
  const { jitter = JITTER } = options;
  if (!(jitter >= 0 && jitter <= 0.5)) {
    problems.push({ path: "jitter", message: "takes a number from 0 to 0.5" });
  }
  return problems;
}

function lifeProblems({ accessTtlMs, templates, keys }: IssuerOptions): ConfigProblem[] {
  const max = (keys as SigningKeys | undefined)?.tokenLifeMs ?? 0;
  const lives: [string, number][] = [["accessTtlMs", accessTtlMs ?? Math.min(ACCESS_TTL_MS, max)]];
  for (const [audience, template] of Object.entries(templates ?? {})) {
    const path = `templates[${JSON.stringify(audience)}].accessTtlMs`;
    if (template.accessTtlMs !== undefined) lives.push([path, template.accessTtlMs]);
  }
  return lives
    .filter(([, ms]) => !Number.isInteger(ms) || ms < SECOND_MS || ms > max)
    .map(([path]) => ({
      path,
      message: `takes 1000 to ${max}, the keys' tokenLifeMs: a key verifies for so long after it signs`,
    }));
}

function isIssuer(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value) || /[?#]/.test(value)) return false;
  const { protocol, hostname } = new URL(value);
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || (protocol === "http:" && local);
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

function checkRequest({ clientId, scope, cnf }: IssueRequest): void {
  if (typeof clientId !== "string" || clientId === "") {
    throw new ArgumentError("issue.clientId", "takes the client's id");
  }
  if (scope !== undefined && !SCOPE.test(scope)) {
    throw new ArgumentError("issue.scope", "takes scope tokens with one space between (RFC 6749)");
  }
  if (cnf === undefined) return;
  const names = Object.keys(cnf);
  const known = names.every((name) => name === "jkt" || name === "x5t#S256");
  if (!known || names.length === 0 || !Object.values(cnf).every((text) => THUMBPRINT.test(text))) {
    throw new ArgumentError("issue.cnf", "takes jkt or x5t#S256, a SHA-256 thumbprint each");
  }
}

/** Whom the token is about: an active session's subject, and nobody else's. */
function liveSubject({ session, subjectEpoch = session.epoch }: IssueRequest, now: number): string {
  const judgement = assess(session, subjectEpoch, now);
  if (judgement.state === "ended") throw new SessionEndedError(judgement.end.reason);
  if (judgement.state === "locked") throw new SessionLockedError(judgement.factors);
  if (judgement.state === "pending") throw new SessionLockedError(1);
  // Its end follows the session's at its next use, which is too late for what lives by itself.
  if (session.kind === REFRESH_KIND) {
    throw new ArgumentError("issue.session", "is a refresh token's; take the session above it");
  }
  if (session.subject === null) {
    throw new ArgumentError("issue.session", "is anonymous: a token is about somebody");
  }
  return session.subject;
}
