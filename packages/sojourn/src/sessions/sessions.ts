/** Sessions of one installation: open, authenticate, find, list, end. */
import type { Durability, EndReason } from "../protocol/words.ts";
import { summaryOf } from "../engine/liveness.ts";
import type { EncodedData } from "../engine/data.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Page, SessionFilter, StoreHealth, StorePart, Subscription } from "../engine/ports.ts";
import type { Explanation } from "../engine/policy/explain.ts";
import type { SessionSummary } from "../engine/record.ts";
import type { NearCache } from "../stores/near-cache.ts";
import { authenticate } from "./authenticate.ts";
import type { LiveVerdict } from "./rotation-steps.ts";
import { endedStanding, standingOf } from "./verdict-standing.ts";
import type { Conversions } from "./conversion.ts";
import type { Core } from "./core.ts";
import { decodeStored, encodeInitial, hasSealed } from "./data-codec.ts";
import type { EventListener } from "./emitter.ts";
import { Exchange } from "./exchange.ts";
import { quiet } from "./request-view.ts";
import type { RequestView } from "./request-view.ts";
import { revokeSession } from "./lifecycle.ts";
import type { RevokeHow } from "./lifecycle.ts";
import { loginFrom } from "./login.ts";
import { checkLogin, checkSubject } from "./login-options.ts";
import type { LoginOptions } from "./login-options.ts";
import { isTenant } from "./tenant.ts";
import type { HttpRules } from "./cookie-choice.ts";
import { cookieManifest } from "./cookie-manifest.ts";
import type { CookieFacts } from "./cookie-manifest.ts";
import { BindingDesk } from "./binding-desk.ts";
import type { DbscRules } from "./binding-rules.ts";
import { isBound, judgeBrought, unprovenDevice, withoutDevice } from "./bound-requests.ts";
import { explainLive } from "./explain.ts";
import type { Description, SessionExplanation } from "./explain.ts";
import { awaitFrontier } from "./roll-call.ts";
import type { FrontierReceipt } from "./roll-call.ts";
import { RefreshTokens } from "./refresh/refresh-tokens.ts";
import { Session } from "./session.ts";
import type { AuthenticateContext, Standing, TokenCarrier } from "./standing.ts";
import { checkLimit, requireHandle, SubjectSessions } from "./subject.ts";
import type { ListOptions } from "./subject.ts";
import type { Sweeper } from "./sweeper.ts";
import type { EventName } from "../protocol/events.ts";
import type { KeyFacts } from "../tokens/key-ring.ts";
import type { ServiceKeys } from "../tokens/service-key.ts";
import { LiveRoom } from "./live.ts";
import { Tickets } from "./tickets.ts";
import { Watches } from "./watch.ts";
import type { NewsListener, WatchWhere } from "./watch.ts";

const FRONTIER_MS = 2_000;
const FRONTIER_MS_MAX = 60_000;

export interface OpenOptions<Data extends object> extends LoginOptions {
  readonly subject: string;
  readonly tenant?: string;
  readonly data?: Partial<Data>;
}

export interface OpenedSession<Data extends object> {
  readonly session: Session<Data>;
  /** The only time it is shown. */
  readonly token: string;
  readonly evicted: readonly SessionSummary[];
}

/** Where a handle is looked for. */
export interface InTenant {
  readonly tenant?: string;
}

export interface FindWhere extends InTenant {
  /**
   * The client could not prove the device that the session is bound to: factors that it gives take
   * the device's place, as on a request without the bound cookie. Default false.
   */
  readonly unproven?: boolean;
}

export interface SessionsParts {
  readonly core: Core;
  readonly tenant: string;
  readonly http: HttpRules;
  readonly sweeper: Sweeper;
  readonly conversions: Conversions | undefined;
  /** Made here over the application's store: its tail ends with the sessions. */
  readonly near: NearCache | undefined;
  readonly ownsStore: boolean;
}

export class Sessions<Data extends object = Record<string, unknown>> {
  readonly #core: Core;
  readonly #tenant: string;
  readonly #parts: SessionsParts;
  readonly #watches: Watches;
  /** Tickets that open one live connection each, for clients that cannot send the cookie. */
  readonly tickets: Tickets<Data>;
  /** Refresh tokens of OAuth clients, each a family of its own below a session. */
  readonly refreshTokens: RefreshTokens<Data>;
  /** @internal Sockets and streams; `sojourn/websocket` and `sojourn/sse` are its faces. */
  readonly live: LiveRoom<Data>;
  /** @internal Where sessions are bound to devices; `sojourn/dbsc` is its face. */
  readonly binding: BindingDesk | undefined;

  /** Use `createSessions`. */
  constructor(parts: SessionsParts) {
    this.#core = parts.core;
    this.#tenant = parts.tenant;
    this.#parts = parts;
    this.#watches = new Watches(parts.core);
    this.tickets = new Tickets<Data>(parts.core, parts.tenant);
    this.refreshTokens = new RefreshTokens<Data>(parts.core, parts.tenant);
    this.live = new LiveRoom<Data>(parts.core, this.#watches, parts.http.forwarded);
    const { core, tenant, http } = parts;
    const find = async (view: RequestView) => {
      const { session, trouble } = await this.exchange({ ...quiet(view), renews: true });
      if (trouble !== undefined) throw trouble;
      return session.describe();
    };
    const rules = http.bound;
    this.binding = rules && new BindingDesk({ core, tenant, rules, find });
  }

  /** @internal {@link binding} for requests that a back end hands on, with their session token. */
  bindingFor(token: string | undefined, where: InTenant): BindingDesk | undefined {
    const rules = this.#parts.http.bound;
    const tenant = this.#in(where);
    // Not judged by its bound cookie: that is what it comes for.
    const how = { tenant, activity: false, canSetToken: false };
    const find = async (): Promise<SessionSummary | undefined> => {
      const found = token === undefined ? undefined : await authenticate(this.#core, token, how);
      return found?.state === "live" ? summaryOf(found.stored.record) : undefined;
    };
    return rules && new BindingDesk({ core: this.#core, tenant, rules, find });
  }

  /** Every transition, with reason and actor. `"*"` hears all. Events of this process only. */
  readonly events = {
    on: <Name extends EventName>(name: Name | "*", listener: EventListener<Name>): (() => void) =>
      this.#core.emitter.on(name, listener),
  };

  /**
   * Open a session after you authenticated somebody. One or two store round trips.
   *
   * @throws {LimitReachedError} where the policy rejects or asks instead of evicting.
   * @throws {ArgumentError} for fields it does not know: id and secret are never the caller's.
   */
  async open(options: OpenOptions<Data>): Promise<OpenedSession<Data>> {
    const given: Partial<OpenOptions<Data>> | undefined = options;
    const { subject, tenant: wanted, data, ...login } = given ?? {};
    checkSubject("open.subject", subject);
    checkLogin("open", login);
    const tenant = this.#in(wanted === undefined ? {} : { tenant: wanted });
    const initial = encodeInitial(data);
    const opened = await loginFrom(this.#core, {
      tenant,
      subject,
      options: login,
      from: undefined,
      data: initial,
    });
    const { judgement, now } = this.#core.judge(opened.stored);
    const session = new Session<Data>({
      core: this.#core,
      tenant,
      live: { stored: opened.stored, judgement, data: initial, at: now },
    });
    return { session, token: opened.token, evicted: opened.evicted };
  }

  /**
   * What is this token worth now? Forged ones cost no store access. One store read otherwise.
   *
   * @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Trouble: never a standing.
   */
  async authenticate(token: string, context: AuthenticateContext = {}): Promise<Standing<Data>> {
    const tenant = this.#in(context);
    const judged = authenticate(this.#core, token, {
      tenant,
      activity: context.activity ?? true,
      canSetToken: context.canSetToken ?? false,
      fingerprint: context.fingerprint,
      address: context.address,
    });
    const found = judged instanceof Promise ? await judged : judged;
    if (found.state === "ended") return endedStanding(found);
    if (found.state === "unknown") return { state: "unknown" };
    const rules = this.#parts.http.bound;
    const bound = rules !== undefined && isBound(found);
    const verdict = bound ? await this.#judgeBound(rules, found, context) : found;
    const made = this.sessionOf(verdict, tenant, undefined);
    const session = made instanceof Session ? made : await made;
    const standing = standingOf(verdict, session);
    const { flaw, stored } = verdict;
    if (flaw === undefined) return standing;
    return { ...standing, unproven: await unprovenDevice(this.#core, stored.record, flaw) };
  }

  #judgeBound(
    rules: DbscRules,
    verdict: LiveVerdict,
    { boundCookie: value, skipped }: AuthenticateContext,
  ): Promise<LiveVerdict> {
    const cookie =
      value === undefined ? ({ kind: "absent" } as const) : ({ kind: "value", value } as const);
    return judgeBrought(this.#core, rules, verdict, { cookie, skipped });
  }

  /** @internal A live verdict as a session; asynchronous only to decrypt data. */
  sessionOf(
    verdict: LiveVerdict,
    tenant: string,
    carrier: TokenCarrier | undefined,
  ): Session<Data> | Promise<Session<Data>> {
    const core = this.#core;
    // Readable data is decoded when it is looked at, which most requests never do.
    if (verdict.readable ?? !hasSealed(verdict.stored.data)) {
      return new Session<Data>({ core, tenant, live: verdict, carrier });
    }
    const build = (data: EncodedData): Session<Data> =>
      new Session<Data>({ core, tenant, live: { ...verdict, data }, carrier });
    const data = decodeStored(core, verdict.stored);
    return data instanceof Promise ? data.then(build) : build(data);
  }

  /** A live session by its handle, for operators and back ends; `undefined` when it is not live. */
  async find(handle: string, where: FindWhere = {}): Promise<Session<Data> | undefined> {
    const tenant = this.#in(where);
    const loaded = await this.#core.inspect({ tenant, id: requireHandle("find", handle) });
    if (loaded === undefined || loaded.judgement.state === "ended") return undefined;
    const { stored, judgement, now } = loaded;
    const data = await decodeStored(this.#core, stored);
    const found = { state: "live", stored, judgement, at: now } as const;
    const rules = where.unproven === true ? this.#parts.http.bound : undefined;
    const live = rules === undefined ? found : withoutDevice(this.#core, rules, found);
    return new Session<Data>({ core: this.#core, tenant, live: { ...live, data } });
  }

  /** A session by its handle, also when it has ended; `undefined` when it is unknown or purged. */
  async describe(handle: string, where: InTenant = {}): Promise<Description | undefined> {
    const tenant = this.#in(where);
    const loaded = await this.#core.inspect({ tenant, id: requireHandle("describe", handle) });
    if (loaded === undefined) return undefined;
    const { stored, judgement } = loaded;
    return {
      summary: summaryOf(stored.record),
      state: judgement.state,
      ...(judgement.state === "ended" ? { reason: judgement.end.reason } : {}),
      version: `${stored.record.version}.${stored.dataVersion}`,
      dataKeys: Object.keys(stored.data),
    };
  }

  /** Why a session is active or is not, for operators; `undefined` when unknown or purged. */
  async explain(handle: string, where: InTenant = {}): Promise<SessionExplanation | undefined> {
    const tenant = this.#in(where);
    const loaded = await this.#core.inspect({ tenant, id: requireHandle("explain", handle) });
    return loaded === undefined ? undefined : explainLive(loaded, loaded.now);
  }

  /** All sessions of one subject. */
  subject(subject: string, where: InTenant = {}): SubjectSessions {
    checkSubject("subject", subject);
    return new SubjectSessions(this.#core, this.#in(where), subject);
  }

  /**
   * End one session now; durable when it returns. Idempotent.
   *
   * @returns how it ended (the first end is kept) and how surely that is kept, or `undefined` when
   * it is unknown.
   */
  async revoke(
    handle: string,
    words: RevokeHow & InTenant = {},
  ): Promise<{ endedAt: number; reason: EndReason; durability: Durability } | undefined> {
    const { tenant: _tenant, ...rest } = words;
    const ref = { tenant: this.#in(words), id: requireHandle("revoke", handle) };
    const result = await revokeSession(this.#core, ref, "revoked", rest);
    const { end, durability } = result;
    return end === undefined ? undefined : { endedAt: end.at, reason: end.reason, durability };
  }

  /** Newest first. Only on stores with `capabilities.query: "full"`. */
  async query(
    filter: Omit<SessionFilter, "tenant"> & InTenant,
    options: ListOptions = {},
  ): Promise<Page<SessionSummary>> {
    const full = { ...filter, tenant: this.#in(filter) };
    const page = {
      now: this.#core.now(),
      limit: checkLimit(options.limit),
      ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
    };
    return this.#core.attempt("query", () => this.#core.store.query(full, page));
  }

  async count(
    filter: Omit<SessionFilter, "tenant"> & InTenant = {},
  ): Promise<{ readonly count: number; readonly exact: boolean }> {
    const full = { ...filter, tenant: this.#in(filter) };
    return this.#core.attempt("count", () => this.#core.store.count(full, this.#core.now()));
  }

  /** Live news of one session, from every process on the store. Never counts as activity. */
  watch(handle: string, listener: NewsListener, where: WatchWhere = {}): Subscription {
    const { address } = where;
    const id = requireHandle("watch", handle);
    return this.#watches.add({ tenant: this.#in(where), id, address }, listener);
  }

  /** One HTTP request's session work. Adapters call this; applications use an adapter. */
  exchange(view: RequestView): Promise<Exchange<Data>> {
    const { http, conversions } = this.#parts;
    const house = { core: this.#core, http, tenant: this.#tenant, sessions: this, conversions };
    return Exchange.begin<Data>(house, view);
  }

  /** Why sessions live as long as they do, for this tenant, client and roles. */
  explainPolicy(
    who: InTenant & { readonly client?: string; readonly roles?: readonly string[] } = {},
  ): Explanation {
    return this.#core.policies.explainFor({ ...who, tenant: this.#in(who) });
  }

  /** Which cookies there are, what for and how long: for privacy notices. ePrivacy 5(3). */
  cookies(where: InTenant & { readonly https?: boolean } = {}): readonly CookieFacts[] {
    return cookieManifest(this.#parts.http, this.explainPolicy(where), where.https ?? true);
  }

  /** Which keys there are and what for; never the keys. ASVS 5.0 11.1.2. */
  async keys(): Promise<readonly KeyFacts[]> {
    return (await this.#core.desks.installation()).inventory();
  }

  /** Keys of back ends: made and proved here, kept by whoever runs a service. Never sessions. */
  async serviceKeys(): Promise<ServiceKeys> {
    return (await this.#core.desks.installation()).serviceKeys;
  }

  /** @param of Of a store of several servers, who must answer; default all of them. */
  health(of?: StorePart): Promise<StoreHealth> {
    return this.#core.attempt("health", () => this.#core.store.health(of));
  }

  /**
   * Wait until every process that keeps sessions near knows all that was acknowledged before this
   * call: the receipt of a logout. One write and a few reads for each of them.
   *
   * @param options `timeoutMs`: 1–60000, default 2000. Who has not answered by then is `missing`.
   */
  awaitFrontier(options: { readonly timeoutMs?: number } = {}): Promise<FrontierReceipt> {
    const { timeoutMs = FRONTIER_MS } = options;
    if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > FRONTIER_MS_MAX) {
      throw new ArgumentError("timeoutMs", `whole milliseconds from 1 to ${FRONTIER_MS_MAX}`);
    }
    return awaitFrontier(this.#core, timeoutMs);
  }

  /** End what is overdue now instead of at the next timed run. @returns how many ended. */
  sweep(): Promise<number> {
    return this.#parts.sweeper.run();
  }

  /** @internal For `sojourn/express-session`, whose session ids come from sids. */
  inside(where: InTenant = {}): { readonly core: Core; readonly tenant: string } {
    return { core: this.#core, tenant: this.#in(where) };
  }

  /** Stop timers and streams, send what waits, close the store if it was made here. */
  async close(): Promise<void> {
    this.live.close();
    this.#watches.close();
    this.#parts.conversions?.close();
    await this.#parts.sweeper.close();
    await this.#core.touches.flush();
    await this.#core.close();
    this.#parts.near?.release();
    if (this.#parts.ownsStore) await this.#core.store.close();
  }

  #in(where: InTenant): string {
    const { tenant } = where;
    if (tenant === undefined) return this.#tenant;
    if (!isTenant(tenant)) throw new ArgumentError("tenant", "not a tenant name");
    return tenant;
  }
}
