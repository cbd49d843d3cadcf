/** Koa adapter: `app.use(sessions(s))` puts the session on `ctx.session`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ConfigError, SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { checkSessions, viewOf } from "./node.ts";
import type { AdapterOptions, Framed } from "./node.ts";
import { commitBeforeHeaders } from "./node-response.ts";

/** The part of a Koa context that is ours: `new Koa<DefaultState, SessionContext<Data>>()`. */
export interface SessionContext<Data extends object = Record<string, unknown>> {
  session: Session<Data>;
}

/** What is used of a Koa context. Koa's types are a package of their own, not always installed. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: Framed;
  readonly headerSent: boolean;
  status: number;
  body: unknown;
  set(fields: Record<string, string>): void;
}

const TAKEN = {
  path: "ctx.session",
  message: "is another middleware's (koa-session?): keep one of the two",
};

/**
 * Middleware. Refused requests (cross-site, store trouble) are answered here and go no further; an
 * error of ours that what comes after let through is answered as the problem it is, never as 500.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
  options: AdapterOptions<[ctx: KoaContext]> = {},
): (ctx: KoaContext & SessionContext<Data>, next: () => Promise<unknown>) => Promise<void> {
  checkSessions(of, options);
  const { activity, onRefusal = answer } = options;
  return async (ctx, next) => {
    const exchange = await of.exchange(viewOf(ctx.req, activity?.(ctx), ctx.request));
    if (exchange.refusal !== undefined) {
      await onRefusal(exchange.refusal, ctx);
      return;
    }
    commitBeforeHeaders(exchange, ctx.res);
    ctx.session = exchange.session;
    // koa-session has an accessor there, which takes it for data.
    if (ctx.session !== exchange.session) throw new ConfigError([TAKEN]);
    try {
      await next();
    } catch (error) {
      if (!(error instanceof SojournError) || ctx.headerSent) throw error;
      answer(problemOfError(error), ctx);
    }
  };
}

function answer({ status, headers, body }: ProblemAnswer, ctx: KoaContext): void {
  ctx.status = status;
  ctx.set({ ...headers });
  ctx.body = body;
}
