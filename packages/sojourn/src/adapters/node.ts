/** `node:http` adapter, and what the frameworks built on it share. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ConfigError } from "../engine/errors.ts";
import { sessionsProblem, unknownOptions } from "../engine/given.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { RequestView } from "../sessions/exchange.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { commitBeforeHeaders } from "./node-response.ts";

/** What an application may decide for each request; it gets what its framework gives handlers. */
export interface AdapterOptions<
  Given extends readonly unknown[] = [req: NodeRequest, res: ServerResponse],
  Answer = void | Promise<void>,
> {
  /** False for polls, heartbeats and streams: they do not slide the idle deadline. Default true. */
  readonly activity?: (...given: Given) => boolean;
  /** Answer a refused request (cross-site 403, store trouble 503) in the application's own way. */
  readonly onRefusal?: (problem: ProblemAnswer, ...given: Given) => Answer;
}

/**
 * `const session = await sessions(s)(req, res)`. When the request is refused (cross-site, store
 * trouble) the response has been sent and the result is `undefined`.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
  options: AdapterOptions = {},
): (req: IncomingMessage, res: ServerResponse) => Promise<Session<Data> | undefined> {
  checkSessions(of, options);
  const { activity, onRefusal = answer } = options;
  return async (req, res) => {
    const exchange = await of.exchange(viewOf(req, activity?.(req, res)));
    if (exchange.refusal !== undefined) {
      await onRefusal(exchange.refusal, req, res);
      return undefined;
    }
    commitBeforeHeaders(exchange, res);
    return exchange.session;
  };
}

/**
 * @param known What the adapter has beyond {@link AdapterOptions}.
 * @throws {ConfigError} at set-up, where a `TypeError` would come with the first request, and for
 * an option that would be ignored.
 */
export function checkSessions(
  of: { readonly exchange?: unknown } | undefined,
  options: object = {},
  known: readonly string[] = [],
): void {
  const problems = unknownOptions(options, ["activity", "onRefusal", ...known]);
  if (typeof of?.exchange !== "function") problems.unshift(sessionsProblem(of));
  if (problems.length > 0) throw new ConfigError(problems);
}

export function answer(problem: ProblemAnswer, _req: unknown, res: ServerResponse): void {
  res.writeHead(problem.status, problem.headers).end(problem.body);
}

/** What a framework adds to a Node request, on it or on an object of its own. */
export interface Framed {
  readonly originalUrl?: string;
  readonly body?: unknown;
}
export type NodeRequest = IncomingMessage & Framed;

/** A Node request as the exchange sees it. */
export function viewOf(
  req: IncomingMessage,
  activity: boolean = true,
  framed: Framed = req as NodeRequest,
): RequestView {
  return new NodeView(req, activity, framed);
}

/** Reads on demand: most requests are asked for little. */
class NodeView implements RequestView {
  readonly #req: IncomingMessage;
  readonly #framed: Framed;
  readonly activity: boolean;

  constructor(req: IncomingMessage, activity: boolean, framed: Framed) {
    this.#req = req;
    this.#framed = framed;
    this.activity = activity;
  }

  get method(): string | undefined {
    return this.#req.method;
  }

  get path(): string {
    return this.#framed.originalUrl ?? this.#req.url ?? "/";
  }

  get remoteAddress(): string | undefined {
    return this.#req.socket.remoteAddress;
  }

  get encrypted(): boolean {
    const { socket } = this.#req;
    return "encrypted" in socket && socket.encrypted === true;
  }

  get csrfToken(): string | undefined {
    return formToken(this.#framed.body);
  }

  header(name: string): string | undefined {
    const { headers } = this.#req;
    // HTTP/2 names the host in a field of its own.
    const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined);
    return typeof value === "object" ? value.join(", ") : value;
  }
}

/** The field `_csrf` of a form that a body parser has read. */
function formToken(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("_csrf" in body)) return undefined;
  return typeof body._csrf === "string" ? body._csrf : undefined;
}
