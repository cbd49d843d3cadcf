/** Express adapter: `app.use(sessions(s))` puts the session on `req.session`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { begin } from "./node.ts";

/** The part of an Express request that is ours. */
export interface SessionRequest<Data extends object> {
  session: Session<Data>;
}

type Next = (error?: unknown) => void;

/**
 * Middleware. Refused requests (cross-site, store trouble) are answered here and go no further.
 * Typed for any Express 4 or 5 `app.use`; handlers read `req.session` as {@link SessionRequest}.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
): (req: IncomingMessage, res: ServerResponse, next: Next) => void {
  return (req, res, next) => {
    begin(of, req, res).then((exchange) => {
      if (exchange === undefined) return;
      (req as IncomingMessage & SessionRequest<Data>).session = exchange.session;
      next();
    }, next);
  };
}
