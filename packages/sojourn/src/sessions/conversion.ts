/**
 * Sessions of other systems become ours at first sight, once each, whoever asks how often.
 *
 * The new session's id follows from the old credential, and a claim under an id that follows from
 * it too is made first and kept for 400 days: a second conversion meets the one or the other, in
 * every process and after any crash. The old credential is then the session's generation 0, so
 * that lost answers, parallel requests and stragglers are the rotation protocol's business. Ours
 * is made first, the old session ended next: between the two both are good, never neither.
 *
 * @see docs/decisions/0012-converting-foreign-sessions.md
 */
import { ArgumentError, ConfigError, SojournError } from "../engine/errors.ts";
import type { ErrorCode } from "../engine/errors.ts";
import type { Policy } from "../engine/policy/policy.ts";
import type { StoredSession } from "../engine/ports.ts";
import type { SessionRecord } from "../engine/record.ts";
import { rotateSoon } from "../engine/rotation.ts";
import { openSession } from "../engine/session.ts";
import { bucketOf } from "../tokens/session-id.ts";
import { outsideSessionId } from "../tokens/outside-key.ts";
import type { OutsideKey } from "../tokens/outside-key.ts";
import { OUTSIDE_GENERATION } from "../tokens/outside-token.ts";
import { authenticate } from "./authenticate.ts";
import { claimRecord, claimRef } from "./claims.ts";
import type { Claim } from "./claims.ts";
import type { Core } from "./core.ts";
import { encodeInitial, toStored } from "./data-codec.ts";
import { isPlainObject } from "./foreign.ts";
import type {
  ForeignFinding,
  ForeignOutcome,
  ForeignRequest,
  ForeignSession,
  ForeignSessions,
} from "./foreign.ts";
import { subjectOf } from "./events.ts";
import { checkLogin, checkSubject } from "./login-options.ts";
import { OldEnds } from "./old-ends.ts";
import type { Presentation, Verdict } from "./rotation-steps.ts";
import type { SweepSettings } from "./sweeper.ts";

/** The longest a browser keeps a cookie, 400 days: so long no credential is converted twice. */
const CLAIM_MS = 34_560_000_000;
const CLAIM_KEY = "session";
const CONVERTED = "converted";
/** Faults of the format's own word on a session: its options must change, retrying is no help. */
const FAULTS: ReadonlySet<ErrorCode> = new Set([
  "ERR_INVALID_ARGUMENT",
  "ERR_ASSURANCE",
  "ERR_DATA_NOT_JSON",
  "ERR_DATA_TOO_LARGE",
]);

interface Judged {
  readonly outcome: ForeignOutcome;
  readonly stored?: StoredSession | undefined;
}

export class Conversions {
  readonly #core: Core;
  readonly #formats: readonly ForeignSessions[];
  readonly #keepEndedMs: number;
  readonly #ends: OldEnds;

  constructor(core: Core, formats: readonly ForeignSessions[], sweep: SweepSettings) {
    this.#core = core;
    this.#formats = formats;
    this.#keepEndedMs = sweep.keepEndedMs;
    this.#ends = new OldEnds(core);
  }

  /** The formats whose credentials the request carries, in the order they were given. No I/O. */
  formatsIn(request: ForeignRequest): readonly ForeignSessions[] {
    return this.#formats.filter((format) => format.present(request));
  }

  /**
   * True when the request's next credential may be looked at, because what came before is worth
   * nothing. Not within the transit time of an end: a request that was under way when its session
   * was signed out of, or replaced by a login, must not bring another session into the browser.
   */
  isNextDue(before: Verdict | undefined): boolean {
    if (before === undefined || before.state === "unknown") return true;
    const { policies } = this.#core;
    return before.state === "ended" && this.#core.lastNow() - before.at > policies.base.transitMs;
  }

  /**
   * What the old credential is worth, converting its session when it is seen for the first time.
   * A conversion takes five store round trips and two of the old store.
   *
   * @returns `undefined` when it is worth nothing.
   * @throws {StoreUnavailableError} when either store has trouble; nothing was signed out.
   * @throws {ConfigError} when the format says what cannot be kept.
   */
  async present(
    format: ForeignSessions,
    request: ForeignRequest,
    how: Presentation,
  ): Promise<Verdict | undefined> {
    try {
      const finding = await findIn(format, request, this.#core.now());
      if (finding.state === "forged") return this.#note(format, "forged");
      const credential = { purpose: format.name, tenant: how.tenant, key: finding.key };
      const { outcome, stored } =
        finding.state === "live"
          ? await this.#convert(credential, finding.session, how)
          : await this.#convertedBefore(credential, finding.state);
      // Before the token is taken: an old store that is slow must not make the cookie late.
      if (finding.state === "live") await this.#ends.end(format, finding.key);
      this.#note(format, outcome);
      return stored === undefined ? undefined : await this.#verdict(credential, stored, how);
    } catch (error) {
      this.#note(format, "failed");
      const trouble = troubleOf(format, error);
      // The client is told nothing of it.
      if (trouble instanceof ConfigError) this.#core.reportError(trouble);
      throw trouble;
    }
  }

  close(): void {
    this.#ends.close();
  }

  #note(format: ForeignSessions, outcome: ForeignOutcome): undefined {
    format.note?.(outcome, this.#core.lastNow());
  }

  async #convert(
    credential: OutsideKey,
    session: ForeignSession,
    how: Presentation,
  ): Promise<Judged> {
    const core = this.#core;
    const { subject } = session;
    const { tenant } = credential;
    if (subject !== null) checkSubject("subject", subject);
    const bucketKey = await core.bucketKey();
    const place =
      subject === null ? {} : { bucket: await bucketOf(core.digest, bucketKey, tenant, subject) };
    const id = await outsideSessionId(core.digest, bucketKey, credential, place);
    const before = await core.load({ tenant, id });
    if (before !== undefined) return { outcome: "again", stored: before };
    const record = await this.#record(credential, { id, session, how });
    // A credential whose session changed hands after it was converted is another one's by now.
    if (record === undefined || !(await this.#claim(credential, id))) {
      return { outcome: "refused" };
    }
    return this.#create(record, session.data, credential.purpose);
  }

  /** @returns `undefined` when the policy allows no session that was authenticated so long ago. */
  async #record(
    credential: OutsideKey,
    about: { readonly id: string; readonly session: ForeignSession; readonly how: Presentation },
  ): Promise<SessionRecord | undefined> {
    const core = this.#core;
    const { id, session, how } = about;
    const { subject, data, authenticatedAt, expiresAt, ...facts } = session;
    checkLogin("session", facts);
    checkData(data);
    checkInstants({ authenticatedAt, expiresAt });
    const keys = await core.keys(credential.tenant);
    const minted = await keys.outsideToken({ ...credential, id, subject });
    if (minted === undefined) return undefined;
    const context = how.fingerprint;
    const fingerprint = context === undefined ? undefined : await keys.fingerprint(context, []);
    const holder = { generation: OUTSIDE_GENERATION, verifier: minted.verifier };
    const { tenant } = credential;
    const policy = core.policies.policyFor({ tenant, client: facts.client, roles: facts.roles });
    const now = core.now();
    const opened = openSession({ ...facts, id, tenant, subject, holder, fingerprint }, policy, now);
    return aged(opened, { authenticatedAt, expiresAt, policy, now });
  }

  /**
   * Make the claim, or read it.
   *
   * @returns true for a credential that may become the session `id`: nobody claimed it before, or
   * for that session and so lately that its row would still be here had it been made and ended.
   */
  async #claim(credential: OutsideKey, id: string): Promise<boolean> {
    const core = this.#core;
    const claim = await this.#claimOf(credential);
    const now = core.now();
    const record = claimRecord(claim, now, now + CLAIM_MS);
    const data = { [CLAIM_KEY]: JSON.stringify(id) };
    const made = await core.attempt("claim", () => core.store.create(record, { now, data }));
    if (made.outcome === "created") return true;
    const before = await this.#claimed(claim);
    return before?.id === id && now - before.at < this.#keepEndedMs;
  }

  async #claimOf(credential: OutsideKey): Promise<Claim> {
    const { digest } = this.#core;
    const { tenant, purpose } = credential;
    const kind = "conversion";
    const place = { ...credential, purpose: `${purpose} ${kind}` };
    return {
      tenant,
      kind,
      id: await outsideSessionId(digest, await this.#core.bucketKey(), place),
    };
  }

  /** What the credential became, or was about to, and when. */
  async #claimed(claim: Claim): Promise<{ readonly id: string; readonly at: number } | undefined> {
    const { record, data } = (await this.#core.load(claimRef(claim))) ?? {};
    const json = data?.[CLAIM_KEY];
    if (record === undefined || json === undefined) return undefined;
    return { id: JSON.parse(json) as string, at: record.createdAt };
  }

  async #create(record: SessionRecord, given: object, from: string): Promise<Judged> {
    const core = this.#core;
    const { tenant, id, subject } = record;
    const data = await toStored(core, record, encodeInitial(given));
    // No limit on concurrency: nobody new is here. And an epoch above 0: everything of this subject
    // was revoked, old sessions of unknown age included. Invariant I5.
    const epoch = subject === null ? {} : { subjectEpoch: 0 };
    const now = record.createdAt;
    const made = await core.attempt("create", () =>
      core.store.create(record, { now, data, ...epoch }),
    );
    if (made.outcome === "exists") {
      const stored = await core.load({ tenant, id });
      return { outcome: stored === undefined ? "refused" : "again", stored };
    }
    if (made.outcome !== "created") return { outcome: "refused" };
    this.#announce(made.record, from);
    const dataVersion = Object.keys(data).length > 0 ? 1 : 0;
    const subjectEpoch = made.record.epoch;
    const stored = { record: made.record, data, dataVersion, subjectEpoch };
    return { outcome: CONVERTED, stored };
  }

  #announce(record: SessionRecord, from: string): void {
    const { kind, assurance } = record;
    const level = assurance.acr === undefined ? {} : { acr: assurance.acr };
    const about = { ...subjectOf(record), cause: CONVERTED };
    this.#core.emit("session-established", { ...about, kind, amr: [...assurance.amr], ...level });
    this.#core.emit("session-converted", { ...about, from });
  }

  /** The old session is gone: because it became one of ours? */
  async #convertedBefore(
    credential: OutsideKey,
    otherwise: "expired" | "unknown" | "empty",
  ): Promise<Judged> {
    const { tenant } = credential;
    const claimed = await this.#claimed(await this.#claimOf(credential));
    const stored = claimed && (await this.#core.load({ tenant, id: claimed.id }));
    return { outcome: stored === undefined ? otherwise : "again", stored };
  }

  /** The old credential as generation 0 of its session. Worth nothing once the client moved on. */
  async #verdict(
    credential: OutsideKey,
    stored: StoredSession,
    how: Presentation,
  ): Promise<Verdict | undefined> {
    const { record } = stored;
    const { rotation, id, subject } = record;
    const { previous, replaced } = rotation;
    const holder = [rotation, previous, ...(replaced?.holders ?? [])].find(
      (one) => one?.generation === OUTSIDE_GENERATION,
    );
    if (holder === undefined) return undefined;
    const keys = await this.#core.keys(credential.tenant);
    const token = await keys.outsideToken({ ...credential, id, subject }, holder.verifier);
    if (token === undefined) return undefined;
    if (holder !== previous) return authenticate(this.#core, token.text, how);
    // Judged here and not as a token: one that comes after its grace would count as a fork, and
    // an old cookie that some browser kept shall harm nobody.
    const { judgement, now } = this.#core.judge(stored, how.address);
    if (now > previous.graceUntil) return undefined;
    return judgement.state === "ended"
      ? { state: "ended", ...judgement.end, record }
      : { state: "live", at: now, stored, judgement };
  }
}

/**
 * The record as of when the subject was authenticated: the absolute end counts from there, and what
 * is not known to be fresh is not. The first request is answered with a token. Invariant I11.
 */
function aged(
  opened: SessionRecord,
  of: {
    readonly authenticatedAt: number | undefined;
    readonly expiresAt: number | undefined;
    readonly policy: Policy;
    readonly now: number;
  },
): SessionRecord | undefined {
  const { policy, now, expiresAt = Infinity } = of;
  const authenticatedAt = Math.min(of.authenticatedAt ?? now, now);
  const policyEnd = opened.absoluteExpiresAt - (now - authenticatedAt);
  const absoluteExpiresAt = Math.min(policyEnd, expiresAt);
  if (absoluteExpiresAt <= now) return undefined;
  const authTime = of.authenticatedAt === undefined ? 0 : authenticatedAt;
  const factors = opened.assurance.factors.map((factor) => ({ ...factor, at: authTime }));
  const assurance = { ...opened.assurance, authTime, factors };
  return rotateSoon({ ...opened, authenticatedAt, absoluteExpiresAt, assurance }, policy, now);
}

/** Anything else has no keys to speak of: what it holds would be lost with the old session. */
function checkData(data: unknown): void {
  if (isPlainObject(data)) return;
  throw new ArgumentError("session.data", "a plain object, and no promise of one");
}

function checkInstants(instants: Readonly<Record<string, number | undefined>>): void {
  for (const [name, at] of Object.entries(instants)) {
    if (at === undefined || (Number.isSafeInteger(at) && at > 0)) continue;
    throw new ArgumentError(name, "whole milliseconds since the epoch");
  }
}

/** What an option threw goes no further: outside a framework it would end the process. */
async function findIn(
  format: ForeignSessions,
  request: ForeignRequest,
  now: number,
): Promise<ForeignFinding> {
  try {
    return await format.find(request, now);
  } catch (error) {
    if (error instanceof SojournError) throw error;
    const kind = error instanceof Error ? error.name : typeof error;
    const message = `threw ${kind} on a session of its own: options have to take every old session`;
    throw new ConfigError([{ path: pathOf(format), message }], { cause: error });
  }
}

/** A client is not to blame for what a format's options make of a session: 500, not 400. */
function troubleOf(format: ForeignSessions, error: unknown): unknown {
  if (!(error instanceof SojournError) || !FAULTS.has(error.code)) return error;
  return new ConfigError([{ path: pathOf(format), message: error.message }]);
}

function pathOf({ name }: ForeignSessions): string {
  return `convert (${name})`;
}
