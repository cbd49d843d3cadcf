/** Hono adapter: `app.use(sessions(s))` puts the session at `c.get("session")`. On any runtime. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context, MiddlewareHandler } from "hono";
import { SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { Session } from "../sessions/session.ts";
import type { SealedSessions } from "../sessions/sealed/sealed-sessions.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { finish } from "./fetch.ts";
import { responseOf, viewOfRequest } from "./fetch-parts.ts";
import { SealedDesk } from "./fetch-sealed.ts";
import type { SealedOptions, SealedRequest } from "./fetch-sealed.ts";
import { checkSessions, viewOf } from "./node.ts";
import type { AdapterOptions } from "./node.ts";
import { commitBeforeHeaders } from "./node-response.ts";

/** `new Hono<SessionEnv<Data>>()` knows the type of `c.get("session")`. */
export interface SessionEnv<Data extends object = Record<string, unknown>> {
  Variables: { session: Session<Data> };
}

type Given = [c: Context];

export interface HonoSessionOptions extends AdapterOptions<Given, Response | Promise<Response>> {
  /** The peer of the socket where the runtime knows it; `@hono/node-server` needs no help. */
  readonly remoteAddress?: (c: Context) => string | undefined;
}

/**
 * Middleware. Refused requests (cross-site, store trouble) are answered here and go no further; an
 * error of ours that a handler let through is answered as the problem it is, never as 500.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
  options: HonoSessionOptions = {},
): MiddlewareHandler<SessionEnv<Data>> {
  checkSessions(of, options, ["remoteAddress"]);
  const { activity, onRefusal = responseOf, remoteAddress } = options;
  return async (c, next) => {
    const node = nodeOf(c);
    const view =
      node === undefined
        ? viewOfRequest(c.req.raw, { activity: activity?.(c), remoteAddress: remoteAddress?.(c) })
        : viewOf(node.incoming, activity?.(c));
    const exchange = await of.exchange(view);
    if (exchange.refusal !== undefined) return onRefusal(exchange.refusal, c);
    c.set("session", exchange.session);
    // Where there is a Node response its head is the cheaper place, and no `Response` is copied.
    if (node !== undefined) commitBeforeHeaders(exchange, node.outgoing);
    await next();
    if (c.error instanceof SojournError && c.res.status === 500) {
      replace(c, responseOf(problemOfError(c.error)));
    }
    if (node === undefined) replace(c, await finish(exchange, c.res));
    return undefined;
  };
}

/** `new Hono<SealedEnv>()` knows the type of `c.get("sealed")`. */
export interface SealedEnv {
  Variables: { sealed: SealedRequest };
}

/**
 * Middleware for places without a store: what the request's sealed session is worth is at
 * `c.get("sealed").standing`. Cross-site requests and trouble are answered here.
 */
export function sealedSessions(
  of: SealedSessions,
  options: SealedOptions = {},
): MiddlewareHandler<SealedEnv> {
  const desk = new SealedDesk(of, options);
  const { onRefusal = responseOf } = options;
  return async (c, next) => {
    const reading = await desk.begin(c.req.raw);
    if ("problem" in reading) return onRefusal(reading, c.req.raw);
    c.set("sealed", reading);
    await next();
    replace(c, reading.finish(c.res));
    return undefined;
  };
}

interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** What `@hono/node-server` puts into `c.env`. */
function nodeOf(c: Context): NodeBindings | undefined {
  const env = c.env as Partial<NodeBindings> | undefined;
  return typeof env?.outgoing?.writeHead === "function" ? (env as NodeBindings) : undefined;
}

/** Hono adds the headers of the response before to a new one, unless there is none. */
function replace(c: Context, response: Response): void {
  c.res = undefined;
  c.res = response;
}
