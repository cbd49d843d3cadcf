/**
 * The question of a gateway in front of other back ends: may this request go on, and whose is it?
 * Answered with what every gateway can pass on: 200, 401, 403 and 503.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { forwardedRules, problemOf } from "sojourn";
import type { ProblemAnswer, Requirement, Session } from "sojourn";
import { z } from "zod";
import { answersWith, self } from "../documents.ts";
import { clientAddressOf, identityOf, isGateway, originalOf } from "../gateway.ts";
import type { GatewayRules } from "../gateway.ts";
import { commitExchanges, limited, ownActiveSession, ownSession } from "../guards.ts";
import { answerOf, Refusal, withStatus } from "../problems.ts";
import { admitTenant } from "../tenant-guard.ts";
import { RateLimit } from "../rate-limit.ts";
import type { App, House } from "../types.ts";
import { lockFactors } from "../views.ts";

const SECOND_MS = 1_000;
const WORD_MAX = 64;

const yesOrNo = z.enum(["true", "false"]).default("true");

const forwardAuthQuery = z.strictObject({
  acr: z.string().min(1).max(WORD_MAX).optional().meta({ description: "Class to be reached." }),
  maxAge: z.coerce.number().int().min(0).optional().meta({
    description: "Seconds since a factor was given, at most.",
  }),
  factors: z.coerce.number().int().min(1).max(3).optional().meta({
    description: "Kinds of factors that were given, at least.",
  }),
  activity: yesOrNo.meta({ description: "`false` for paths that pages poll." }),
  canSetToken: yesOrNo.meta({ description: "`false` for paths that answer late." }),
});
type ForwardAuthQuery = z.infer<typeof forwardAuthQuery>;

const says =
  "It may go on. `X-Session-Subject`, `-Id`, `-Tenant`, `-Acr`, `-Amr` and `-Auth-Time` are for " +
  "the back end, percent-encoded; a `Set-Cookie` is for the client.";

export function forwardAuthRoute(app: App, house: House): void {
  const rules = gatewayRules(house);
  const limit = new RateLimit(house.config.rateLimit);
  const { forwardAuths } = house.metrics;
  const tellOnce = strangerNotice(rules);
  commitExchanges(app);
  keepYes(app, house, rules);
  app.setErrorHandler((error, request, reply) => {
    const { problem } = answerOf(error, request);
    forwardAuths.inc({ answer: problem.code });
    // Gateways that drop the body of a refusal can pass these on.
    void reply.header("x-session-problem", problem.code);
    if ("reason" in problem) void reply.header("x-session-reason", problem.reason);
    throw error;
  });
  app.get(
    "/v1/forward-auth",
    {
      exposeHeadRoute: false,
      // A gateway can pass no 429 on.
      config: { patient: true },
      schema: {
        ...self,
        operationId: "forwardAuth",
        summary: "May the request that a gateway asks about go on, and whose is it?",
        description:
          "With the cookie or bearer token of the original request. Its method counts from " +
          "`proxies` alone, in `X-Forwarded-Method`; without it the request is unsafe. 423 is 403 " +
          "here. `X-Session-Problem` repeats the problem's code.",
        querystring: forwardAuthQuery,
        response: answersWith("text/plain", says),
      },
    },
    async (request, reply) => {
      tellOnce(request);
      const { query } = request;
      const wishes = {
        activity: query.activity === "true",
        canSetToken: query.canSetToken === "true",
      };
      await admitTenant(house, house.tenants.own);
      const exchange = await house.sessions.exchange(originalOf(rules, request, wishes));
      const { refusal, session } = exchange;
      limited(limit, session.id ?? `from ${clientAddressOf(rules, request)}`, reply);
      if (refusal !== undefined) throw new Refusal(refusal);
      request.exchange = exchange;
      const own = admitted(request);
      for (const required of [house.config.gateway.require, requirementOf(query)]) {
        demand(own, required);
      }
      const identity = identityOf(own);
      if (identity === undefined) throw new Refusal(unspeakable());
      forwardAuths.inc({ answer: "ok" });
      return reply.headers(identity).type("text/plain").serializer(String).send("");
    },
  );
}

function gatewayRules({ config }: House): GatewayRules {
  const { proxies, forwardedHeader } = config.library;
  const hops = forwardedRules({
    ...(proxies === undefined ? {} : { proxies }),
    ...(forwardedHeader === undefined ? {} : { header: forwardedHeader }),
  });
  return { hops, naming: config.gateway.naming };
}

/** The first who asks without being configured is told of in the log: it may be the gateway. */
function strangerNotice(rules: GatewayRules): (request: FastifyRequest) => void {
  let told = false;
  return (request) => {
    if (told || isGateway(rules, request)) return;
    told = true;
    const message =
      "somebody asks /v1/forward-auth who is not among `proxies`: what it names is not believed, " +
      "so that every request is judged as an unsafe one. Add your gateway's address to `proxies`";
    request.log.warn({ message }, "warning");
  };
}

/** @throws {Refusal} 401, 403; where others say 423 a gateway is told 403. */
function admitted(request: FastifyRequest): Session & { readonly subject: string } {
  const session = ownSession(request);
  if (session.state !== "locked") return ownActiveSession(request);
  const summary = session.describe();
  const required = { factors: summary === undefined ? 1 : lockFactors(summary) };
  const locked = withStatus(problemOf("session_locked", { required }), 403);
  const { headers } = problemOf("step_up_required", { required });
  throw new Refusal({ ...locked, headers });
}

function requirementOf({ acr, maxAge, factors }: ForwardAuthQuery): Requirement {
  return {
    ...(acr === undefined ? {} : { acr }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * SECOND_MS }),
    ...(factors === undefined ? {} : { factors }),
  };
}

/** @throws {Refusal} 403 with the challenge of RFC 9470. */
function demand(session: Session, required: Requirement): void {
  const unmet = session.unmet(required);
  if (unmet === undefined) return;
  const { acr, maxAgeMs, factors } = unmet;
  throw new Refusal(
    problemOf("step_up_required", {
      required: {
        ...(acr === undefined ? {} : { acr }),
        ...(maxAgeMs === undefined ? {} : { maxAge: Math.round(maxAgeMs / SECOND_MS) }),
        ...(factors === undefined ? {} : { factors }),
      },
    }),
  );
}

/** Fails closed: the back end would take this subject for another. */
function unspeakable(): ProblemAnswer {
  const detail = "The subject is no well-formed Unicode: no header can name it.";
  return problemOf("forbidden", { detail });
}

const VARY = "Cookie, Authorization, Origin, Sec-Fetch-Site, Upgrade";
const SAFE = ["GET", "HEAD"];

/**
 * Let a gateway keep a yes, where that is configured: for reading requests, while no deadline of
 * the session falls into the span, and never with a cookie. Which is which `Vary` says, besides the
 * method; to other caches it is private.
 */
function keepYes(app: App, house: House, rules: GatewayRules): void {
  const { cacheMs, require } = house.config.gateway;
  if (cacheMs === undefined || require.maxAgeMs !== undefined) return;
  app.addHook("onSend", async (request: FastifyRequest, reply: FastifyReply) => {
    const { maxAge } = request.query as Partial<ForwardAuthQuery>;
    if (reply.statusCode !== 200 || maxAge !== undefined || request.exchange === null) return;
    if (reply.getHeader("set-cookie") !== undefined) return;
    const wishes = { activity: false, canSetToken: false };
    const original = originalOf(rules, request, wishes);
    if (!SAFE.includes(original.method ?? "")) return;
    if (original.header("upgrade") !== undefined) return;
    const { idleExpiresAt = 0, absoluteExpiresAt = 0 } = request.exchange.session;
    const leftMs = Math.min(idleExpiresAt, absoluteExpiresAt) - house.now();
    const seconds = Math.floor(Math.min(cacheMs, leftMs) / SECOND_MS);
    if (seconds < 1) return;
    void reply.headers({
      "cache-control": `private, max-age=${seconds}`,
      "x-accel-expires": String(seconds),
      vary: VARY,
    });
  });
}
