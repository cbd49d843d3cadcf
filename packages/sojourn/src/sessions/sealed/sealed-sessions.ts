/**
 * Sealed sessions: a copy of a small session, its data included, in encrypted cookies, for places
 * that have no store at hand. It is read without asking anybody, and a logout ends it all the same:
 * recent revocations are known here (I3). Only the store's session is ever written to, so that no
 * update is lost and no deadline moves; the copy is made anew from it every few minutes.
 */
import { digest, entropy, hostTime } from "#platform";
import type { DataSnapshot } from "../../engine/data.ts";
import type { Entropy, HostTime, MaybePromise } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { assess } from "../../engine/session.ts";
import type { EndReason } from "../../protocol/words.ts";
import { handleOf } from "../../protocol/words.ts";
import type { Verdict } from "../../tokens/jwt/revocation-set.ts";
import { RevocationView } from "../../tokens/jwt/revocation-view.ts";
import { createKeyRing } from "../../tokens/key-ring.ts";
import { chain } from "../../tokens/maybe-promise.ts";
import { Envelope } from "../../tokens/sealed/envelope.ts";
import { decodePayload, describeSessionToken } from "../../tokens/sealed/payload.ts";
import { encodePayload } from "../../tokens/sealed/payload.ts";
import type { SealedFacts, SealedPayload } from "../../tokens/sealed/payload.ts";
import { readSecrets } from "../../tokens/secrets.ts";
import { sessionTokens } from "../../tokens/session-token.ts";
import type { SessionTokens } from "../../tokens/session-token.ts";
import { parseToken } from "../../tokens/token-format.ts";
import type { AuthorityAnswer, SealedAuthority } from "./authority.ts";
import { SealedCookies } from "./cookies.ts";
import type { SealedFlaw } from "./cookies.ts";
import { checkOptions } from "./options.ts";
import type { SealedSessionsOptions } from "./options.ts";

/** How a request is read. */
export interface SealedContext {
  /** The request is a person's act. Default true; polls and prefetches say false. */
  readonly activity?: boolean;
  /** The answer to the request can set cookies. Default true. */
  readonly canSetCookies?: boolean;
  /** Text that describes the client (user agent, …), for the authority. */
  readonly fingerprint?: string | undefined;
}

/**
 * `why` is for logs. To the outside `ended` and `unknown` are one answer, a request without a
 * session; `pending` and `locked` are for who can ask for a factor; `unavailable` is 503.
 */
export type SealedStanding =
  | {
      readonly state: "active";
      readonly session: SessionSummary;
      readonly data: DataSnapshot;
      /** `Set-Cookie` values for the answer; mostly none. */
      readonly setCookies: readonly string[];
    }
  | { readonly state: "pending" | "locked"; readonly setCookies: readonly string[] }
  | { readonly state: "ended"; readonly reason: EndReason }
  | { readonly state: "unknown"; readonly why: SealedFlaw | "authority" }
  | { readonly state: "unavailable"; readonly why: "feed" | "authority" };

/** What a live session is worth. */
type LiveStanding = Extract<SealedStanding, { readonly setCookies: readonly string[] }>;

export interface SealRequest extends SealedFacts {
  /** The request's `Cookie` header: chunks that are no longer needed are deleted. */
  readonly cookieHeader?: string | null;
}

/** The issuer of sealed generations, as entries of the feed name it. */
const SEALED_ISSUER = "sojourn:sealed";
/** By how much the clock of whoever sealed may be ahead, and the feed late in telling. */
const LEEWAY_MS = 60_000;
const RENEWALS_PER_IDLE = 4;
const RENEW_EVERY_MS = 5 * 60_000;
const CHUNKS = 2;
const NONE: readonly string[] = Object.freeze([]);

const NO_FEED: SealedStanding = Object.freeze({ state: "unavailable", why: "feed" });
const FORGED: SealedStanding = Object.freeze({ state: "unknown", why: "token" });
const NO_AUTHORITY: SealedStanding = Object.freeze({ state: "unavailable", why: "authority" });

interface Request {
  readonly header: string | null | undefined;
  readonly activity: boolean;
  readonly canSetCookies: boolean;
  readonly client: { readonly fingerprint?: string };
}

interface Tools {
  readonly envelope: Envelope;
  readonly tokens: SessionTokens;
}

type AnyVerdict = Verdict | "tenant";

export class SealedSessions {
  /** Sentences for the log at start; empty when there is nothing to warn of. */
  readonly warnings: readonly string[];
  readonly #options: SealedSessionsOptions;
  readonly #tenant: string;
  readonly #cookies: SealedCookies;
  readonly #view: RevocationView;
  readonly #authority: SealedAuthority;
  readonly #time: HostTime;
  /** For so long the feed tells of what ended; known with the first page. */
  #keepMs = 0;
  #made: Tools | undefined;

  /** Use {@link createSealedSessions}. */
  constructor(options: SealedSessionsOptions) {
    this.#cookies = new SealedCookies(checkOptions(options), options.chunksMax ?? CHUNKS);
    this.warnings = this.#cookies.warnings;
    // Copies: keys are made at the first use, since some runtimes allow nothing random before.
    this.#options = { ...options, secrets: readSecrets(options.secrets) };
    this.#tenant = options.tenant ?? "default";
    this.#authority = options.authority;
    this.#time = options.time ?? hostTime;
    const { boundMs = 5_000, revocationsMax: entriesMax = 1_000_000, feed, onError } = options;
    const noting = {
      read: async (since?: string) => {
        const page = await feed.read(since);
        this.#keepMs = page.keepMs;
        return page;
      },
    };
    this.#view = new RevocationView({
      feed: noting,
      boundMs,
      entriesMax,
      time: this.#time,
      onError,
    });
  }

  /**
   * `Set-Cookie` values with the session sealed, or with its token alone where it is too large.
   *
   * @throws {ArgumentError} for a token of another session, or a session of another tenant.
   */
  seal(request: SealRequest): MaybePromise<readonly string[]> {
    return this.#seal(request, this.#view.now(), request.cookieHeader);
  }

  /** `Set-Cookie` values for the answer to a logout, and for nothing else. */
  clear(cookieHeader?: string | null): readonly string[] {
    return this.#cookies.clear(cookieHeader);
  }

  /**
   * What a request's cookies are worth now. Synchronous on Node and without I/O while the view of
   * revocations is younger than the bound and nothing is due. 12 µs.
   */
  read(
    cookieHeader: string | null | undefined,
    { activity = true, canSetCookies = true, fingerprint }: SealedContext = {},
  ): MaybePromise<SealedStanding> {
    const found = this.#cookies.read(cookieHeader);
    if (typeof found === "string") return { state: "unknown", why: found };
    const client = fingerprint === undefined ? {} : { fingerprint };
    const request: Request = { header: cookieHeader, activity, canSetCookies, client };
    if ("token" in found) return this.#readToken(found.token, request);
    return chain(this.#tools(), ({ envelope }) =>
      chain(envelope.open(found.chunks), (bytes) => {
        const payload = bytes === undefined ? undefined : decodePayload(bytes, this.#tenant);
        if (payload === undefined) return { state: "unknown", why: "sealed" } as const;
        return this.#withFeed(() => this.#judge(payload, request));
      }),
    );
  }

  /** Nobody is asked about a token that we never made. */
  #readToken(text: string, request: Request): MaybePromise<SealedStanding> {
    const { type = "session" } = describeSessionToken(text) ?? {};
    const token = parseToken(text, type);
    if (token === undefined) return FORGED;
    return chain(this.#tools(), ({ tokens }) =>
      chain(tokens.verify(token, this.#tenant), (genuine) =>
        genuine ? this.#withFeed(() => this.#ask(text, request)) : FORGED,
      ),
    );
  }

  /** Nothing is answered before revocations are known (I3): the feed tells the time, too. */
  #withFeed(judge: () => MaybePromise<SealedStanding>): MaybePromise<SealedStanding> {
    if (this.#view.usable()) return judge();
    return this.#view.becomesUsable().then((usable) => (usable ? judge() : NO_FEED));
  }

  #judge(payload: SealedPayload, request: Request): MaybePromise<SealedStanding> {
    const now = this.#view.now();
    const { session, data, sealedAt } = payload;
    const judgement = assess(session, 0, now);
    if (judgement.state === "ended") return { state: "ended", reason: judgement.end.reason };
    const verdict = this.#verdict(payload);
    const age = now - sealedAt;
    const told = age < this.#keepMs - LEEWAY_MS && age >= -LEEWAY_MS;
    const alone: SealedStanding | undefined =
      verdict !== "live" || !told ? undefined : standingOf(judgement.state, session, data);
    if (alone !== undefined && age < this.#renewEveryMs(session)) return alone;
    return this.#ask(payload.token, request, alone ?? overOr(verdict, NO_AUTHORITY));
  }

  /** @param otherwise What holds when nobody answers. */
  async #ask(
    token: string,
    request: Request,
    otherwise: SealedStanding = NO_AUTHORITY,
  ): Promise<SealedStanding> {
    const { activity, canSetCookies: canSetToken, client } = request;
    // What ends while we ask is newer than this, and so is found by the filter.
    const askedAt = this.#view.now();
    let answer: AuthorityAnswer;
    try {
      const question = { token, tenant: this.#tenant, activity, canSetToken, ...client };
      answer = await this.#authority.check(question);
    } catch (error) {
      this.#options.onError?.(error);
      return otherwise;
    }
    if (answer.state === "unknown") return { state: "unknown", why: "authority" };
    if (answer.state === "ended") return answer;
    return this.#renewed(answer, request, askedAt);
  }

  /** An authority that lags brings nothing back (I2): its answer goes through the filter, too. */
  async #renewed(
    facts: SealedFacts,
    { header, canSetCookies }: Request,
    askedAt: number,
  ): Promise<SealedStanding> {
    const { session, data } = facts;
    const judgement = assess(session, 0, this.#view.now());
    if (judgement.state === "ended") return { state: "ended", reason: judgement.end.reason };
    const verdict = this.#verdict({ ...facts, sealedAt: askedAt, generation: -1 });
    if (verdict === "tenant") return NO_FEED;
    const over = overOr(verdict, undefined);
    if (over !== undefined) return over;
    const setCookies = canSetCookies ? await this.#seal(facts, askedAt, header) : NONE;
    return { ...standingOf(judgement.state, session, data), setCookies };
  }

  #verdict({ session, generation, sealedAt }: Omit<SealedPayload, "data" | "token">): AnyVerdict {
    const handle = handleOf(session.id);
    return this.#view.judge({
      ...sealedGeneration(handle, generation),
      kid: undefined,
      tenant: session.tenant,
      subject: session.subject ?? "",
      session: handle,
      epoch: session.epoch,
      issuedAt: sealedAt,
    });
  }

  #renewEveryMs({ idleMs }: SessionSummary): number {
    return Math.min(this.#options.renewEveryMs ?? RENEW_EVERY_MS, idleMs / RENEWALS_PER_IDLE);
  }

  #seal(
    facts: SealedFacts,
    sealedAt: number,
    header: string | null | undefined,
  ): MaybePromise<readonly string[]> {
    const plain = encodePayload(facts, sealedAt, this.#tenant);
    const { remember, absoluteExpiresAt } = facts.session;
    const keepMs = remember === true ? absoluteExpiresAt - sealedAt : undefined;
    return chain(this.#tools(), ({ envelope }) =>
      chain(envelope.seal(plain, this.#cookies.chunksMax, sealedAt), (chunks) =>
        this.#cookies.write(chunks ?? [facts.token], header, keepMs),
      ),
    );
  }

  #tools(): MaybePromise<Tools> {
    return this.#made ?? this.#make();
  }

  /** Made by each who comes before the first is done: no promise is shared between requests. */
  async #make(): Promise<Tools> {
    const { secrets } = this.#options;
    const ring = await createKeyRing({ secrets, digest });
    const random: Entropy = this.#options.entropy ?? entropy;
    const { name } = this.#cookies;
    const envelope = new Envelope({ ring, entropy: random, tenant: this.#tenant, name });
    this.#made ??= { envelope, tokens: sessionTokens({ ring, entropy: random }) };
    return this.#made;
  }
}

/**
 * How the feed names one generation of a session's sealed copies, for `revokeToken` of the log:
 * whoever presents one is taken to the authority, so that a change of roles counts at once.
 */
export function sealedGeneration(
  handle: string,
  generation: number,
): { readonly issuer: string; readonly jti: string } {
  return { issuer: SEALED_ISSUER, jti: `${handle}.${generation}` };
}

/**
 * Sealed sessions of one tenant. Keys and feed are read at the first use.
 * @throws {ConfigError} listing every problem.
 */
export function createSealedSessions(options: SealedSessionsOptions): SealedSessions {
  return new SealedSessions(options);
}

function standingOf(
  state: "active" | "pending" | "locked",
  session: SessionSummary,
  data: DataSnapshot,
): LiveStanding {
  if (state !== "active") return { state, setCookies: NONE };
  return { state, session, data, setCookies: NONE };
}

/** The end that is certain whoever is asked; anything else a hit means is for the authority. */
function overOr<T>(verdict: AnyVerdict, otherwise: T): SealedStanding | T {
  if (verdict === "session") return { state: "ended", reason: "revoked" };
  return verdict === "subject" ? { state: "ended", reason: "subject_revoked" } : otherwise;
}
