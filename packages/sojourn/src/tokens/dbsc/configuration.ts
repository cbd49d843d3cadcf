/** The JSON that a browser is answered with. */

export interface BoundSession {
  readonly sessionIdentifier: string;
  readonly refreshPath: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Every host of the site is bound, `origin` being its registrable domain's. */
  readonly wholeSite: boolean;
  readonly cookie: { readonly name: string; readonly attributes: string };
}

/**
 * What is bound: one cookie of one origin or of a whole site. The identifier is the same at every
 * refresh; another one would be fatal.
 */
export function configurationOf({
  sessionIdentifier,
  refreshPath,
  origin,
  wholeSite,
  cookie,
}: BoundSession): string {
  return JSON.stringify({
    session_identifier: sessionIdentifier,
    refresh_url: refreshPath,
    scope: { origin, include_site: wholeSite, scope_specification: [] },
    credentials: [{ type: "cookie", ...cookie }],
    allowed_refresh_initiators: [],
  });
}

/** Ends the browser's side: it forgets session and key. */
export function terminationOf(sessionIdentifier: string): string {
  return JSON.stringify({ session_identifier: sessionIdentifier, continue: false });
}

/** Where browsers ask whether a subdomain may bind the whole site. */
export const WELL_KNOWN_PATH = "/.well-known/device-bound-sessions";

export function wellKnownOf(registeringOrigins: readonly string[]): string {
  return JSON.stringify({ registering_origins: registeringOrigins });
}
