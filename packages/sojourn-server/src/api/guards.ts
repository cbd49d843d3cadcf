/** Who is asking: service keys for the Backend group, sessions for the Self group. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { Exchange, ResponseHead, Session } from "sojourn";
import type { Caller } from "../control/key-desk.ts";
import type { Scope } from "../control/key-table.ts";
import { RateLimit, rateHeaders } from "./rate-limit.ts";
import { Refusal } from "./problems.ts";
import type { App, House } from "./types.ts";
import { lockFactors } from "./views.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a service key must be allowed to do. */
    scope?: Scope;
    /** The request is a person's act and slides the idle deadline. */
    activity?: boolean;
  }
}

const SERVICE_KEY = /^Bearer (sj1k_[\w-]{1,512})$/i;

export function limited(limit: RateLimit, caller: string, reply: FastifyReply): void {
  if (!limit.enabled) return;
  const allowance = limit.take(caller, performance.now());
  void reply.headers(rateHeaders(limit, allowance));
  if (allowance.allowed) return;
  const { retryAfterSeconds } = allowance;
  throw new Refusal(problemOf("rate_limited", { retryAfterSeconds }));
}

/** Every route of this group wants a service key; it is looked at before the body is. */
export function requireServiceKey(app: App, house: House): void {
  const limit = new RateLimit(house.config.rateLimit);
  app.addHook("onRequest", async (request, reply) => {
    const [, text] = SERVICE_KEY.exec(request.headers.authorization ?? "") ?? [];
    const caller = text === undefined ? undefined : await house.keys.authenticate(text);
    limited(limit, caller === undefined ? `from ${request.ip}` : `key ${caller.keyId}`, reply);
    if (caller === undefined) throw new Refusal(notProved(request.headers.authorization));
    const scope = request.routeOptions.config.scope ?? "sessions:write";
    requireScope(caller, scope);
    request.caller = caller;
  });
}

function notProved(header: string | undefined): ReturnType<typeof problemOf> {
  const detail = "Send a service key: Authorization: Bearer sj1k_… (sojourn keys create).";
  return problemOf("unauthenticated", {
    detail,
    ...(header === undefined ? {} : { challenge: "invalid_token" as const }),
  });
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
    const { socket } = request.raw;
    const exchange = await house.sessions.exchange({
      method: request.method,
      path: request.url,
      header: (name) => headerOf(request.headers[name]),
      remoteAddress: socket.remoteAddress,
      encrypted: "encrypted" in socket && socket.encrypted === true,
      activity: request.routeOptions.config.activity ?? false,
    });
    const { refusal, session } = exchange;
    limited(limit, session.id ?? `from ${request.ip}`, reply);
    if (refusal !== undefined) throw new Refusal(refusal);
    request.exchange = exchange;
    // Whoever proved nothing gets no further: no body is read, no field is judged.
    if (session.endedReason === undefined) ownSession(request);
  });
  app.addHook("onSend", async (request, reply) => {
    const { exchange } = request;
    if (exchange === null) return;
    while (exchange.working !== undefined) await exchange.working;
    exchange.commit(headOf(reply));
  });
}

function headerOf(value: string | string[] | undefined): string | undefined {
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
  const reason = session.endedReason;
  if (reason !== undefined) throw new Refusal(problemOf("session_ended", { reason }));
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
