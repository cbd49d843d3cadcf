/**
 * A session in the application's hands: on a request, from `open`, `authenticate` or `find`.
 * Anonymous until login. Reading costs nothing; every change waits for the store.
 */
import { handleOf } from "../protocol/words.ts";
import type { EndReason } from "../protocol/words.ts";
import { unmetBy } from "../engine/assurance.ts";
import type { Authentication, Requirement, Unmet } from "../engine/assurance.ts";
import { decodeData } from "../engine/data.ts";
import type { EncodedData } from "../engine/data.ts";
import { ArgumentError, SessionEndedError, SessionLockedError } from "../engine/errors.ts";
import type { StoredSession } from "../engine/ports.ts";
import { idleExpiresAt } from "../engine/record.ts";
import type { Assurance, Device, SessionSummary } from "../engine/record.ts";
import { warnAt } from "../engine/session.ts";
import type { Judgement } from "../engine/session.ts";
import { CSRF_MAC_BYTES, renderToken } from "../http/csrf-token.ts";
import type { Core } from "./core.ts";
import { decodeStored } from "./data-codec.ts";
import { updateData, writeData } from "./data-writer.ts";
import { summaryOf } from "./describe.ts";
import { extend, hardRotate, lock, revokeSession, setRoles, stepUp, unlock } from "./lifecycle.ts";
import type { RevokeWords } from "./lifecycle.ts";
import { loginFrom } from "./login.ts";
import { checkSubject } from "./open.ts";
import type { LoginOptions } from "./open.ts";
import type { TokenCarrier } from "./standing.ts";

/** A live session as it was when it was last read. */
export interface LiveState {
  readonly stored: StoredSession;
  readonly judgement: Judgement;
  /** Decoded when it was encrypted; else on demand. */
  readonly data?: EncodedData | undefined;
  /** What a replaced token is still worth, below the record's own assurance. */
  readonly assurance?: Assurance | undefined;
}

/** What a credential was worth, and when it ceased to be. */
export interface Ended {
  readonly reason: EndReason;
  readonly at: number;
}

/**
 * A request with an ended credential may begin an anonymous session only this long after the end,
 * in milliseconds: before, it may be a straggler whose new cookie would overwrite that of a login.
 */
const STRAGGLER_MS = 60_000;

/** How a session is built by `sessions/`; not part of the public face. */
export interface SessionParts {
  readonly core: Core;
  readonly tenant: string;
  readonly live?: LiveState | undefined;
  readonly carrier?: TokenCarrier | undefined;
  readonly ended?: Ended | undefined;
  readonly fingerprint?: string | undefined;
}

const EMPTY: object = Object.freeze({});

export class Session<Data extends object = Record<string, unknown>> {
  readonly #core: Core;
  readonly #tenant: string;
  readonly #carrier: TokenCarrier | undefined;
  readonly #fingerprint: string | undefined;
  #live: LiveState | undefined;
  #ended: Ended | undefined;
  #snapshot: Readonly<Partial<Data>> | undefined;
  #read = false;
  #working: Promise<unknown> | undefined;

  /** Made by `sojourn` itself. */
  constructor(parts: SessionParts) {
    this.#core = parts.core;
    this.#tenant = parts.tenant;
    this.#carrier = parts.carrier;
    this.#fingerprint = parts.fingerprint;
    this.#live = parts.live;
    this.#ended = parts.ended;
  }

  /** Public handle `ses_…`; `null` while there is no row. Never a secret. */
  get id(): string | null {
    return this.#live === undefined ? null : handleOf(this.#live.stored.record.id);
  }

  /** `anonymous` also covers an ended one: see {@link Session.endedReason}. */
  get state(): "anonymous" | "pending" | "active" | "locked" {
    const live = this.#live;
    if (live === undefined || live.stored.record.subject === null) return "anonymous";
    return live.judgement.state === "ended" ? "anonymous" : live.judgement.state;
  }

  /** Whom the session is about. `null` unless `active`: a missing factor never counts (ID-12). */
  get subject(): string | null {
    this.#read = true;
    const live = this.#live;
    return live?.judgement.state === "active" ? live.stored.record.subject : null;
  }

  /** Who must still give a factor: the subject of a pending or locked session. */
  get claimant(): string | null {
    return this.state === "pending" || this.state === "locked"
      ? (this.#live?.stored.record.subject ?? null)
      : null;
  }

  /** True once the subject or the data was looked at: the response depends on the session. */
  get wasRead(): boolean {
    return this.#read && this.#live !== undefined;
  }

  /** Changes that have been asked for and are not yet stored; adapters wait for them. */
  get working(): Promise<unknown> | undefined {
    return this.#working;
  }

  get tenant(): string {
    return this.#tenant;
  }

  /** Why the credential of this request is worth nothing any more, if it ever was. */
  get endedReason(): EndReason | undefined {
    return this.#ended?.reason;
  }

  /**
   * A plain snapshot. Changing it changes nothing (development freezes it); use `update` or `set`.
   * Empty while locked.
   */
  get data(): Readonly<Partial<Data>> {
    this.#read = true;
    this.#snapshot ??= this.#decode();
    return this.#snapshot;
  }

  get createdAt(): number | undefined {
    return this.#live?.stored.record.createdAt;
  }

  get authenticatedAt(): number | undefined {
    return this.#live?.stored.record.authenticatedAt;
  }

  get seenAt(): number | undefined {
    return this.#live?.stored.record.seenAt;
  }

  /** Exclusive; slides with activity. ASVS 5.0 7.3.1. */
  get idleExpiresAt(): number | undefined {
    return this.#live === undefined ? undefined : idleExpiresAt(this.#live.stored.record);
  }

  /** Exclusive; never moves. ASVS 5.0 7.3.2. */
  get absoluteExpiresAt(): number | undefined {
    return this.#live?.stored.record.absoluteExpiresAt;
  }

  /** When people are to be warned of the earlier deadline. */
  get warnAt(): number | undefined {
    const record = this.#live?.stored.record;
    return record === undefined ? undefined : warnAt(record, this.#core.policyOf(record));
  }

  get assurance(): Assurance | undefined {
    return this.#live?.assurance ?? this.#live?.stored.record.assurance;
  }

  get device(): Device | undefined {
    return this.#live?.stored.record.device;
  }

  get roles(): readonly string[] {
    return this.#live?.stored.record.roles ?? [];
  }

  /** Changes with every decision and every data write: an ETag. */
  get version(): string {
    const stored = this.#live?.stored;
    return stored === undefined ? "0.0" : `${stored.record.version}.${stored.dataVersion}`;
  }

  /** Everything that may be shown of the session; no token, no verifier. */
  describe(): SessionSummary | undefined {
    return this.#live === undefined ? undefined : summaryOf(this.#live.stored.record);
  }

  /** What is missing for `required`, or `undefined`. A pending or locked session lacks everything. */
  unmet(required: Requirement): Unmet | undefined {
    const assurance = this.assurance;
    if (this.subject === null || assurance === undefined) return { factors: 1, ...required };
    return unmetBy(assurance, required, this.#core.now());
  }

  /**
   * Sign a subject in: always a new id and secret; what was here before ends (`replaced`). Data of
   * an anonymous session or of the same subject's moves along, another subject's never.
   *
   * @throws {LimitReachedError} where the policy rejects or asks; what was here before stays.
   */
  login(
    subject: string,
    options: LoginOptions = {},
  ): Promise<{ token: string; evicted: readonly SessionSummary[] }> {
    return this.#work(async () => {
      checkSubject("login.subject", subject);
      const context = this.#fingerprint === undefined ? {} : { fingerprint: this.#fingerprint };
      const from = this.#live?.stored;
      const opened = await loginFrom(this.#core, {
        tenant: this.#tenant,
        subject,
        options: { ...context, ...options },
        from,
      });
      await this.#adopt(opened.stored);
      this.#ended = undefined;
      this.#carry(opened.token, "login");
      return { token: opened.token, evicted: opened.evicted };
    });
  }

  /**
   * Change data atomically: `change` gets a draft and may run again when another process wrote
   * meanwhile. It must be synchronous. The first write of an anonymous session makes its row.
   *
   * @throws {SessionEndedError | SessionLockedError | DataTooLargeError | ContentionError}
   */
  update(change: (draft: Partial<Data>) => void): Promise<void> {
    return this.#work(async () => {
      const row = await this.#rowFor();
      const stored = await updateData(this.#core, row.record, (draft) =>
        change(draft as Partial<Data>),
      );
      await this.#adopt(stored);
    });
  }

  /** Write one key without reading; `undefined` removes it. The cheapest write there is. */
  set<Key extends keyof Data & string>(key: Key, value: Data[Key] | undefined): Promise<void> {
    return this.#work(async () => {
      const row = await this.#rowFor();
      await this.#adopt(await writeData(this.#core, row, [{ key, value }]));
    });
  }

  /** The person answered the warning: the idle clock starts anew. Never past the absolute end. */
  extend(): Promise<void> {
    return this.#work(async () => {
      await this.#adopt(await extend(this.#core, this.#required()));
    });
  }

  /** New secret at once; old tokens are worth something for the transit time only. */
  rotate(): Promise<{ token: string }> {
    return this.#work(async () => {
      return this.#rotated(await hardRotate(this.#core, this.#required(), "rotate"));
    });
  }

  /** Record a factor just given: raises assurance, completes `pending`, rotates hard. RFC 9470. */
  stepUp(given: Authentication): Promise<{ token: string }> {
    return this.#work(async () => {
      return this.#rotated(await stepUp(this.#core, this.#required(), given));
    });
  }

  /** Suspend until factors are given again. @param factors Default: what the policy asks. */
  lock(factors?: number): Promise<void> {
    return this.#work(async () => {
      await this.#adopt(await lock(this.#core, this.#required(), factors));
    });
  }

  /** Lift a lock with the factors just given; rotates hard. @throws {ArgumentError} when too few. */
  unlock(given: Authentication): Promise<{ token: string }> {
    return this.#work(async () => {
      return this.#rotated(await unlock(this.#core, this.#required(), given));
    });
  }

  /** Change roles: tightening applies at once, and the token rotates hard. ASVS 5.0 8.3.2. */
  setRoles(roles: readonly string[]): Promise<{ token: string }> {
    return this.#work(async () => {
      return this.#rotated(await setRoles(this.#core, this.#required(), roles));
    });
  }

  /**
   * A session-bound value for forms and `X-CSRF-Token`, masked anew each time. `null` while there is
   * no row to bind it to. OWASP CSRF cheat sheet, signed double submit.
   */
  async csrfToken(): Promise<string | null> {
    if (this.#live === undefined) return null;
    const value = await (await this.#core.keys()).csrfValue(this.#live.stored.record);
    return renderToken(value, this.#core.entropy.bytes(CSRF_MAC_BYTES));
  }

  /** End it now; durable when this returns. The only thing that clears the cookie. Idempotent. */
  logout(words: RevokeWords = {}): Promise<void> {
    return this.#work(async () => {
      const live = this.#live;
      if (live !== undefined) {
        await revokeSession(this.#core, live.stored.record, "logout", words);
        this.#live = undefined;
        this.#snapshot = undefined;
        this.#ended = { reason: "logout", at: this.#core.lastNow() };
      }
      this.#carrier?.clear();
    });
  }

  /** Remember what is under way, so that adapters can wait for it before the headers leave. */
  #work<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#carrier?.began();
    const result = task();
    const settled = Promise.allSettled([this.#working, result]);
    this.#working = settled;
    void settled.then(() => {
      if (this.#working === settled) this.#working = undefined;
    });
    return result;
  }

  #required(): StoredSession["record"] {
    if (this.#live === undefined) throw new SessionEndedError(this.#ended?.reason);
    return this.#live.stored.record;
  }

  /** The row that data goes to; the first write of an anonymous visitor makes it. */
  async #rowFor(): Promise<StoredSession> {
    const live = this.#live;
    if (live !== undefined) {
      if (live.judgement.state === "locked") throw new SessionLockedError(live.judgement.factors);
      return live.stored;
    }
    const ended = this.#ended;
    if (ended !== undefined && this.#core.now() - ended.at < STRAGGLER_MS) {
      throw new SessionEndedError(ended.reason);
    }
    if (this.#carrier === undefined) {
      throw new ArgumentError(
        "update",
        "an anonymous session needs a response that can set a cookie",
      );
    }
    const options = this.#fingerprint === undefined ? {} : { fingerprint: this.#fingerprint };
    const opened = await loginFrom(this.#core, {
      tenant: this.#tenant,
      subject: null,
      options,
      from: undefined,
    });
    await this.#adopt(opened.stored);
    this.#carry(opened.token, "anonymous");
    this.#ended = undefined;
    return opened.stored;
  }

  async #rotated(result: {
    readonly stored: StoredSession;
    readonly token: string;
  }): Promise<{ token: string }> {
    await this.#adopt(result.stored);
    this.#carry(result.token, "hard");
    return { token: result.token };
  }

  #carry(token: string, how: "login" | "hard" | "anonymous"): void {
    const record = this.#live?.stored.record;
    if (record === undefined) return;
    this.#carrier?.set(token, how, record.remember === true ? record.absoluteExpiresAt : undefined);
  }

  async #adopt(stored: StoredSession): Promise<void> {
    const data = await decodeStored(this.#core, stored);
    this.#live = { stored, data, judgement: this.#core.judge(stored).judgement };
    this.#snapshot = undefined;
  }

  #decode(): Readonly<Partial<Data>> {
    const live = this.#live;
    if (live === undefined || live.judgement.state === "locked") return EMPTY as Partial<Data>;
    const encoded = live.data ?? new Map(Object.entries(live.stored.data));
    const snapshot = decodeData(encoded) as Partial<Data>;
    return this.#core.development ? deepFreeze(snapshot) : snapshot;
  }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
