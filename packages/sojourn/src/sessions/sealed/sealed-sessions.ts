/**
 * Sealed sessions: a copy of a small session, its data included, in encrypted cookies, for places
 * that have no store at hand. It is read without asking anybody, and a logout ends it all the same:
 * recent revocations are known here (I3). Only the store's session is ever written to, so that no
 * update is lost and no deadline moves; the copy is made anew from it every few minutes.
 */
import { hostTime } from "#platform";
import type { DataSnapshot } from "../../engine/data.ts";
import { ArgumentError, SojournError } from "../../engine/errors.ts";
import type { ErrorCode } from "../../engine/errors.ts";
import type { HostTime, MaybePromise } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { assess } from "../../engine/session.ts";
import { readCookie } from "../../http/cookie.ts";
import type { EndReason } from "../../protocol/words.ts";
import { handleOf } from "../../protocol/words.ts";
import type { Verdict } from "../../tokens/jwt/revocation-set.ts";
import { RevocationView } from "../../tokens/jwt/revocation-view.ts";
import { chain } from "../../tokens/maybe-promise.ts";
import type { SealedFacts, SealedPayload } from "../../tokens/sealed/payload.ts";
import { readSecrets } from "../../tokens/secrets.ts";
import type { AuthorityAnswer, SealedAuthority } from "./authority.ts";
import { showsDevice } from "./bound.ts";
import type { SealedFlaw } from "./cookies.ts";
import { checkOptions } from "./options.ts";
import type { SealedSessionsOptions } from "./options.ts";
import { renewEveryMs, SealedJar } from "./sealed-jar.ts";
import type { FoundSealed } from "./sealed-jar.ts";

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
const NONE: readonly string[] = Object.freeze([]);

const NO_FEED: SealedStanding = Object.freeze({ state: "unavailable", why: "feed" });
const LOCKED: SealedStanding = Object.freeze({ state: "locked", setCookies: NONE });
const NO_AUTHORITY: SealedStanding = Object.freeze({ state: "unavailable", why: "authority" });

/** What is wrong with a change itself: said to who asked for it. */
const CALLERS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_INVALID_ARGUMENT",
  "ERR_DATA_TOO_LARGE",
  "ERR_DATA_NOT_JSON",
]);

interface Request extends Required<Omit<SealedContext, "fingerprint">> {
  readonly header: string | null | undefined;
  readonly client: { readonly fingerprint?: string; readonly data?: DataSnapshot };
}

type AnyVerdict = Verdict | "tenant";
type LiveAnswer = Extract<AuthorityAnswer, { readonly state: "live" }>;

export class SealedSessions {
  /** Sentences for the log at start; empty when there is nothing to warn of. */
  readonly warnings: readonly string[];
  readonly #options: SealedSessionsOptions;
  readonly #tenant: string;
  readonly #jar: SealedJar;
  readonly #view: RevocationView;
  readonly #authority: SealedAuthority;
  /** Absent where devices are observed only. */
  readonly #boundCookie: string | undefined;
  readonly #time: HostTime;
  /** For so long the feed tells of what ended; known with the first page. */
  #keepMs = 0;

  /** Use {@link createSealedSessions}. */
  constructor(options: SealedSessionsOptions) {
    const { cookies: rules, boundCookie } = checkOptions(options);
    // Copies: keys are made at the first use.
    const { chunksMax, entropy, tenant = "default" } = options;
    const secrets = readSecrets(options.secrets);
    this.#jar = new SealedJar({ secrets, tenant, rules, chunksMax, entropy });
    this.#boundCookie = boundCookie;
    this.warnings = this.#jar.cookies.warnings;
    this.#options = options;
    this.#tenant = tenant;
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

  /** Of the first cookie, prefix included. */
  get cookieName(): string {
    return this.#jar.cookies.name;
  }

  /**
   * `Set-Cookie` values with the session sealed, or with its token alone where it is too large.
   *
   * @throws {ArgumentError} for a token of another session, a session of another tenant, or where
   * `readOnly` is set.
   */
  seal(request: SealRequest): MaybePromise<readonly string[]> {
    if (this.#options.readOnly === true) {
      throw new ArgumentError("seal", "is not for a place that is readOnly");
    }
    return this.#jar.seal(request, this.#view.now(), request.cookieHeader);
  }

  /** `Set-Cookie` values for the answer to a logout, and for nothing else. */
  clear(cookieHeader?: string | null): readonly string[] {
    return this.#jar.cookies.clear(cookieHeader);
  }

  /**
   * What a request's cookies are worth now. Synchronous on Node and without I/O while the view of
   * revocations is younger than the bound and nothing is due. 12 µs.
   */
  read(
    cookieHeader: string | null | undefined,
    context: SealedContext = {},
  ): MaybePromise<SealedStanding> {
    const request = this.#requestOf(cookieHeader, context);
    return this.#opened(request, (found) =>
      found.sealedAt === undefined ? this.#ask(found.token, request) : this.#judge(found, request),
    );
  }

  /**
   * The same with the data changed by the authority first: merged per key, `null` removes one.
   * What the session is worth after that; nothing was written unless it is `active`.
   *
   * @throws {SojournError} (rejects) `ERR_INVALID_ARGUMENT`, `ERR_DATA_TOO_LARGE` or
   * `ERR_DATA_NOT_JSON`: nothing was written.
   */
  async change(
    cookieHeader: string | null | undefined,
    data: DataSnapshot,
    context: SealedContext = {},
  ): Promise<SealedStanding> {
    if (typeof data !== "object" || data === null || Array.isArray(data)) {
      throw new ArgumentError("change.data", "takes an object: values by key, null removes one");
    }
    // Who may not read may not write: a device that is not proved, above all.
    const before = { ...context, activity: false, canSetCookies: false };
    const standing = await this.read(cookieHeader, before);
    if (standing.state !== "active") return standing;
    if (this.#options.readOnly === true) {
      throw new ArgumentError("change", "is not for a place that is readOnly");
    }
    const request = this.#requestOf(cookieHeader, context, data);
    return this.#opened(request, ({ token }) => this.#ask(token, request));
  }

  #requestOf(
    header: string | null | undefined,
    { activity = true, canSetCookies = true, fingerprint }: SealedContext,
    data?: DataSnapshot,
  ): Request {
    const client = {
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...(data === undefined ? {} : { data }),
    };
    const canSet = canSetCookies && this.#options.readOnly !== true;
    return { header, activity, canSetCookies: canSet, client };
  }

  /** Whoever opens nothing of ours asks nobody anything. */
  #opened(
    request: Request,
    judge: (found: FoundSealed) => MaybePromise<SealedStanding>,
  ): MaybePromise<SealedStanding> {
    const { header } = request;
    const standing = chain(this.#jar.open(header), (found) =>
      typeof found === "string"
        ? ({ state: "unknown", why: found } as const)
        : this.#withFeed(() => judge(found)),
    );
    return chain(standing, (judged) => this.#onDevice(judged, header));
  }

  /** Of a device-bound session: nobody's, and with no new copy, unless the request shows it. */
  #onDevice(
    standing: SealedStanding,
    header: string | null | undefined,
  ): MaybePromise<SealedStanding> {
    if (standing.state !== "active" || this.#boundCookie === undefined) return standing;
    const { session } = standing;
    if (session.binding === undefined) return standing;
    const boundCookie = this.#boundCookieIn(header);
    const now = this.#view.now();
    return chain(this.#jar.ready(), ({ ring }) =>
      chain(showsDevice(session, { ring, boundCookie, now }), (shown) =>
        shown ? standing : LOCKED,
      ),
    );
  }

  #boundCookieIn(header: string | null | undefined): string | undefined {
    const name = this.#boundCookie;
    const reading = name === undefined ? undefined : readCookie(header, name);
    return reading?.kind === "value" ? reading.value : undefined;
  }

  /** Nothing is answered before revocations are known (I3): the feed tells the time, too. */
  #withFeed(judge: () => MaybePromise<SealedStanding>): MaybePromise<SealedStanding> {
    if (this.#view.usable()) return judge();
    return this.#view.becomesUsable().then((usable) => (usable ? judge() : NO_FEED));
  }

  #judge(payload: SealedPayload, request: Request): MaybePromise<SealedStanding> {
    const { session, sealedAt, token } = payload;
    const worth = this.#worth(payload);
    if (isIdle(worth)) return this.#ask(token, request);
    if (!isLive(worth)) return worth;
    const alone = this.#alone(payload);
    // Half of what the feed remembers: the other half is for an authority that is away.
    const half = (this.#keepMs - LEEWAY_MS) / 2;
    const due = Math.min(renewEveryMs(session.idleMs, this.#options.renewEveryMs), half);
    if (isLive(alone) && this.#view.now() - sealedAt < due) return alone;
    return this.#ask(token, request, () => this.#alone(payload));
  }

  /** What a copy is worth where nobody can be asked. */
  #alone(payload: SealedPayload): SealedStanding {
    const worth = this.#worth(payload);
    if (isIdle(worth)) return NO_AUTHORITY;
    if (!isLive(worth)) return worth;
    const age = this.#view.now() - payload.sealedAt;
    const told = age < this.#keepMs - LEEWAY_MS && age >= -LEEWAY_MS;
    const verdict = this.#verdict(payload);
    return verdict === "live" && told ? worth : overOr(verdict, NO_AUTHORITY);
  }

  /** By what it says itself. */
  #worth({ session, data }: Pick<SealedFacts, "session" | "data">): SealedStanding {
    const judgement = assess(session, 0, this.#view.now());
    if (judgement.state === "ended") return { state: "ended", reason: judgement.end.reason };
    const { state } = judgement;
    if (state !== "active") return { state, setCookies: NONE };
    return { state, session, data, setCookies: NONE };
  }

  /**
   * The answer may have taken longer than the bound: it is judged by what is known then.
   *
   * @param otherwise What holds when nobody answers.
   */
  async #ask(
    token: string,
    request: Request,
    otherwise: () => SealedStanding = () => NO_AUTHORITY,
  ): Promise<SealedStanding> {
    const { activity, canSetCookies: canSetToken, client, header } = request;
    const boundCookie = this.#boundCookieIn(header);
    const device = boundCookie === undefined ? {} : { boundCookie };
    // What ends while we ask is newer than this, and so is found by the filter.
    const askedAt = this.#view.now();
    let answer: AuthorityAnswer;
    try {
      const how = { activity, canSetToken, ...client, ...device };
      const question = { token, tenant: this.#tenant, ...how };
      answer = await this.#authority.check(question);
    } catch (error) {
      if (error instanceof SojournError && CALLERS.has(error.code)) throw error;
      this.#options.onError?.(error);
      return this.#withFeed(otherwise);
    }
    if (answer.state === "unknown") return { state: "unknown", why: "authority" };
    if (answer.state === "ended") return answer;
    const facts = answer;
    return this.#withFeed(() => this.#renewed(facts, request, askedAt));
  }

  /** An authority that lags brings nothing back (I2): its answer goes through the filter, too. */
  async #renewed(
    { session, data, token }: LiveAnswer,
    { header, canSetCookies }: Request,
    askedAt: number,
  ): Promise<SealedStanding> {
    const worth = this.#worth({ session, data });
    if (!isLive(worth)) return worth;
    const verdict = this.#verdict({ session, sealedAt: askedAt, generation: -1 });
    if (verdict === "tenant") return NO_FEED;
    const over = overOr(verdict, undefined);
    if (over !== undefined) return over;
    if (!canSetCookies || token === undefined) return worth;
    return {
      ...worth,
      setCookies: await this.#jar.seal({ session, data, token }, askedAt, header),
    };
  }

  #verdict({ session, generation, sealedAt }: Omit<SealedPayload, "data" | "token">): AnyVerdict {
    const handle = handleOf(session.id);
    return this.#view.judge({
      ...sealedGeneration(handle, generation),
      kid: undefined,
      tenant: session.tenant,
      subject: session.subject ?? "",
      session: handle,
      client: session.client,
      device: session.device?.id,
      epoch: session.epoch,
      // The clock of whoever sealed it may have been ahead by so much.
      issuedAt: sealedAt - LEEWAY_MS,
    });
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

/** By the copy: elsewhere the person may have been active. */
function isIdle(standing: SealedStanding): boolean {
  return standing.state === "ended" && standing.reason === "idle_timeout";
}

function isLive(standing: SealedStanding): standing is LiveStanding {
  return "setCookies" in standing;
}

/** The end that is certain whoever is asked; anything else a hit means is for the authority. */
function overOr<T>(verdict: AnyVerdict, otherwise: T): SealedStanding | T {
  if (verdict === "session") return { state: "ended", reason: "revoked" };
  return verdict === "subject" ? { state: "ended", reason: "subject_revoked" } : otherwise;
}
