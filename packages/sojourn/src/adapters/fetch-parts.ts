/** A `Request` as the exchange sees it, and a `Response` with headers of ours on it. */
import type { ProblemAnswer } from "../http/problem.ts";
import type { RequestView, ResponseHead } from "../sessions/exchange.ts";
import type { FetchConnection } from "./fetch-headers.ts";

interface ViewOptions extends FetchConnection {
  readonly activity?: boolean | undefined;
  readonly canSetToken?: boolean | undefined;
}

/** A `Request` as the exchange sees it. */
export function viewOfRequest(
  { method, headers, url }: Request,
  known: ViewOptions = {},
): RequestView {
  const { pathname: path, host, protocol } = new URL(url);
  const { remoteAddress, encrypted = protocol === "https:" } = known;
  const { activity = true, canSetToken = true } = known;
  const header = (name: string): string | undefined =>
    headers.get(name) ?? (name === "host" ? host : undefined);
  return { method, path, header, remoteAddress, encrypted, activity, canSetToken };
}

export function responseOf({ body, status, headers }: ProblemAnswer): Response {
  return new Response(body, { status, headers });
}

/**
 * Changes a copy: a response of `fetch` or `Response.redirect` has headers that cannot be changed,
 * and one without a body may be a constant that answers others, too.
 */
export class FetchHead implements ResponseHead {
  response: Response;
  #copied = false;

  constructor(response: Response) {
    this.response = response;
  }

  get(name: string): string | undefined {
    return this.response.headers.get(name) ?? undefined;
  }

  set(name: string, value: string): void {
    this.#mine().set(name, value);
  }

  addCookie(value: string): void {
    this.#mine().append("set-cookie", value);
  }

  #mine(): Headers {
    if (!this.#copied) this.response = new Response(this.response.body, this.response);
    this.#copied = true;
    return this.response.headers;
  }
}
