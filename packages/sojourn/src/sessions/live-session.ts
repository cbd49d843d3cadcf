/** One live connection's hold on its session: the session itself, not the token it came with. */
import { lapsesAt } from "../engine/assurance.ts";
import { unmetIn } from "../engine/impersonation.ts";
import type { Requirement } from "../engine/assurance.ts";
import {
  SessionEndedError,
  SessionLockedError,
  SojournError,
  StoreUnavailableError,
} from "../engine/errors.ts";
import type { SessionRef } from "../engine/ports.ts";
import { idOfHandle } from "../protocol/words.ts";
import type { EndReason } from "../protocol/words.ts";
import type { Core, Loaded } from "./core.ts";
import { endLockedOut, lockedOutFrom } from "./locked-out.ts";
import type { LiveRoom, Warden } from "./live.ts";
import { Session } from "./session.ts";
import { sessionFrom } from "./warrant.ts";

/** Why a live connection is closed. */
export type LiveEnd =
  | { readonly kind: "ended"; readonly reason: EndReason }
  | { readonly kind: "locked"; readonly factors: number }
  /** The session lives on, but no longer meets what the connection asks for. */
  | { readonly kind: "assurance" }
  /** The store could not be asked for too long. Nobody was signed out. */
  | { readonly kind: "unavailable" }
  /** The session has as many connections as it may have: others were opened at the same time. */
  | { readonly kind: "crowded" }
  /** This process closes its sessions. */
  | { readonly kind: "closing" };

export interface LiveRules {
  /** What the session must meet for as long as the connection lives. */
  readonly require?: Requirement | undefined;
  /** Connections of the session, this one included. */
  readonly maxPerSession: number;
  /** Where it comes from. */
  readonly address?: string | undefined;
}

export interface LiveParts<Data extends object> {
  readonly core: Core;
  readonly room: LiveRoom<Data>;
  readonly session: Session<Data>;
  readonly rules: LiveRules;
}

export class LiveSession<Data extends object = Record<string, unknown>> {
  /** Handle of the session; `null` where an anonymous visitor has none. */
  readonly id: string | null;
  readonly tenant: string;
  /** Whom the session is about: the same for as long as it lives. */
  readonly subject: string | null;
  readonly #core: Core;
  readonly #room: LiveRoom<Data>;
  readonly #ref: SessionRef | undefined;
  readonly #require: Requirement | undefined;
  readonly #max: number;
  readonly #address: string | undefined;
  #warden: Warden | undefined;
  #tell: ((end: LiveEnd) => void) | undefined;
  #end: LiveEnd | undefined;
  #cancel: (() => void) | undefined;

  /** Made by the adapters. */
  constructor({ core, room, session, rules }: LiveParts<Data>) {
    const id = idOfHandle(session.id ?? "");
    this.id = session.id;
    this.tenant = session.tenant;
    this.subject = session.subject;
    this.#core = core;
    this.#room = room;
    this.#ref = id === undefined ? undefined : { tenant: session.tenant, id };
    this.#require = rules.require;
    this.#max = rules.maxPerSession;
    this.#address = rules.address;
  }

  /** Why the connection was closed by us; `undefined` while it was not. */
  get end(): LiveEnd | undefined {
    return this.#end;
  }

  /**
   * The session as it is now: for handlers of messages. One store read.
   *
   * @throws {SessionEndedError | SessionLockedError} and closes the connection.
   * @throws {SojournError} `ERR_ASSURANCE` when it no longer meets what the connection asks for.
   * @throws {StoreUnavailableError | ClockJumpedError} Trouble: the connection stays.
   */
  async read(): Promise<Session<Data>> {
    const core = this.#core;
    const { tenant } = this;
    if (this.#end !== undefined) throw errorOf(this.#end);
    if (this.#ref === undefined) return new Session<Data>({ core, tenant });
    const loaded = await core.inspect(this.#ref);
    if (loaded === undefined) this.finish({ kind: "ended", reason: "revoked" });
    else this.judge(loaded);
    if (this.#end !== undefined || loaded === undefined) throw errorOf(this.#end);
    return sessionFrom<Data>(core, loaded);
  }

  /** Note a person's act on the connection. Coalesced; no I/O in the usual case. */
  touch(): void {
    this.#warden?.touch();
  }

  /** The connection is open: watch over it. @param tell Called at most once. */
  begin(tell: (end: LiveEnd) => void): void {
    this.#tell = tell;
    this.#warden = this.#room.enter(this.#ref, this, this.#max);
  }

  /** The connection is gone, whoever closed it. Idempotent. */
  release(): void {
    this.#tell = undefined;
    this.#warden = undefined;
    this.#cancel?.();
    this.#room.leave(this.#ref, this);
  }

  /** Run once after `ms`, by the clock of the sessions. @returns what cancels it. */
  after(ms: number, run: () => void): () => void {
    return this.#core.timers.after(ms, run);
  }

  /** @internal Told to close, once. */
  finish(end: LiveEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const tell = this.#tell;
    this.release();
    try {
      tell?.(end);
    } catch (error) {
      this.#core.reportError(error);
    }
  }

  /** @internal The session as just read. */
  judge(loaded: Loaded): void {
    const found = lockedOutFrom(this.#core, loaded, this.#address);
    if (found !== loaded) endLockedOut(this.#core, found).catch(this.#trouble);
    const end = endOf(found, this.#require);
    if (end !== undefined) return this.finish(end);
    if (this.#tell === undefined) return;
    const { now, stored } = loaded;
    const { assurance, absoluteExpiresAt } = stored.record;
    const lapse = this.#require && lapsesAt(assurance, this.#require, now);
    this.#cancel?.();
    this.#cancel = this.#core.timers.after(
      Math.min(absoluteExpiresAt, lapse ?? Infinity) - now,
      () => void this.#due(absoluteExpiresAt),
    );
  }

  readonly #trouble = (error: unknown): void => this.#core.noteTrouble("revoke", error);

  /** Time alone has taken something away; what stands at `absoluteExpiresAt` needs no store. */
  async #due(absoluteExpiresAt: number): Promise<void> {
    if (this.#core.lastNow() >= absoluteExpiresAt) {
      return this.finish({ kind: "ended", reason: "absolute_timeout" });
    }
    try {
      await this.read();
    } catch {
      // `read` has said what is wrong. Trouble: what cannot be shown to hold does not.
      this.finish({ kind: "unavailable" });
    }
  }
}

function endOf(loaded: Loaded, required: Requirement | undefined): LiveEnd | undefined {
  const { judgement, stored, now } = loaded;
  switch (judgement.state) {
    case "ended":
      return { kind: "ended", reason: judgement.end.reason };
    case "locked":
      return { kind: "locked", factors: judgement.factors };
    case "pending":
      return { kind: "assurance" };
    case "active":
      return required && unmetIn(stored.record, required, now) ? { kind: "assurance" } : undefined;
  }
}

function errorOf(end: LiveEnd | undefined): SojournError {
  switch (end?.kind) {
    case "locked":
      return new SessionLockedError(end.factors);
    case "assurance":
      return new SojournError("ERR_ASSURANCE", "the session no longer meets what is asked here");
    case "unavailable":
    case "crowded":
    case "closing":
      return new StoreUnavailableError("live");
    case "ended":
    case undefined:
      return new SessionEndedError(end?.reason);
  }
}
