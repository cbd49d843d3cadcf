/** Who is asking, and whether they may: what the routes of every group stand behind. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { Exchange, RequestView, ResponseHead, Session } from "sojourn";
import { present } from "../config/present.ts";
import type { Caller } from "../control/key-desk.ts";
import type { Scope } from "../control/key-table.ts";
import { RateLimit, rateHeaders } from "./rate-limit.ts";
import { Refusal } from "./problems.ts";
import { admitTenant } from "./tenant-guard.ts";
import type { App, House, RequestInHand } from "./types.ts";
import { lockFactors } from "./views.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a service key must be allowed to do. */
    scope?: Scope;
    /** The request is a person's act and slides the idle deadline. */
    activity?: boolean;
    /** A browser waits behind it, to which 429 would be the end of its session: 503 instead. */
    patient?: boolean;
  }
}

export function limited(limit: RateLimit, caller: string, reply: FastifyReply): void {
  if (!limit.enabled) return;
  const allowance = limit.take(caller, performance.now());
  void reply.headers(rateHeaders(limit, allowance));
  if (allowance.allowed) return;
  const { retryAfterSeconds } = allowance;
  const patient = reply.routeOptions.config.patient === true;
  throw new Refusal(problemOf(patient ? "unavailable" : "rate_limited", { retryAfterSeconds }));
}

/** @throws {Refusal} 403 naming the scope that is missing. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.includes(scope)) throw new Refusal(problemOf("forbidden", { scope }));
}

/** The key that was proved; the hook above has run. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Refusal(problemOf("unauthenticated"));
  return request.caller;
}

/** Every route of this group is about the session of its caller. */
export function requireExchange(app: App, house: House): void {
  const limit = new RateLimit(house.config.rateLimit);
  app.addHook("onRequest", async (request, reply) => {
    await admitTenant(house, house.tenants.own);
    const exchange = await house.sessions.exchange(viewOf(request));
    const { refusal, session } = exchange;
    limited(limit, session.id ?? `from ${request.ip}`, reply);
    if (refusal !== undefined) throw new Refusal(refusal);
    request.exchange = exchange;
    // Whoever proved nothing gets no further: no body is read, no field is judged.
    if (session.endedReason === undefined) ownSession(request);
  });
  commitExchanges(app);
}

/** What the exchange of a request has for its client leaves with the answer. */
export function commitExchanges(app: App): void {
  app.addHook("onSend", async (request, reply) => {
    const { exchange } = request;
    if (exchange === null) return;
    while (exchange.working !== undefined) await exchange.working;
    await exchange.commit(headOf(reply));
  });
}

/** A request as the library sees it. */
export function viewOf(request: FastifyRequest): RequestView {
  return {
    method: request.method,
    path: request.url,
    header: (name) => headerOf(request, name),
    ...peerOf(request),
    activity: request.routeOptions.config.activity ?? false,
  };
}

/** Who is at the other end of the connection: a proxy, if there is one. */
export function peerOf({
  raw: { socket },
}: Pick<RequestInHand, "raw">): Pick<RequestView, "remoteAddress" | "encrypted"> {
  const encrypted = "encrypted" in socket && socket.encrypted === true;
  return { remoteAddress: socket.remoteAddress, encrypted };
}

export function headerOf(
  request: Pick<RequestInHand, "headers">,
  name: string,
): string | undefined {
  const value = request.headers[name];
  return typeof value === "object" ? value.join(", ") : value;
}

export function headOf(reply: FastifyReply): ResponseHead {
  return {
    get: (name) => {
      const value = reply.getHeader(name);
      return typeof value === "number" ? String(value) : value;
    },
    set: (name, value) => void reply.header(name, value),
    // Fastify appends this one header instead of replacing it.
    addCookie: (value) => void reply.header("set-cookie", value),
  };
}

export function exchangeOf(request: FastifyRequest): Exchange {
  if (request.exchange === null) throw new Refusal(problemOf("unauthenticated"));
  return request.exchange;
}

/**
 * The caller's live session, in whatever state it is.
 *
 * @throws {Refusal} 401; with the reason for the holder of a credential that has ended.
 */
export function ownSession(request: FastifyRequest): Session {
  const { session } = exchangeOf(request);
  if (session.state !== "anonymous") return session;
  const { endedReason: reason, endedMessage: message } = session;
  if (reason !== undefined) {
    throw new Refusal(problemOf("session_ended", { reason, ...present({ message }) }));
  }
  const sent = request.headers.authorization !== undefined;
  const challenge = sent ? { challenge: "invalid_token" as const } : {};
  throw new Refusal(problemOf("unauthenticated", challenge));
}

/** The caller's session when nothing is missing. @throws {Refusal} 401, 403 (factor) or 423. */
export function ownActiveSession(request: FastifyRequest): Session & { readonly subject: string } {
  const session = ownSession(request);
  if (session.state === "locked") {
    const summary = session.describe();
    const factors = summary === undefined ? 1 : lockFactors(summary);
    throw new Refusal(problemOf("session_locked", { required: { factors } }));
  }
  if (session.subject === null) {
    const detail = "A factor is still missing: the application completes the sign-in.";
    throw new Refusal(problemOf("step_up_required", { required: {}, detail }));
  }
  return session as Session & { readonly subject: string };
}

/**
 * People look at and end their sessions only shortly after they gave a factor. ASVS 5.0 7.5.2.
 *
 * @throws {Refusal} 403 with the RFC 9470 challenge.
 */
export function requireFreshFactor(session: Session, maxAgeMs: number): void {
  if (session.unmet({ factors: 1, maxAgeMs }) === undefined) return;
  const maxAge = Math.round(maxAgeMs / 1_000);
  throw new Refusal(problemOf("step_up_required", { required: { maxAge } }));
}
