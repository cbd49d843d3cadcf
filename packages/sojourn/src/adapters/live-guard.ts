/** What sockets and streams share: who may open one, and with which code each is closed. */
import type { IncomingMessage } from "node:http";
import { requirementProblems } from "../engine/assurance.ts";
import type { Requirement } from "../engine/assurance.ts";
import { ConfigError, SojournError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { problemOf, problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { idOfHandle } from "../protocol/words.ts";
import type { RequestView } from "../sessions/request-view.ts";
import type { LiveEnd, LiveSession } from "../sessions/live-session.ts";
import { refusalOf } from "../sessions/refusal.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { hasReplacedToken } from "../sessions/tickets.ts";
import { checkSessions, viewOf } from "./node.ts";

/** The code that a socket is closed with, by why. Wire format: add, never change. */
export const LIVE_CLOSE_CODES: Readonly<Record<LiveEnd["kind"], number>> = Object.freeze({
  ended: 4401,
  assurance: 4403,
  locked: 4423,
  crowded: 4429,
  unavailable: 4503,
  closing: 1001,
});

export interface LiveOptions {
  /** What a client without a session gets: 401, or a connection without one. Default "refuse". */
  readonly anonymous?: "refuse" | "allow";
  /** What the session must meet, at the start and for as long as the connection lives. */
  readonly require?: Requirement;
  /** Connections one session may have in this process, 1 to 10 000. Default 64; more get 429. */
  readonly maxPerSession?: number;
}

/** The word beside the code: the end reason, or which other end it is. No secret, 16 bytes. */
export function closeWord(end: LiveEnd): string {
  return end.kind === "ended" ? end.reason : end.kind;
}

export type Admission<Data extends object> =
  | { readonly refusal: ProblemAnswer }
  | { readonly refusal: undefined; readonly live: LiveSession<Data> };

const MAX_PER_SESSION = 64;
const MAX_PER_SESSION_MOST = 10_000;
/** What browsers add by themselves: a ticket speaks for itself, and nothing else is asked. */
const AMBIENT: ReadonlySet<string> = new Set(["cookie", "authorization", "origin"]);

export class LiveGuard<Data extends object> {
  readonly #of: Sessions<Data>;
  readonly #options: LiveOptions;

  /** @throws {ConfigError} listing every problem; `more` are those of the adapter's own options. */
  constructor(of: Sessions<Data>, options: LiveOptions, more: readonly ConfigProblem[] = []) {
    checkSessions(of);
    const problems = [...problemsOf(options), ...more];
    if (problems.length > 0) throw new ConfigError(problems);
    this.#of = of;
    this.#options = options;
  }

  /**
   * Judge a handshake: an upgrade is never safe, whatever its method, and no person's act. It gets
   * no cookie: a client that is no browser would lose it, and the next request rotates anyway.
   *
   * @param ticket What the client presents instead of all that browsers send by themselves.
   */
  async handshake(req: IncomingMessage, ticket: string | undefined): Promise<Admission<Data>> {
    try {
      const exchange = await this.#of.exchange(handshakeView(req, ticket !== undefined));
      const { refusal } = exchange;
      if (refusal !== undefined) return { refusal };
      if (!exchange.secure) return { refusal: problemOf("forbidden", { detail: PLAIN }) };
      if (ticket === undefined) return this.admit(exchange.session);
      const session = await this.#of.tickets.redeem(ticket);
      return session === undefined ? { refusal: UNAUTHENTICATED } : this.admit(session);
    } catch (error) {
      if (!(error instanceof SojournError)) this.#of.live.report(error);
      // Store trouble is 503. Invariant I7.
      return { refusal: problemOfError(error) };
    }
  }

  /** Judge a session that is already there. */
  admit(session: Session<Data>): Admission<Data> {
    const { anonymous = "refuse", require, maxPerSession = MAX_PER_SESSION } = this.#options;
    const open = anonymous === "allow" && require === undefined && session.state === "anonymous";
    const refusal = open ? undefined : refusalOf(session, require);
    if (refusal !== undefined) return { refusal };
    if (hasReplacedToken(session)) return { refusal: STRAGGLER };
    const id = idOfHandle(session.id ?? "");
    const { live } = this.#of;
    if (id !== undefined && live.sizeOf({ tenant: session.tenant, id }) >= maxPerSession) {
      return { refusal: problemOf("rate_limited", { detail: FULL, retryAfterSeconds: 5 }) };
    }
    return { refusal: undefined, live: live.hold(session, { require, maxPerSession }) };
  }
}

const PLAIN = "Plain HTTP may carry no session: connect with wss: or https:.";
const FULL = "This session has as many live connections as it may have: close one.";
/** One answer for every ticket that is worth nothing. */
const UNAUTHENTICATED = problemOf("unauthenticated", { challenge: "invalid_token" });
const STRAGGLER = problemOf("unauthenticated", {
  detail: "The token was just replaced: connect again with the new one.",
});

function handshakeView(req: IncomingMessage, byTicket: boolean): RequestView {
  const view = viewOf(req, false);
  const { method, path, remoteAddress, encrypted } = view;
  const header = (name: string): string | undefined => {
    if (name === "upgrade") return "websocket";
    const hidden = byTicket && (AMBIENT.has(name) || name.startsWith("sec-fetch-"));
    return hidden ? undefined : view.header(name);
  };
  return { method, path, remoteAddress, encrypted, header, activity: false, canSetToken: false };
}

/** Checked by hand: options may come from plain JavaScript. */
function problemsOf(options: LiveOptions): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const { anonymous = "refuse", maxPerSession = 1, require = {} } = options;
  if (anonymous !== "refuse" && anonymous !== "allow") {
    problems.push({ path: "anonymous", message: 'takes "refuse" or "allow"' });
  }
  const most = MAX_PER_SESSION_MOST;
  if (!Number.isSafeInteger(maxPerSession) || maxPerSession < 1 || maxPerSession > most) {
    problems.push({ path: "maxPerSession", message: `a whole number from 1 to ${most}` });
  }
  problems.push(...requirementProblems(require, "require"));
  return problems;
}
