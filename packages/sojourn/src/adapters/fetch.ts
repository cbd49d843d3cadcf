/** Fetch API adapter: `Request` in, `Response` out. Runs wherever both exist. */
import { ConfigError, SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { Exchange } from "../sessions/exchange.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { FetchConnection } from "./fetch-headers.ts";
import { FetchHead, responseOf, viewOfRequest } from "./fetch-parts.ts";
import { checkSessions } from "./node.ts";
import type { AdapterOptions } from "./node.ts";

export { readSession, withSession } from "./fetch-headers.ts";
export type { CookieToSet, FetchConnection, HeadersGiven, SessionToRead } from "./fetch-headers.ts";
export { sealedSessions } from "./fetch-sealed.ts";
export type { SealedHandler, SealedOptions, SealedRequest } from "./fetch-sealed.ts";

export interface FetchOptions extends AdapterOptions<
  [request: Request],
  Response | Promise<Response>
> {
  /** False where another place sets the cookie of the same answer. Default true. */
  readonly canSetToken?: (request: Request) => boolean;
}

export type FetchHandler<Data extends object> = (
  request: Request,
  context: { readonly session: Session<Data> },
) => Response | Promise<Response>;

const HANDLER = {
  path: "handler",
  message: "takes (request, { session }) => Response; it is wrapped",
};

/**
 * Wrap a handler: it gets the session, and its response gets the session's headers. Changes that
 * the handler did not await are waited for before the response leaves; an error of ours that it
 * let through, or did not see, becomes a problem response.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
  handler: FetchHandler<Data>,
  options: FetchOptions = {},
): (request: Request, connection?: FetchConnection) => Promise<Response> {
  checkSessions(of, options, ["canSetToken"]);
  // The other adapters are called without one.
  if (typeof handler !== "function") throw new ConfigError([HANDLER]);
  const { activity, canSetToken, onRefusal = responseOf } = options;
  return async (request, connection) => {
    const view = viewOfRequest(request, {
      ...connection,
      activity: activity?.(request),
      canSetToken: canSetToken?.(request),
    });
    const exchange = await of.exchange(view);
    if (exchange.refusal !== undefined) return onRefusal(exchange.refusal, request);
    try {
      return await finish(exchange, await handler(request, { session: exchange.session }));
    } catch (error) {
      if (!(error instanceof SojournError)) throw error;
      return finish(exchange, responseOf(problemOfError(error)));
    }
  };
}

/** Below are 101, an upgrade, and 0, `Response.error()`. */
const STATUS_MIN = 200;

/** Wait for changes that nobody awaited, then put the session's headers on the answer. */
export async function finish<Data extends object>(
  exchange: Exchange<Data>,
  answer: Response,
): Promise<Response> {
  const unawaited = exchange.working !== undefined;
  while (exchange.working !== undefined) await exchange.working;
  const failure = unawaited ? exchange.failure : undefined;
  // An upgrade has a socket that a copy would lose, an error has no headers: neither takes ours.
  if (failure === undefined && answer.status < STATUS_MIN) return answer;
  const head = new FetchHead(failure === undefined ? answer : responseOf(failure));
  await exchange.commit(head);
  return head.response;
}
