/**
 * A session in the application's hands: on a request, from `open`, `authenticate` or `find`.
 * Anonymous until login. Reading costs nothing; every change waits for the store.
 */
import { handleOf } from "../protocol/words.ts";
import type { EndReason } from "../protocol/words.ts";
import { requirementProblems } from "../engine/assurance.ts";
import { unmetIn } from "../engine/impersonation.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Authentication, Requirement, Unmet } from "../engine/assurance.ts";
import { summaryOf } from "../engine/liveness.ts";
import { idleExpiresAt } from "../engine/record.ts";
import type { Assurance, Device, SessionSummary } from "../engine/record.ts";
import { warnAt } from "../engine/session.ts";
import { CSRF_MAC_BYTES, renderToken } from "../http/csrf-token.ts";
import { updateData, writeData } from "./data-writer.ts";
import { explainSession } from "./explain.ts";
import type { SessionExplanation } from "./explain.ts";
import {
  extend,
  hardRotate,
  lock,
  reprove,
  revokeSession,
  setRoles,
  stepUp,
  unlock,
} from "./lifecycle.ts";
import type { Expectation, RevokeWords, Rotated } from "./lifecycle.ts";
import { loginFrom } from "./login.ts";
import { checkLogin, checkSubject } from "./login-options.ts";
import type { LoginOptions } from "./login-options.ts";
import { SessionBody } from "./session-body.ts";
import type { SessionParts } from "./session-body.ts";
import { refuseAssignment } from "./read-only.ts";

const UPDATE_TAKES = "takes a function that changes the draft; set(key, value) writes one key";

export class Session<Data extends object = Record<string, unknown>> {
  readonly #body: SessionBody;

  static {
    refuseAssignment(this.prototype);
  }

  /** Made by `sojourn` itself. */
  constructor(parts: SessionParts) {
    this.#body = new SessionBody(parts);
  }

  /** Public handle `ses_…`; `null` while there is no row. Never a secret. */
  get id(): string | null {
    const live = this.#body.shown;
    return live === undefined ? null : handleOf(live.stored.record.id);
  }

  /** `anonymous` also covers an ended one: see {@link Session.endedReason}. */
  get state(): "anonymous" | "pending" | "active" | "locked" {
    const live = this.#body.shown;
    if (live === undefined || live.stored.record.subject === null) return "anonymous";
    return live.judgement.state === "ended" ? "anonymous" : live.judgement.state;
  }

  /** Whom the session is about. `null` unless `active`: a missing factor never counts (ID-12). */
  get subject(): string | null {
    const live = this.#body.shown;
    return live?.judgement.state === "active" ? live.stored.record.subject : null;
  }

  /** Who must still give a factor: the subject of a pending or locked session. */
  get claimant(): string | null {
    return this.state === "pending" || this.state === "locked"
      ? (this.#body.live?.stored.record.subject ?? null)
      : null;
  }

  /** True once anything of the session was looked at: the response depends on it. */
  get wasRead(): boolean {
    return this.#body.wasRead;
  }

  /** True when there is something stored behind it. */
  get hasRow(): boolean {
    return this.#body.live !== undefined;
  }

  /** Changes that have been asked for and are not yet stored; adapters wait for them. */
  get working(): Promise<unknown> | undefined {
    return this.#body.working;
  }

  /** Why the change that was settled last failed, if it did. */
  get failure(): unknown {
    return this.#body.failure;
  }

  get tenant(): string {
    return this.#body.tenant;
  }

  /** Why the credential of this request is worth nothing any more, if it ever was. */
  get endedReason(): EndReason | undefined {
    return this.#body.ended?.reason;
  }

  /** In whose words it ended: the `cause` that was given with the revocation. */
  get endedCause(): string | undefined {
    return this.#body.ended?.cause;
  }

  /** @internal Where the client of this request is, for what is opened on it. */
  get clientAddress(): string | undefined {
    return this.#body.carrier?.address;
  }

  /** What the person is told: of the lockout that keeps it out, while that stands. */
  get endedMessage(): string | undefined {
    return this.#body.ended?.message;
  }

  /**
   * A plain snapshot, frozen; use `update` or `set`. Empty while locked. In development a
   * `TypeError` names the call to make, and `structuredClone` takes its values only.
   */
  get data(): Readonly<Partial<Data>> {
    return this.#body.data as Readonly<Partial<Data>>;
  }

  get createdAt(): number | undefined {
    return this.#body.shown?.stored.record.createdAt;
  }

  get authenticatedAt(): number | undefined {
    return this.#body.shown?.stored.record.authenticatedAt;
  }

  get seenAt(): number | undefined {
    return this.#body.shown?.stored.record.seenAt;
  }

  /** Exclusive; slides with activity. ASVS 5.0 7.3.1. */
  get idleExpiresAt(): number | undefined {
    const live = this.#body.shown;
    return live === undefined ? undefined : idleExpiresAt(live.stored.record);
  }

  /** Exclusive; never moves. ASVS 5.0 7.3.2. */
  get absoluteExpiresAt(): number | undefined {
    return this.#body.shown?.stored.record.absoluteExpiresAt;
  }

  /** When people are to be warned of the earlier deadline. */
  get warnAt(): number | undefined {
    const record = this.#body.shown?.stored.record;
    return record === undefined ? undefined : warnAt(record, this.#body.core.policyOf(record));
  }

  get assurance(): Assurance | undefined {
    const live = this.#body.shown;
    return live?.assurance ?? live?.stored.record.assurance;
  }

  /** Who acts as the subject: show it. `undefined`: the subject itself. */
  get actor(): string | undefined {
    return this.#body.shown?.stored.record.actor;
  }

  get device(): Device | undefined {
    return this.#body.shown?.stored.record.device;
  }

  get roles(): readonly string[] {
    return this.#body.shown?.stored.record.roles ?? [];
  }

  /** @internal Of its confirmed token, when it was read. */
  get generation(): number | undefined {
    return this.#body.shown?.stored.record.rotation.generation;
  }

  /** @internal A successor of its confirmed token is under way to the client. */
  get hasSuccessor(): boolean {
    return this.#body.shown?.stored.record.rotation.pending !== undefined;
  }

  /** @internal The read it was made of: while that is the same object, only time has changed. */
  get source(): object | undefined {
    return this.#body.shown?.stored;
  }

  /** @internal Its device did not prove itself in this request: locked for this request alone. */
  get isUnproven(): boolean {
    return this.#body.live?.unproven !== undefined;
  }

  /** Changes with every decision and every data write: an ETag. */
  get version(): string {
    const stored = this.#body.shown?.stored;
    return stored === undefined ? "0.0" : `${stored.record.version}.${stored.dataVersion}`;
  }

  /** Everything that may be shown of the session; no token, no verifier. */
  describe(): SessionSummary | undefined {
    const live = this.#body.shown;
    return live === undefined ? undefined : summaryOf(live.stored.record);
  }

  /**
   * Why this session is or is not active, with its deadlines and what mends it: plain data for
   * developers and operators. No secret, no I/O; not to be sent to clients.
   */
  explain(): SessionExplanation {
    return explainSession(this.#body);
  }

  /**
   * What is missing for `required`, or `undefined`. A pending or locked session lacks it all.
   *
   * @throws {ArgumentError} for a requirement that is misspelt or no number: all would meet it.
   */
  unmet(required: Requirement): Unmet | undefined {
    const [problem] = requirementProblems(required, "unmet");
    if (problem !== undefined) throw new ArgumentError(problem.path, problem.message);
    const assurance = this.assurance;
    if (this.subject === null || assurance === undefined) return { factors: 1, ...required };
    return unmetIn({ assurance, actor: this.actor }, required, this.#body.core.now());
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
    return this.#body.work(async () => {
      checkSubject("login.subject", subject);
      checkLogin("login", options);
      const from = this.#body.live?.stored;
      const opened = await loginFrom(this.#body.core, {
        tenant: this.#body.tenant,
        subject,
        options: { ...this.#body.context, ...options },
        from,
      });
      await this.#body.adopt(opened.stored);
      await this.#body.carry(opened.token, "login");
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
    return this.#body.work(async () => {
      if (typeof change !== "function") throw new ArgumentError("update", UPDATE_TAKES);
      const ref = await this.#body.rowFor();
      const stored = await updateData(this.#body.core, ref, (draft) =>
        change(draft as Partial<Data>),
      );
      await this.#body.adopt(stored);
    });
  }

  /** Write one key without reading it first; `undefined` removes it. The cheapest of writes. */
  set<Key extends keyof Data & string>(key: Key, value: Data[Key] | undefined): Promise<void> {
    return this.#body.work(async () => {
      const ref = await this.#body.rowFor();
      const known = this.#body.fresh;
      await this.#body.adopt(await writeData(this.#body.core, { ref, known }, [{ key, value }]));
    });
  }

  /** The person answered the warning: the idle clock starts anew. Never past the absolute end. */
  extend(expected: Expectation = {}): Promise<void> {
    return this.#body.work(async () => {
      await this.#body.adopt(await extend(this.#body.core, this.#body.required(), expected));
    });
  }

  /** New secret at once; old tokens are worth something for the transit time only. */
  rotate(expected: Expectation = {}): Promise<{ token: string }> {
    return this.#body.work(async () => {
      return this.#rotated(
        await hardRotate(this.#body.core, this.#body.required(), "rotate", expected),
      );
    });
  }

  /** Record a factor just given: raises assurance, completes `pending`, rotates hard. RFC 9470. */
  stepUp(given: Authentication, expected: Expectation = {}): Promise<{ token: string }> {
    return this.#body.work(async () => {
      return this.#rotated(await this.#prove(stepUp, given, expected));
    });
  }

  /** Suspend until factors are given again. @param factors Default: what the policy asks. */
  lock(factors?: number, options: RevokeWords & Expectation = {}): Promise<void> {
    return this.#body.work(async () => {
      await this.#body.adopt(await lock(this.#body.core, this.#body.required(), factors, options));
    });
  }

  /** Lift a lock with the factors just given; rotates hard. @throws {ArgumentError} if too few. */
  unlock(given: Authentication, expected: Expectation = {}): Promise<{ token: string }> {
    return this.#body.work(async () => {
      return this.#rotated(await this.#prove(unlock, given, expected));
    });
  }

  /**
   * Change roles; what they tighten applies at once. On a request the token rotates hard and is
   * given; elsewhere the client gets its new token at its next request. ASVS 5.0 8.3.2.
   */
  setRoles(roles: readonly string[]): Promise<{ token?: string }> {
    return this.#body.work(async () => {
      const how = this.#body.carrier === undefined ? "next" : "hard";
      const { stored, token } = await setRoles(this.#body.core, this.#body.required(), roles, how);
      if (token !== undefined) return this.#rotated({ stored, token });
      await this.#body.adopt(stored);
      return {};
    });
  }

  /**
   * A session-bound value for forms and `X-CSRF-Token`, masked anew each time. `null` while there
   * is no row to bind it to. OWASP CSRF cheat sheet, signed double submit.
   */
  async csrfToken(): Promise<string | null> {
    const live = this.#body.shown;
    if (live === undefined) return null;
    const { core } = this.#body;
    const { record } = live.stored;
    const value = await (await core.keys(record.tenant)).csrfValue(record);
    return renderToken(value, core.entropy.bytes(CSRF_MAC_BYTES));
  }

  /** End it now; durable when this returns. The only thing that clears the cookie. Idempotent. */
  logout(words: RevokeWords = {}): Promise<void> {
    return this.#body.work(async () => {
      const live = this.#body.live;
      if (live !== undefined) {
        await revokeSession(this.#body.core, live.stored.record, "logout", words);
        this.#body.finish("logout");
      }
      this.#body.carrier?.clear();
    });
  }

  /** Factors also stand in for a device that did not prove itself, where the policy lets them. */
  #prove(prove: typeof unlock, given: Authentication, expected: Expectation): Promise<Rotated> {
    const { core, live } = this.#body;
    const record = this.#body.claimed();
    const { unproven } = live ?? {};
    if (unproven === undefined) return prove(core, record, given, expected);
    return reprove(core, record, given, { ...unproven, ...expected });
  }

  async #rotated(result: Rotated): Promise<{ token: string }> {
    await this.#body.adopt(result.stored);
    await this.#body.carry(result.token, "hard");
    return { token: result.token };
  }
}
