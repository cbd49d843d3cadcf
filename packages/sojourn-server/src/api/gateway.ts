/** The request that a gateway asks about, and what it is told of the session. */
import type { FastifyRequest } from "fastify";
import { clientOf, isTrustedPeer } from "sojourn";
import type { ForwardedRules, RequestView, Session } from "sojourn";
import { headerOf, viewOf } from "./guards.ts";
import { instant } from "./views.ts";

const METHOD_HEADERS = {
  "x-forwarded": "x-forwarded-method",
  "x-original": "x-original-method",
} as const;

/** How the gateways of one service speak. */
export interface GatewayRules {
  readonly hops: ForwardedRules;
  readonly naming: keyof typeof METHOD_HEADERS;
}

/** What the gateway's own address asks of the answer. */
interface Wishes {
  readonly activity: boolean;
  readonly canSetToken: boolean;
}

/** True where the asking peer is configured: whatever others name is theirs to choose. */
export function isGateway(rules: GatewayRules, request: FastifyRequest): boolean {
  return isTrustedPeer(rules.hops, request.socket.remoteAddress);
}

/** Where the original request came from; the peer itself, unless that is a gateway. */
export function clientAddressOf(rules: GatewayRules, request: FastifyRequest): string {
  return clientOf(rules.hops, viewOf(request)).address ?? "unknown";
}

/**
 * The original request. Its method is `undefined`, and so unsafe, unless a configured hop names
 * it. Its address is never looked at: nothing is decided by it.
 */
export function originalOf(
  rules: GatewayRules,
  request: FastifyRequest,
  wishes: Wishes,
): RequestView {
  const view = viewOf(request);
  const named = headerOf(request, METHOD_HEADERS[rules.naming]);
  // A socket is opened again by scripts: no act of a person, and no place for a new token.
  const upgrade = upgradeOf(view);
  return {
    ...view,
    header: (name) => (name === "upgrade" ? upgrade : view.header(name)),
    method: isGateway(rules, request) ? named : undefined,
    path: "/",
    activity: wishes.activity && upgrade === undefined,
    canSetToken: wishes.canSetToken && upgrade === undefined,
  };
}

/** Some gateways keep `Upgrade` to themselves; what else makes a WebSocket gets through. */
function upgradeOf(view: RequestView): string | undefined {
  const socket = ["sec-websocket-key", "sec-websocket-version"].some(
    (name) => view.header(name) !== undefined,
  );
  return view.header("upgrade") ?? (socket ? "websocket" : undefined);
}

/** Every name is sent each time: a gateway overwrites what the client sent under it. */
const IDENTITY_HEADERS = [
  "x-session-subject",
  "x-session-id",
  "x-session-tenant",
  "x-session-acr",
  "x-session-amr",
  "x-session-auth-time",
] as const;
type Identity = Readonly<Record<(typeof IDENTITY_HEADERS)[number], string>>;

/**
 * Who is asking, in characters that every header can carry: percent-encoded UTF-8, as in URLs.
 *
 * @returns `undefined` for a text that has no UTF-8: two subjects would become one.
 */
export function identityOf(session: Session & { readonly subject: string }): Identity | undefined {
  const { subject, id, tenant, assurance } = session;
  if (assurance === undefined) return undefined;
  const { acr = "", amr, authTime } = assurance;
  try {
    return {
      "x-session-subject": encodeURIComponent(subject),
      "x-session-id": id ?? "",
      "x-session-tenant": encodeURIComponent(tenant),
      "x-session-acr": encodeURIComponent(acr),
      "x-session-amr": amr.map(encodeURIComponent).join(" "),
      "x-session-auth-time": instant(authTime),
    };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
