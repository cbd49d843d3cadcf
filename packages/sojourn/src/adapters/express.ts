/** Express adapter: `app.use(sessions(s))` puts the session on `req.session`. */
import type { ServerResponse } from "node:http";
import { ConfigError, SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { answer, checkSessions, viewOf } from "./node.ts";
import type { AdapterOptions, NodeRequest } from "./node.ts";
import { commitBeforeHeaders } from "./node-response.ts";

/** The part of an Express request that is ours. */
export interface SessionRequest<Data extends object> {
  session: Session<Data>;
}

type Next = (error?: unknown) => void;

const TAKEN = {
  path: "req.session",
  message: "is another middleware's (express-session?): keep one of the two in front of this route",
};

/**
 * Middleware. Refused requests (cross-site, store trouble) are answered here and go no further.
 * Fits any Express 4 or 5 `app.use`; handlers read `req.session` as {@link SessionRequest}.
 */
export function sessions<
  Data extends object,
  Req extends NodeRequest = NodeRequest,
  Res extends ServerResponse = ServerResponse,
>(
  of: Sessions<Data>,
  options: AdapterOptions<[req: Req, res: Res]> = {},
): (req: Req, res: Res, next: Next) => void {
  checkSessions(of, options);
  const { activity, onRefusal = answer } = options;
  return (req: Req & Partial<SessionRequest<Data>>, res, next) => {
    if (req.session !== undefined && !(req.session instanceof Session)) {
      next(new ConfigError([TAKEN]));
      return;
    }
    of.exchange(viewOf(req, activity?.(req, res)))
      .then((exchange) => {
        if (exchange.refusal !== undefined) return onRefusal(exchange.refusal, req, res);
        commitBeforeHeaders(exchange, res);
        req.session = exchange.session;
        next();
        return undefined;
      })
      .catch(next);
  };
}

/**
 * Error middleware, last in the chain: an error of ours that a handler let through is answered as
 * the problem it is (a store outage 503 with `Retry-After`, never 500); others go on.
 */
export function sessionErrors(): (
  error: unknown,
  req: NodeRequest,
  res: ServerResponse,
  next: Next,
) => void {
  return (error, req, res, next) => {
    if (!(error instanceof SojournError) || res.headersSent) {
      next(error);
      return;
    }
    answer(problemOfError(error), req, res);
  };
}
