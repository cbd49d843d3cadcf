/** `node:http` adapter, and what the frameworks built on it share. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange, ResponseHead } from "../sessions/exchange.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";
import { commitBeforeHeaders } from "./node-response.ts";

/**
 * `const session = await sessions(s)(req, res)`. When the request is refused (cross-site, store
 * trouble) the response has been sent and the result is `undefined`.
 */
export function sessions<Data extends object>(
  of: Sessions<Data>,
): (req: IncomingMessage, res: ServerResponse) => Promise<Session<Data> | undefined> {
  return async (req, res) => {
    const exchange = await begin(of, req, res);
    return exchange === undefined ? undefined : exchange.session;
  };
}

/** Start the exchange of a Node request; `undefined` when a refusal has been sent instead. */
export async function begin<Data extends object>(
  of: Sessions<Data>,
  req: IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown },
  res: ServerResponse,
): Promise<Exchange<Data> | undefined> {
  const { headers, socket } = req;
  const exchange = await of.exchange({
    method: req.method,
    path: req.originalUrl ?? req.url ?? "/",
    header: (name) => headerOf(headers[name]),
    remoteAddress: socket.remoteAddress,
    encrypted: "encrypted" in socket && socket.encrypted === true,
    csrfToken: formToken(req.body),
  });
  const { refusal } = exchange;
  if (refusal === undefined) {
    commitBeforeHeaders(exchange, res, headOf(res));
    return exchange;
  }
  res.writeHead(refusal.status, refusal.headers).end(refusal.body);
  return undefined;
}

function headerOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "object" ? value.join(", ") : value;
}

/** The field `_csrf` of a form that a body parser has read. */
function formToken(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("_csrf" in body)) return undefined;
  return typeof body._csrf === "string" ? body._csrf : undefined;
}

function headOf(res: ServerResponse): ResponseHead {
  return {
    get: (name) => {
      const value = res.getHeader(name);
      return typeof value === "number" ? String(value) : value;
    },
    set: (name, value) => void res.setHeader(name, value),
    addCookie: (value) => void res.appendHeader("set-cookie", value),
  };
}
