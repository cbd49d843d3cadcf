/** What a session object holds and how it changes; `session.ts` is its face. */
import type { EndReason } from "../protocol/words.ts";
import { decodeData } from "../engine/data.ts";
import type { EncodedData } from "../engine/data.ts";
import { ArgumentError, SessionEndedError, SessionLockedError } from "../engine/errors.ts";
import { deepFreeze } from "../engine/freeze.ts";
import type { SessionRef, StoredSession } from "../engine/ports.ts";
import type { Assurance, SessionRecord } from "../engine/record.ts";
import type { Judgement } from "../engine/session.ts";
import type { Core } from "./core.ts";
import { decodeStored } from "./data-codec.ts";
import { loginFrom } from "./login.ts";
import type { LoginOptions } from "./login-options.ts";
import { explaining } from "./read-only.ts";
import type { AbsenceReason } from "./explain.ts";
import type { TokenCarrier } from "./standing.ts";

/** A bound session whose device did not prove itself in this request: nobody's, as if locked. */
export interface Unproven {
  readonly factors: number;
  /** Factors given again take the place of the device. Otherwise only a login does. */
  readonly mends: boolean;
}

/** A live session as it was when it was last read. */
export interface LiveState {
  readonly stored: StoredSession;
  readonly judgement: Judgement;
  /** When it was judged. */
  readonly at: number;
  /** Decoded when it was encrypted; else on demand. */
  readonly data?: EncodedData | undefined;
  /** What a replaced token is still worth, below the record's own assurance. */
  readonly assurance?: Assurance | undefined;
  readonly unproven?: Unproven | undefined;
}

/** What a credential was worth, and when it ceased to be. */
export interface Ended {
  readonly reason: EndReason;
  readonly at: number;
  readonly cause?: string;
  readonly message?: string;
  readonly record?: SessionRecord;
}

/** Knows why a request has no session. */
export interface CredentialFate {
  readonly unused: AbsenceReason;
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
  readonly fate?: CredentialFate | undefined;
}

/** A request's worth: what was judged longer ago than this is judged anew before a blind write. */
const FRESH_MS = 2_000;

const EMPTY: object = Object.freeze({});

export class SessionBody {
  readonly core: Core;
  readonly tenant: string;
  readonly carrier: TokenCarrier | undefined;
  readonly fate: CredentialFate | undefined;
  /** Why the first of the changes under way, or of those settled last, failed; if one did. */
  failure: unknown;
  #live: LiveState | undefined;
  #ended: Ended | undefined;
  #snapshot: object | undefined;
  #read = false;
  #working: Promise<unknown> | undefined;

  constructor(parts: SessionParts) {
    this.core = parts.core;
    this.tenant = parts.tenant;
    this.carrier = parts.carrier;
    this.fate = parts.fate;
    this.#live = parts.live;
    this.#ended = parts.ended;
  }

  get live(): LiveState | undefined {
    return this.#live;
  }

  /** The same, for eyes outside: from here on the response depends on the session. */
  get shown(): LiveState | undefined {
    this.#read = true;
    return this.#live;
  }

  get wasRead(): boolean {
    return this.#read;
  }

  get ended(): Ended | undefined {
    return this.#ended;
  }

  get working(): Promise<unknown> | undefined {
    return this.#working;
  }

  get data(): object {
    this.#read = true;
    this.#snapshot ??= this.#decode();
    return this.#snapshot;
  }

  /**
   * One change after the other, so that none is lost to a sibling that was asked for at the same
   * time; and remembered, so that adapters can wait before the headers leave.
   */
  work<Result>(task: () => Promise<Result>): Promise<Result> {
    this.carrier?.began();
    const before = this.#working;
    if (before === undefined) this.failure = undefined;
    const result = before === undefined ? task() : before.then(task);
    // Cleared in the very reaction that settles, before the caller's own: what the caller does
    // about a failure is then its answer, and nothing waits for it.
    const done = (failure: unknown): void => {
      this.failure ??= failure;
      if (this.#working === settled) this.#working = undefined;
    };
    const settled: Promise<unknown> = result.then(() => done(undefined), done);
    this.#working = settled;
    return result;
  }

  /**
   * @throws {SessionEndedError | ArgumentError} when there is nothing to act on.
   * @throws {SessionLockedError} when the device did not prove itself.
   */
  required(): SessionRecord {
    const unproven = this.#live?.unproven;
    if (unproven !== undefined) throw new SessionLockedError(unproven.factors);
    return this.claimed();
  }

  /** {@link required}, for those who are about to prove who they are. */
  claimed(): SessionRecord {
    const live = this.#live;
    if (live !== undefined) return live.stored.record;
    if (this.#ended !== undefined) throw new SessionEndedError(this.#ended.reason);
    throw new ArgumentError("session", "there is no session yet: log in or write data first");
  }

  /** The row that data goes to; the first write of an anonymous visitor makes it. */
  async rowFor(): Promise<SessionRef> {
    const live = this.#live;
    if (live === undefined) return this.#openAnonymous();
    if (live.judgement.state === "locked") throw new SessionLockedError(live.judgement.factors);
    return live.stored.record;
  }

  /** What is known of the row, read so lately that a blind write may rely on it. */
  get fresh(): StoredSession | undefined {
    const live = this.#live;
    if (live?.judgement.state !== "active") return undefined;
    return this.core.now() - live.at <= FRESH_MS ? live.stored : undefined;
  }

  async #openAnonymous(): Promise<SessionRef> {
    const ended = this.#ended;
    if (ended !== undefined && this.core.now() - ended.at < STRAGGLER_MS) {
      throw new SessionEndedError(ended.reason);
    }
    if (this.carrier === undefined) {
      const message = "an anonymous session needs a response that can set a cookie";
      throw new ArgumentError("update", message);
    }
    const { core, tenant } = this;
    const options = this.context;
    const opened = await loginFrom(core, { tenant, subject: null, options, from: undefined });
    await this.adopt(opened.stored);
    await this.carry(opened.token, "anonymous");
    return opened.stored.record;
  }

  /** What a login here says of the client without being told. */
  get context(): Pick<LoginOptions, "fingerprint" | "address"> {
    const { fingerprint } = this.carrier ?? {};
    const address = this.core.lockouts.hasNetworks ? this.carrier?.address : undefined;
    return {
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...(address === undefined ? {} : { address }),
    };
  }

  /** From here on this object is that session. */
  async adopt(stored: StoredSession): Promise<void> {
    const data = await decodeStored(this.core, stored);
    const { judgement, now } = this.core.judge(stored);
    this.#live = { stored, data, judgement, at: now };
    this.#snapshot = undefined;
    this.#ended = undefined;
  }

  /** From here on this object is nobody's. */
  finish(reason: EndReason): void {
    const record = this.#live?.stored.record;
    this.#live = undefined;
    this.#snapshot = undefined;
    this.#ended = { reason, at: this.core.lastNow(), ...(record === undefined ? {} : { record }) };
  }

  /** Hand a new token to whoever can take it to the client. */
  async carry(token: string, how: "login" | "hard" | "anonymous"): Promise<void> {
    const record = this.#live?.stored.record;
    if (record === undefined) return;
    if (how !== "anonymous") await this.carrier?.offer(record);
    this.carrier?.set(token, how, record.remember === true ? record.absoluteExpiresAt : undefined);
  }

  #decode(): object {
    const live = this.#live;
    const readable = live !== undefined && live.judgement.state !== "locked";
    const encoded = readable ? (live.data ?? new Map(Object.entries(live.stored.data))) : undefined;
    const snapshot = encoded === undefined ? EMPTY : deepFreeze(decodeData(encoded));
    return this.core.development ? explaining(snapshot) : snapshot;
  }
}
