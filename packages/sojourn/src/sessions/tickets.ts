/**
 * Tickets for clients that cannot send the session's cookie to the place where they open a socket:
 * another origin, a native program. Minted from a session, short-lived, good for one connection.
 */
import { ArgumentError, SessionEndedError, SessionLockedError } from "../engine/errors.ts";
import type { SojournError } from "../engine/errors.ts";
import { claimRecord } from "./claims.ts";
import type { Core } from "./core.ts";
import type { Session } from "./session.ts";
import { hasReplacedToken, inspectBy, sessionFrom, warrantOf } from "./warrant.ts";

const LIFE_MS = 30_000;
const LIFE_MS_MIN = 1_000;
const LIFE_MS_MAX = 120_000;
/** How far clocks of processes may differ: a claim outlives its ticket by this. */
const SKEW_MS = 60_000;
const PATH = "tickets.issue.session";

export interface IssuedTicket {
  /** `sj1t_…`, 85 characters. A credential: never into a URL or a log. */
  readonly ticket: string;
  /** Exclusive. */
  readonly expiresAt: number;
}

export class Tickets<Data extends object = Record<string, unknown>> {
  readonly #core: Core;
  readonly #tenant: string;

  constructor(core: Core, tenant: string) {
    this.#core = core;
    this.#tenant = tenant;
  }

  /**
   * A ticket for this session. No store access; answer it to a POST of the session's own client.
   *
   * @param options.lifeMs 1 000 to 120 000; default 30 000. Never past the session's absolute end.
   * @throws {SessionEndedError | SessionLockedError}
   * @throws {SojournError} `ERR_ASSURANCE` for a session that waits for a factor, and on a request
   * whose token has just been replaced: a ticket is worth what the session is, not less.
   */
  async issue(
    session: Session<Data>,
    options: { readonly lifeMs?: number } = {},
  ): Promise<IssuedTicket> {
    const { lifeMs = LIFE_MS } = options;
    if (!Number.isSafeInteger(lifeMs) || lifeMs < LIFE_MS_MIN || lifeMs > LIFE_MS_MAX) {
      const message = `whole milliseconds from ${LIFE_MS_MIN} to ${LIFE_MS_MAX}`;
      throw new ArgumentError("tickets.issue.lifeMs", message);
    }
    checkStanding(session);
    const warrant = warrantOf(session);
    if (warrant === undefined) throw nothingToBindTo(session);
    const { absoluteExpiresAt = 0 } = session;
    const expiresAt = Math.min(this.#core.now() + lifeMs, absoluteExpiresAt);
    const desk = (await this.#core.keys(warrant.tenant)).tickets;
    return { ticket: await desk.mint({ ...warrant, expiresAt }), expiresAt };
  }

  /**
   * Use a ticket up. One store read and one write; forged and expired ones cost neither. The
   * session is judged first, so that trouble of the store does not use the ticket up.
   *
   * @returns the session as it is now, or `undefined`: forged, expired, used before, of another
   * tenant, its session is not active any more, or has had its tokens replaced by a hard rotation
   * since: what its maker's token is no longer worth, no ticket is. Which one is told to nobody.
   * @throws {StoreUnavailableError | ClockJumpedError} Trouble: the ticket may be tried again.
   */
  async redeem(
    ticket: string,
    where: { readonly tenant?: string; readonly address?: string | undefined } = {},
  ): Promise<Session<Data> | undefined> {
    const core = this.#core;
    const tenant = where.tenant ?? this.#tenant;
    const proved = await (await core.keys(tenant)).tickets.prove(ticket, tenant);
    if (proved === undefined) {
      core.emit("token-forged", { tenant, why: "ticket" });
      return undefined;
    }
    if (core.now() >= proved.expiresAt) return undefined;
    const loaded = await inspectBy(core, { tenant, ...proved }, where.address);
    if (loaded?.judgement.state !== "active") return undefined;
    if (!(await this.#claim(tenant, proved.claim, proved.expiresAt))) {
      core.emit("token-unknown", { tenant, session: proved.id, why: "ticket used before" });
      return undefined;
    }
    return sessionFrom<Data>(core, loaded);
  }

  /** @returns true for exactly one caller. */
  async #claim(tenant: string, id: string, expiresAt: number): Promise<boolean> {
    const core = this.#core;
    const now = core.now();
    const record = claimRecord({ tenant, id, kind: "ticket" }, now, expiresAt + SKEW_MS);
    const result = await core.attempt("claim", () => core.store.create(record, { now }));
    return result.outcome === "created";
  }
}

function nothingToBindTo(session: { readonly endedReason: Session["endedReason"] }): SojournError {
  if (session.endedReason !== undefined) return new SessionEndedError(session.endedReason);
  return new ArgumentError(PATH, "there is no session yet: log in first");
}

/** @throws {SojournError} */
export function checkStanding<Data extends object>(session: Session<Data>): void {
  const summary = session.describe();
  if (session.state === "locked") {
    throw new SessionLockedError(
      Math.max(1, summary?.lockFactors ?? summary?.idleLockFactors ?? 1),
    );
  }
  if (session.state === "pending") {
    throw new ArgumentError(PATH, "a factor is still missing: complete the login", "ERR_ASSURANCE");
  }
  if (hasReplacedToken(session)) {
    const message = "the request's token was just replaced: ask again with the new one";
    throw new ArgumentError(PATH, message, "ERR_ASSURANCE");
  }
}
