/**
 * The session of a request that is no person's act: a poll or an open stream must not keep a
 * session alive. Like the session middleware, but the idle clock goes on.
 */
import { attach, viewOf } from "sojourn/node";

export function quietly(sessions) {
  return async (req, res, next) => {
    const view = { ...viewOf(req), activity: false, canSetToken: false };
    const exchange = await sessions.exchange(view);
    if (!attach(exchange, res)) return; // refused: the answer is on its way
    req.session = exchange.session;
    next();
  };
}
