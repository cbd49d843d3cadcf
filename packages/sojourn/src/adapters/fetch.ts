/** Fetch API adapter: `Request` in, `Response` out. Runs wherever both exist. */
import { SojournError } from "../engine/errors.ts";
import { problemOfError } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { ResponseHead } from "../sessions/exchange.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** What a runtime knows of the connection and a `Request` does not say. */
export interface FetchConnection {
  readonly remoteAddress?: string;
}

export type FetchHandler<Data extends object> = (
  request: Request,
  context: { readonly session: Session<Data> },
) => Response | Promise<Response>;

/**
 * Wrap a handler: it gets the session, and its response gets the session's headers. Changes that
 * the handler did not await are waited for before the response leaves; an error of ours that it
 * let through, or did not see, becomes a problem response.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
  handler: FetchHandler<Data>,
): (request: Request, connection?: FetchConnection) => Promise<Response> {
  return async (request, connection) => {
    const url = new URL(request.url);
    const exchange = await of.exchange({
      method: request.method,
      path: url.pathname,
      header: (name) => request.headers.get(name) ?? (name === "host" ? url.host : undefined),
      remoteAddress: connection?.remoteAddress,
      encrypted: url.protocol === "https:",
    });
    if (exchange.refusal !== undefined) return responseOf(exchange.refusal);
    let answer: Response;
    try {
      answer = await handler(request, { session: exchange.session });
      if (exchange.working !== undefined) {
        while (exchange.working !== undefined) await exchange.working;
        if (exchange.failure !== undefined) return responseOf(exchange.failure);
      }
    } catch (error) {
      if (!(error instanceof SojournError)) throw error;
      return responseOf(problemOfError(error));
    }
    // A response of `fetch` or `Response.redirect` has headers that cannot be changed.
    const response = new Response(answer.body, answer);
    exchange.commit(headOf(response.headers));
    return response;
  };
}

function responseOf({ body, status, headers }: ProblemAnswer): Response {
  return new Response(body, { status, headers });
}

function headOf(headers: Headers): ResponseHead {
  return {
    get: (name) => headers.get(name) ?? undefined,
    set: (name, value) => headers.set(name, value),
    addCookie: (value) => headers.append("set-cookie", value),
  };
}
