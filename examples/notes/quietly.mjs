/**
 * The session of a request that is no person's act: a poll or an open stream must not keep a
 * session alive. Like the session middleware, but the idle clock goes on.
 */
export function quietly(sessions) {
  return async (req, res, next) => {
    const { session, refusal } = await sessions.exchange({
      method: req.method,
      path: req.originalUrl,
      header: (name) => req.headers[name],
      remoteAddress: req.socket.remoteAddress,
      encrypted: false,
      activity: false,
      canSetToken: false,
    });
    if (refusal) return void res.writeHead(refusal.status, refusal.headers).end(refusal.body);
    req.session = session;
    res.set("cache-control", "no-store");
    next();
  };
}
