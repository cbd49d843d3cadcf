/** The JSON that a browser is answered with. */

export interface BoundSession {
  readonly sessionIdentifier: string;
  readonly refreshPath: string;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly cookie: { readonly name: string; readonly attributes: string };
}

/**
 * What is bound: one cookie of one origin. The site is never included: a `__Host-` cookie does not
 * leave its host. The identifier is the same at every refresh; another one would be fatal.
 */
export function configurationOf({
  sessionIdentifier,
  refreshPath,
  origin,
  cookie,
}: BoundSession): string {
  return JSON.stringify({
    session_identifier: sessionIdentifier,
    refresh_url: refreshPath,
    scope: { origin, include_site: false, scope_specification: [] },
    credentials: [{ type: "cookie", ...cookie }],
    allowed_refresh_initiators: [],
  });
}

/** Ends the browser's side: it forgets session and key. */
export function terminationOf(sessionIdentifier: string): string {
  return JSON.stringify({ session_identifier: sessionIdentifier, continue: false });
}
