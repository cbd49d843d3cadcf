/** What an adapter lets the exchange see of a request and do to its response. */
import type { CsrfRequest } from "../http/csrf.ts";

/** What an adapter tells of a request. Header names are lower-case. */
export interface RequestView {
  /** `undefined` when a sub-request does not name the original method: then it counts as unsafe. */
  readonly method: string | undefined;
  readonly path: string;
  header(name: string): string | undefined;
  /** The peer of the socket. */
  readonly remoteAddress: string | undefined;
  /** True when the socket itself is TLS. */
  readonly encrypted: boolean;
  /** A form's token, where the adapter has the parsed body; else the header is read. */
  readonly csrfToken?: string | undefined;
  /** False for polls and peeks. Default true; a request for an event stream never is activity. */
  readonly activity?: boolean;
  /** True at the endpoints that renew the bound cookie: that it is not there says nothing. */
  readonly renews?: boolean;
  /** False where no response header can be set (a server component). Default true. */
  readonly canSetToken?: boolean;
}

/** How an adapter lets us look at and set response headers. */
export interface ResponseHead {
  get(name: string): string | readonly string[] | undefined;
  set(name: string, value: string): void;
  /** Add one `Set-Cookie`, leaving the application's own alone. */
  addCookie(value: string): void;
}

/** What says where the request comes from. */
export function originOf(view: RequestView, hasSessionCookie: boolean): CsrfRequest {
  const { method, path, remoteAddress, encrypted } = view;
  return {
    method,
    path,
    upgrade: view.header("upgrade") !== undefined,
    origin: view.header("origin"),
    secFetchSite: view.header("sec-fetch-site"),
    host: view.header("host"),
    remoteAddress,
    encrypted,
    hasSessionCookie,
  };
}

/**
 * The same request where only its session is asked for: no activity, no new token, and no judgement
 * of where it came from, which is then the caller's.
 */
export function quiet(view: RequestView): RequestView {
  return {
    method: "GET",
    path: view.path,
    header: (name) => view.header(name),
    remoteAddress: view.remoteAddress,
    encrypted: view.encrypted,
    activity: false,
    canSetToken: false,
  };
}
