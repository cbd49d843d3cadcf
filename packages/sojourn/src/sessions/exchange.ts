/**
 * One HTTP request's session work: find the credential, judge the request, authenticate, and say
 * at the end which headers the response gets. Adapters only translate to and from it.
 */
import { clearCookie, readCookie, serializeCookie } from "../http/cookie.ts";
import type { CookieReading } from "../http/cookie.ts";
import type { CookieRules } from "../http/cookie-rules.ts";
import { CSRF_VARY, judgeCsrf } from "../http/csrf.ts";
import { clientOf } from "../http/forwarded.ts";
import { CLEAR_SITE_DATA } from "../http/headers.ts";
import { problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { CrossSiteError, SojournError } from "../engine/errors.ts";
import type { MaybePromise } from "../engine/ports.ts";
import type { SessionRecord } from "../engine/record.ts";
import { REGISTRATION_HEADER } from "../tokens/dbsc/headers.ts";
import { chain } from "../tokens/maybe-promise.ts";
import { authenticate } from "./authenticate.ts";
import { isBound, judgeBound, offerBinding } from "./bound-requests.ts";
import type { Presentation, Verdict } from "./rotation-steps.ts";
import { forbidCaching, tellCaches } from "./cache-fields.ts";
import { addressOf, ownBearer } from "./exchange-parts.ts";
import type { Household, Waiting } from "./exchange-parts.ts";
import { rulesOf } from "./cookie-choice.ts";
import { proveToken } from "./csrf-proof.ts";
import type { CookieNotice } from "./cookie-notice.ts";
import type { AbsenceReason } from "./explain.ts";
import type { ForeignSessions } from "./foreign.ts";
import { Notices } from "./notices.ts";
import { SealedCredential } from "./sealed/sealed-credential.ts";
import type { SealedJar } from "./sealed/sealed-jar.ts";
import { Session } from "./session.ts";
import { originOf } from "./request-view.ts";
import type { RequestView, ResponseHead } from "./request-view.ts";
import type { CredentialFate } from "./session-body.ts";
import type { TokenCarrier } from "./standing.ts";

export type { RequestView, ResponseHead } from "./request-view.ts";

const EVENT_STREAM = "text/event-stream";
const VARY = `Cookie, ${CSRF_VARY}`;

export class Exchange<Data extends object = Record<string, unknown>>
  implements TokenCarrier, CredentialFate
{
  readonly #house: Household<Data>;
  readonly #view: RequestView;
  readonly #rules: CookieRules;
  /** False where no credential may travel. Loopback development and `secure: false` are fine. */
  readonly #encrypted: boolean;
  readonly #https: boolean;
  #offered: string | undefined;
  #viaBearer = false;
  #tokenNeeded = false;
  /** Credentials of other systems may be looked at, where ours is worth nothing. */
  #mayConvert = false;
  /** Those that were. */
  #foreign: ForeignSessions[] | undefined;
  #onWork: (() => void) | undefined;
  #session: Session<Data> | undefined;
  #trouble: SojournError | undefined;
  #waiting: Waiting | undefined;
  #cleared = false;
  #committed = false;
  #noticesMade: Notices | undefined;
  #sealed: SealedCredential | undefined;

  private constructor(house: Household<Data>, view: RequestView) {
    this.#house = house;
    this.#view = view;
    const { jar, forwarded } = house.http;
    const proxied = forwarded.networks.length > 0;
    const https = proxied ? clientOf(forwarded, view).protocol === "https" : view.encrypted;
    this.#https = https;
    this.#rules = rulesOf(jar, https, view.remoteAddress);
    this.#encrypted = https || !this.#rules.secure;
  }

  /** @returns an exchange that either has a session or a refusal to be sent as it is. */
  static begin<Data extends object>(
    house: Household<Data>,
    view: RequestView,
  ): Promise<Exchange<Data>> {
    const exchange = new Exchange(house, view);
    const jar = house.http.sealed?.get(exchange.#rules.name);
    return jar === undefined ? exchange.#begin() : exchange.#beginSealed(jar);
  }

  async #beginSealed(jar: SealedJar): Promise<this> {
    this.#sealed = await SealedCredential.begin(jar, this.#view.header("cookie"));
    return this.#begin();
  }

  async #begin(): Promise<this> {
    const [house, view] = [this.#house, this.#view];
    const token = this.#credential();
    if (token === undefined && !this.#mayConvert) return this;
    try {
      const how = this.#presentation();
      const ours = token === undefined ? undefined : await authenticate(house.core, token, how);
      const found = this.#mayConvert ? await this.#convert(ours, how) : ours;
      if (found === undefined) return this;
      const verdict = isBound(found, view) ? await judgeBound(house, found, view) : found;
      const session = this.#take(verdict);
      // Asked for our class: what is behind it (`read-only.ts`) makes other questions slower.
      this.#session = session instanceof Session ? session : await session;
      if (this.#tokenNeeded && !this.#viaBearer) await proveToken(house, this.session.id, view);
    } catch (error) {
      // Store trouble is 503: never 401, never a cleared cookie. Invariant I7.
      if (!(error instanceof SojournError)) throw error;
      this.#trouble = error;
    }
    return this;
  }

  /** @internal A browser that says nothing is a context, too: not saying is a choice. */
  get fingerprint(): string {
    return this.#view.header("user-agent") ?? "";
  }

  /** @internal Worked out when it is asked for. */
  get address(): string | undefined {
    return addressOf(this.#house.http, this.#view);
  }

  /** Anonymous when there was no credential, or none that is worth anything. */
  get session(): Session<Data> {
    this.#session ??= this.#anonymous();
    return this.#session;
  }

  /** False where no credential may travel: plain HTTP, outside development on loopback. */
  get secure(): boolean {
    return this.#encrypted;
  }

  /** To be answered instead of the application: cross-site request, store trouble. */
  get refusal(): ProblemAnswer | undefined {
    return this.#trouble === undefined ? undefined : problemOfError(this.#trouble);
  }

  /** The refusal as an error, for places that can throw but not answer: a server action. */
  get trouble(): SojournError | undefined {
    return this.#trouble;
  }

  /** The one credential of the request; `undefined` when there is none to be judged. */
  #credential(): string | undefined {
    const header = this.#view.header("cookie");
    const reading = this.#reading(header);
    const bearer = ownBearer(this.#view);
    if (reading.kind === "absent" && bearer === undefined) return this.#without(header);
    if (this.#judgeOrigin(reading.kind !== "absent", bearer !== undefined)) return undefined;
    const cookie = reading.kind === "value" ? reading.value : undefined;
    const disagree = cookie !== undefined && bearer !== undefined && bearer !== cookie;
    if (reading.kind === "conflict" || disagree) {
      const why = disagree ? "bearer-disagrees" : "conflict";
      return this.#notices.ignore(why, "cookie-conflict");
    }
    this.#viaBearer = cookie === undefined && bearer !== undefined;
    this.#mayConvert = this.#canConvert(bearer);
    return this.#usable(cookie ?? bearer);
  }

  #reading(header: string | undefined): CookieReading {
    const reading = readCookie(header, this.#rules.name);
    return this.#sealed?.unsealed(reading) ?? reading;
  }

  /** None of ours. Another system's, if there is one, is judged as a session cookie. */
  #without(header: string | undefined): undefined {
    const foreign = this.#foreignHere.length > 0;
    if (this.#judgeOrigin(foreign, false)) return;
    this.#mayConvert = foreign && this.#canConvert(undefined);
    this.#lookAround(header);
  }

  get #foreignHere(): readonly ForeignSessions[] {
    return this.#house.conversions?.formatsIn(this.#view) ?? [];
  }

  /** Where no cookie can be set the old one has to stay good. */
  #canConvert(bearer: string | undefined): boolean {
    if (this.#house.conversions === undefined || bearer !== undefined) return false;
    return this.#encrypted && this.#view.canSetToken !== false;
  }

  /** Other systems' credentials one by one, while what came before is worth nothing. */
  async #convert(ours: Verdict | undefined, how: Presentation): Promise<Verdict | undefined> {
    const { conversions } = this.#house;
    let verdict = ours;
    if (!conversions?.isNextDue(verdict)) return verdict;
    for (const format of this.#foreignHere) {
      (this.#foreign ??= []).push(format);
      verdict = (await conversions.present(format, this.#view, how)) ?? verdict;
      if (!conversions.isNextDue(verdict)) break;
    }
    return verdict;
  }

  #usable(token: string | undefined): string | undefined {
    if (token === undefined) return undefined;
    if (!this.#encrypted) return this.#notices.ignore(this.#notices.plain);
    return token === "" ? this.#notices.ignore("malformed") : token;
  }

  /** Was another cookie meant to be the session's? Looked for where somebody listens. */
  #lookAround(header: string | undefined): undefined {
    if (header === undefined || !this.#house.core.emitter.wanted("credential-ignored")) return;
    this.#notices.lookAround(header);
  }

  get #notices(): Notices {
    const encrypted = this.#encrypted;
    const { core, tenant, http } = this.#house;
    const request = { forwarded: http.forwarded, view: this.#view, rules: this.#rules, encrypted };
    return (this.#noticesMade ??= new Notices({ core, tenant, ...request }));
  }

  /** @internal Why there is no session here, for `explain`. */
  get unused(): AbsenceReason {
    return this.#notices.unused;
  }

  /** @returns true when the request was refused. */
  #judgeOrigin(hasSessionCookie: boolean, hasBearer: boolean): boolean {
    // A bearer header is not sent by browsers on their own: nothing to forge.
    if (hasBearer && !hasSessionCookie) return false;
    const view = this.#view;
    const verdict = judgeCsrf(this.#house.http.csrf, originOf(view, hasSessionCookie));
    this.#tokenNeeded =
      this.#house.http.csrfToken &&
      verdict.allowed &&
      verdict.why !== "safe_method" &&
      verdict.why !== "exempt";
    if (verdict.allowed || verdict.reportOnly) return false;
    this.#trouble = new CrossSiteError(verdict.check, verdict.detail);
    return true;
  }

  #presentation(): Presentation {
    const { canSetToken, activity } = this.#view;
    return {
      tenant: this.#house.tenant,
      // A stream is opened again and again by the browser itself: no act of a person.
      activity: (activity ?? true) && this.#view.header("accept") !== EVENT_STREAM,
      canSetToken: !this.#viaBearer && (canSetToken ?? true),
      fingerprint: this.fingerprint,
      address: this.#house.core.lockouts.hasNetworks ? this.address : undefined,
    };
  }

  #take(verdict: Verdict): Session<Data> | Promise<Session<Data>> {
    const { core, tenant, sessions } = this.#house;
    if (verdict.state === "unknown") {
      this.#notices.ignore(verdict.why);
      return this.session;
    }
    if (verdict.state === "ended") {
      return new Session<Data>({ core, tenant, carrier: this, ended: verdict });
    }
    const { successor, stored } = verdict;
    if (!this.#viaBearer) this.#sealed?.present({ at: verdict.at, record: stored.record });
    if (successor !== undefined) {
      const { remember, absoluteExpiresAt } = stored.record;
      const persistUntil = remember === true ? absoluteExpiresAt : undefined;
      this.#waiting = { token: successor, sealed: true, takenAt: verdict.at, persistUntil };
    }
    return sessions.sessionOf(verdict, tenant, this);
  }

  #anonymous(): Session<Data> {
    const { core, tenant } = this.#house;
    const canSet = this.#view.canSetToken ?? true;
    return new Session<Data>({ core, tenant, carrier: canSet ? this : undefined, fate: this });
  }

  /** @internal For the session of this exchange. */
  set(token: string, how: "login" | "hard" | "sealed" | "anonymous", persistUntil?: number): void {
    // The client keeps its token itself; a cookie would be another session of the same browser.
    if (this.#viaBearer) return this.#notices.notSet("bearer");
    if (this.#committed) return this.#notices.notSet("headers-sent");
    this.#cleared = false;
    this.#waiting = {
      token,
      sealed: how === "sealed",
      takenAt: this.#house.core.lastNow(),
      persistUntil,
    };
  }

  /** @internal For the session of this exchange. */
  async offer(record: SessionRecord): Promise<void> {
    const { core, http } = this.#house;
    if (http.bound === undefined || !this.#https || this.#viaBearer) return;
    this.#offered = await offerBinding(core, http.bound, record);
  }

  /** @internal For the session of this exchange. */
  clear(): void {
    if (this.#viaBearer) return;
    this.#waiting = undefined;
    this.#cleared = true;
    if (this.#committed) this.#notices.notSet("headers-sent");
  }

  /** @internal A change has been asked for. */
  began(): void {
    if (this.#committed) this.#notices.tooLate();
    this.#sealed?.changed();
    this.#onWork?.();
    this.#onWork = undefined;
  }

  /** Call `run` at the first change the application asks for. */
  onWork(run: () => void): void {
    this.#onWork = run;
  }

  /** Changes not yet stored. Adapters wait for them before the headers leave. */
  get working(): Promise<unknown> | undefined {
    return this.#session?.working;
  }

  /**
   * What to answer instead when the application did not wait for a change and it failed: nobody
   * else would learn of it. Ask once `working` has settled.
   */
  get failure(): ProblemAnswer | undefined {
    const error = this.#session?.failure;
    return error instanceof SojournError ? problemOfError(error) : undefined;
  }

  /** Put our headers into the response; once, just before the headers leave. At once on Node. */
  commit(head: ResponseHead): MaybePromise<void> {
    if (this.#committed) return;
    this.#committed = true;
    return chain(this.#cookieLines(head), (lines) => this.#leave(head, lines));
  }

  #leave(head: ResponseHead, lines: readonly string[]): void {
    for (const line of lines) head.addCookie(line);
    if (lines.length > 0) {
      // At a logout all of them: one that was not looked at would sign in again.
      const foreign = this.#cleared ? this.#foreignHere : (this.#foreign ?? []);
      for (const line of foreign.flatMap(({ expire }) => expire)) head.addCookie(line);
      forbidCaching(head, VARY);
    } else if (this.#session?.wasRead === true) tellCaches(head, VARY, this.#session.hasRow);
    this.#noticesMade?.leave(head);
  }

  /** @returns the cookies that leave or are deleted. */
  #cookieLines(head: ResponseHead): MaybePromise<readonly string[]> {
    if (this.#cleared) {
      head.set("clear-site-data", CLEAR_SITE_DATA);
      const { bound } = this.#house.http;
      const own = this.#sealed?.clear() ?? [clearCookie(this.#rules)];
      return bound === undefined ? own : [...own, clearCookie(bound.cookie)];
    }
    const waiting = this.#waiting;
    if (waiting === undefined) return this.#renewal();
    const why = this.#whyNot(waiting);
    if (why !== undefined) {
      this.#notices.notSet(why);
      return [];
    }
    const { core } = this.#house;
    const { token, persistUntil, takenAt } = waiting;
    if (this.#offered !== undefined) head.set(REGISTRATION_HEADER, this.#offered);
    const maxAge = persistUntil === undefined ? {} : { maxAgeMs: persistUntil - core.lastNow() };
    const plain = [serializeCookie(this.#rules, token, maxAge)];
    const lines = this.#sealed?.issue(token, this.session, takenAt) ?? plain;
    if (!core.emitter.wanted("cookie-not-set")) return lines;
    return chain(lines, (all) => {
      for (const line of all) this.#notices.doubt(head, line);
      return all;
    });
  }

  /** The copy of a session whose token stays, where sessions are sealed. */
  #renewal(): MaybePromise<readonly string[]> {
    const session = this.#session;
    const can = this.#encrypted && this.#view.canSetToken !== false;
    if (this.#sealed === undefined || session === undefined || !can) return [];
    return this.#sealed.renew(session, this.#house.core);
  }

  #whyNot(waiting: Waiting): CookieNotice | undefined {
    if (!this.#encrypted) return this.#notices.plain;
    if (!waiting.sealed) return undefined;
    // A late successor could overwrite a newer cookie: the client will be offered it again.
    const { core } = this.#house;
    const late = core.lastNow() - waiting.takenAt > core.policies.base.transitMs;
    return late ? "late-successor" : undefined;
  }
}
