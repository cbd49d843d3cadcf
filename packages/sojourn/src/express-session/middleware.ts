/** `session(options)`: the middleware. */
import { RequestSession } from "./request-session.ts";
import { pathOf } from "./requests.ts";
import { cookieOptionsOf, generate, settingsOf } from "./settings.ts";
import type { Settings } from "./settings.ts";
import { sidOf } from "./read-cookie.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Next, SessionOptions, SessionRequest, SessionStore } from "./types.ts";

export type SessionMiddleware<Req extends IncomingMessage> = (
  req: Req,
  res: ServerResponse,
  next: Next,
) => void;

/**
 * Make the middleware that puts `req.session` on requests, with the options of express-session.
 *
 * @throws {TypeError} for an option that cannot be meant.
 */
export function session<Req extends IncomingMessage = IncomingMessage>(
  options?: SessionOptions<Req>,
): SessionMiddleware<Req> {
  const settings = settingsOf((options || {}) as unknown as SessionOptions<SessionRequest>);
  const store = settings.store as SessionStore;
  store.generate = (req) => generate(settings, req as SessionRequest);
  let connected = true;
  store.on("disconnect", () => {
    connected = false;
  });
  store.on("connect", () => {
    connected = true;
  });
  function session(incoming: IncomingMessage, res: ServerResponse, next: Next): void {
    const req = incoming as SessionRequest;
    if (req.session || !connected || !isInPath(settings, req)) next();
    else begin(settings, req, res, next);
  }
  return session;
}

function isInPath(settings: Settings, req: SessionRequest): boolean {
  return pathOf(req).startsWith(cookieOptionsOf(settings, req).path || "/");
}

function begin(settings: Settings, req: SessionRequest, res: ServerResponse, next: Next): void {
  const secrets = settings.secrets ?? (req.secret ? [req.secret] : undefined);
  if (secrets === undefined) {
    next(new Error("secret option required for sessions"));
    return;
  }
  req.sessionStore = settings.store as SessionStore;
  const sid = sidOf(req, settings.name, secrets);
  req.sessionID = sid as string;
  const own = new RequestSession(settings, secrets, { req, res, next });
  own.intercept();
  if (sid) {
    settings.store.get(sid, (error, data) => own.answered(error, data));
    return;
  }
  own.generate();
  next();
}
