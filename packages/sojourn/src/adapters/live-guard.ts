/** What sockets and streams share: who may open one, and with which code each is closed. */
import type { IncomingMessage } from "node:http";
import { requirementProblems } from "../engine/assurance.ts";
import type { Requirement } from "../engine/assurance.ts";
import { ConfigError, SojournError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { unknownOptions } from "../engine/given.ts";
import { problemOf, problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { idOfHandle } from "../protocol/words.ts";
import type { RequestView } from "../sessions/request-view.ts";
import type { LiveEnd, LiveSession } from "../sessions/live-session.ts";
import { refusalOf } from "../sessions/refusal.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Shown } from "../sessions/live.ts";
import { hasReplacedToken, warrantOf } from "../sessions/warrant.ts";
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

const OPTIONS: readonly (keyof LiveOptions)[] = ["anonymous", "require", "maxPerSession"];

/** What an adapter takes beside {@link LiveOptions}, and what is wrong with it. */
export interface OwnOptions {
  readonly names: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** The word beside the code: the end reason, or which other end it is. No secret, 16 bytes. */
export function closeWord(end: LiveEnd): string {
  return end.kind === "ended" ? end.reason : end.kind;
}

/** Connections that carry several sockets, each told of once: what is used of Engine.IO. */
export interface Connections {
  on(
    event: "connection",
    // One by WebTransport has no request.
    listener: (connection: { readonly request: IncomingMessage | null }) => void,
  ): unknown;
}

export interface Refusal {
  readonly refusal: ProblemAnswer;
}

export type Admission<Data extends object> =
  | Refusal
  | { readonly refusal: undefined; readonly live: LiveSession<Data> };

type Presented<Data extends object> =
  | Refusal
  | { readonly refusal: undefined; readonly session: Session<Data> };

const MAX_PER_SESSION = 64;
const MAX_PER_SESSION_MOST = 10_000;
/** What browsers add by themselves: a ticket speaks for itself, and nothing else is asked. */
const AMBIENT: ReadonlySet<string> = new Set(["cookie", "authorization", "origin"]);

export class LiveGuard<Data extends object> {
  readonly #of: Sessions<Data>;
  readonly #options: LiveOptions;
  readonly #attended: WeakSet<Connections> = new WeakSet();

  /** @throws {ConfigError} listing every problem; `own` are the adapter's own options. */
  constructor(of: Sessions<Data>, options: LiveOptions, own: OwnOptions) {
    checkSessions(of);
    const unknown = unknownOptions(options, [...OPTIONS, ...own.names]);
    const problems = [...unknown, ...problemsOf(options), ...own.problems];
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
  handshake(req: IncomingMessage, ticket: string | undefined): Promise<Admission<Data>> {
    return this.#trying(async () => {
      const presented = await this.#present(req, ticket);
      if (presented.refusal !== undefined) return presented;
      return this.admit(presented.session, this.#addressOf(req));
    });
  }

  /** Judge one of several sockets on one connection, which may be opened long after it began. */
  join(req: IncomingMessage, ticket: string | undefined): Promise<Admission<Data>> {
    if (ticket !== undefined) return this.handshake(req, ticket);
    return this.#trying(async () => {
      const shown = await this.begin(req);
      if (shown.refusal !== undefined) return shown;
      const { warrant } = shown;
      const { live } = this.#of;
      const session = warrant === undefined ? shown.session : await live.again(warrant);
      return this.admit(session, this.#addressOf(req));
    });
  }

  /** Be told of each connection, whenever a socket that is guarded will be opened on it. */
  attend(connections: Connections): void {
    if (this.#attended.has(connections)) return;
    this.#attended.add(connections);
    connections.on("connection", ({ request }) => void (request && this.begin(request)));
  }

  /**
   * A connection begins: its request's credential is presented, once. The browser rotates while it
   * lives, and what it held at the start would look like a copy later. Never rejects.
   */
  begin(req: IncomingMessage): Promise<Shown<Data>> {
    const all = this.#of.live.shown;
    const before = all.get(req);
    if (before !== undefined) return before;
    const shown = this.#trying(() => this.#present(req, undefined)).then((presented) => {
      if (presented.refusal !== undefined) {
        // Trouble is no verdict: who comes next asks again.
        if (presented.refusal.problem.retryable) all.delete(req);
        return presented;
      }
      const warrant = warrantOf(presented.session);
      return warrant === undefined ? { ...presented, warrant } : { refusal: undefined, warrant };
    });
    all.set(req, shown);
    return shown;
  }

  async #present(req: IncomingMessage, ticket: string | undefined): Promise<Presented<Data>> {
    const exchange = await this.#of.exchange(handshakeView(req, ticket !== undefined));
    const { refusal } = exchange;
    if (refusal !== undefined) return { refusal };
    if (!exchange.secure) return { refusal: problemOf("forbidden", { detail: PLAIN }) };
    if (ticket === undefined) return { refusal, session: exchange.session };
    const address = this.#addressOf(req);
    const session = await this.#of.tickets.redeem(ticket, { address });
    return session === undefined ? { refusal: UNAUTHENTICATED } : { refusal, session };
  }

  async #trying<Result>(run: () => Promise<Result>): Promise<Result | Refusal> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof SojournError)) this.#of.live.report(error);
      // Store trouble is 503. Invariant I7.
      return { refusal: problemOfError(error) };
    }
  }

  #addressOf(req: IncomingMessage): string | undefined {
    return this.#of.live.addressOf(handshakeView(req, false));
  }

  /** Judge a session that is already there. @param address Where the connection comes from. */
  admit(
    session: Session<Data>,
    address: string | undefined = session.clientAddress,
  ): Admission<Data> {
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
    const rules = { require, maxPerSession, address };
    return { refusal: undefined, live: live.hold(session, rules) };
  }
}

/** For a socket that nobody else may listen to: it is closed by whoever told of the error. */
export function ignore(): void {
  // What was under way on it goes nowhere.
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
