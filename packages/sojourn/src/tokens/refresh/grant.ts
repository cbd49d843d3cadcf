/**
 * What a family of refresh tokens may be used for: fixed when it is opened, never widened. Pure.
 * RFC 6749 section 6; RFC 9700 section 4.14.2.
 */

export interface RefreshGrant {
  /** The one resource server that its access tokens are for. */
  readonly audience: string;
  /** Space-separated, as granted; absent: none. */
  readonly scope?: string;
  /** RFC 7638 thumbprint of the client's key: every use needs a proof by it. RFC 9449 section 5. */
  readonly jkt?: string;
}

const AUDIENCE_CHARS_MAX = 512;
const SCOPE_CHARS_MAX = 1_024;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** What is wrong with a grant, as the option's name and what it takes; `undefined`: nothing. */
export function grantProblem(grant: RefreshGrant): readonly [string, string] | undefined {
  const { audience, scope, jkt } = grant;
  if (typeof audience !== "string" || audience === "" || audience.length > AUDIENCE_CHARS_MAX) {
    return ["audience", `takes a text of 1 to ${AUDIENCE_CHARS_MAX} characters`];
  }
  if (scope !== undefined && !isScope(scope)) {
    return ["scope", "takes scope tokens with one space between (RFC 6749)"];
  }
  if (jkt !== undefined && !(typeof jkt === "string" && THUMBPRINT.test(jkt))) {
    return ["jkt", "takes a SHA-256 thumbprint (RFC 7638)"];
  }
  return undefined;
}

function isScope(scope: unknown): boolean {
  return typeof scope === "string" && scope.length <= SCOPE_CHARS_MAX && SCOPE.test(scope);
}

export function formatGrant({ audience, scope, jkt }: RefreshGrant): string {
  return JSON.stringify({ audience, scope, jkt });
}

/** @returns `undefined` for what {@link formatGrant} did not write. */
export function readGrant(text: string): RefreshGrant | undefined {
  const grant = parsed(text) as RefreshGrant | null | undefined;
  if (typeof grant !== "object" || grant === null) return undefined;
  return grantProblem(grant) === undefined ? grant : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What one use asks for: nothing means all that was granted. */
export interface Asked {
  readonly audience?: string | undefined;
  readonly scope?: string | undefined;
}

/**
 * The grant for one use: the audience is the granted one, the scope at most the granted ones.
 * The family keeps what it was granted.
 */
export function narrowed(grant: RefreshGrant, asked: Asked): RefreshGrant | "audience" | "scope" {
  const { audience, scope } = asked;
  if (audience !== undefined && audience !== grant.audience) return "audience";
  if (scope === undefined) return grant;
  if (!isScope(scope)) return "scope";
  const granted = new Set(grant.scope?.split(" ") ?? []);
  return scope.split(" ").every((one) => granted.has(one)) ? { ...grant, scope } : "scope";
}
