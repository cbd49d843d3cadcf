/** Fastify adapter: `app.register(sessions, { sessions: s })` puts the session on every request. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ArgumentError, ConfigError, SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { checkSessions, viewOf } from "./node.ts";
import type { AdapterOptions } from "./node.ts";
import { commitBeforeHeaders } from "./node-response.ts";

export interface FastifySessionOptions<Data extends object> extends AdapterOptions<
  [request: FastifyRequest, reply: FastifyReply]
> {
  readonly sessions: Sessions<Data>;
  /**
   * `preValidation` judges requests after their body was read: for policies that want a form's
   * `_csrf`. Default `onRequest`.
   */
  readonly hook?: "onRequest" | "preValidation";
}

/** What `app.register` itself takes. */
const REGISTER = ["prefix", "logLevel", "logSerializers"];
const TAKEN = {
  path: "request.session",
  message: "is taken: register this plugin once, and not beside @fastify/session or its kind",
};

/** Plugin. Refused requests (cross-site, store trouble) are answered here and go no further. */
export async function sessions<Data extends object>(
  app: FastifyInstance,
  options: FastifySessionOptions<Data>,
): Promise<void> {
  const { sessions: of, activity, onRefusal = answer, hook = "onRequest" } = options;
  checkSessions(of, options, ["sessions", "hook", ...REGISTER]);
  if (app.hasRequestDecorator("session")) throw new ConfigError([TAKEN]);
  app.decorateRequest("session", null);
  app.addHook(hook as "onRequest", async (request, reply) => {
    const view = viewOf(request.raw, activity?.(request, reply), request);
    const exchange = await of.exchange(view);
    if (exchange.refusal !== undefined) {
      await onRefusal(exchange.refusal, request, reply);
      return reply;
    }
    commitBeforeHeaders(exchange, reply.raw);
    (request as FastifyRequest & WithSession<Data>).session = exchange.session;
    return undefined;
  });
}

// For the whole application, not for an encapsulated part of it.
Object.assign(sessions, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "sojourn",
  [Symbol.for("plugin-meta")]: { name: "sojourn", fastify: ">=5" },
});

interface WithSession<Data extends object> {
  session: Session<Data>;
}

/** The session of a request: `request.session`, typed without declaration merging. */
export function sessionOf<Data extends object = Record<string, unknown>>(
  request: FastifyRequest,
): Session<Data> {
  if (typeof request.getDecorator !== "function") {
    throw new ArgumentError("sessionOf", "takes a request of Fastify 5");
  }
  return request.getDecorator<Session<Data>>("session");
}

/**
 * `app.setErrorHandler(sessionErrors())`: an error of ours that a handler let through is answered
 * as the problem it is (a store outage 503 with `Retry-After`, never 500); others go on.
 */
export function sessionErrors(): (
  e: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) => void {
  return (error, request, reply) => {
    if (!(error instanceof SojournError)) throw error;
    answer(problemOfError(error), request, reply);
  };
}

function answer(
  { status, headers, body }: ProblemAnswer,
  _request: FastifyRequest,
  reply: FastifyReply,
): void {
  void reply
    .code(status)
    .headers({ ...headers })
    // As bytes: Fastify would add a charset to the type of a text.
    .send(Buffer.from(body));
}
