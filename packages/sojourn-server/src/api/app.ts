/** The HTTP application: one place for everything that every request and answer has. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import fastify, { LogController } from "fastify";
import type { FastifyBaseLogger, FastifyRequest } from "fastify";
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  validatorCompiler,
} from "fastify-type-provider-zod";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { problemOf } from "sojourn";
import { acceptJson } from "./json-body.ts";
import { openApi } from "./documents.ts";
import { requireExchange, requireServiceKey } from "./guards.ts";
import { requestScope } from "./log.ts";
import { answerOf, answerUnknownRoutes, Refusal, sendProblem, withStatus } from "./problems.ts";
import { actionRoutes } from "./routes/backend-actions.ts";
import { openRoutes } from "./routes/backend-open.ts";
import { sessionRoutes } from "./routes/backend-sessions.ts";
import { subjectRoutes } from "./routes/backend-subjects.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { publicRoutes } from "./routes/public.ts";
import { selfRoutes } from "./routes/self.ts";
import { keySetRoute, tokenRoutes } from "./routes/tokens.ts";
import type { App, House } from "./types.ts";

/** A subject of 512 characters, every one of them percent-encoded. */
const PARAM_CHARS_MAX = 8_192;
const REQUEST_MS_MAX = 30_000;
const KEEP_ALIVE_MS = 72_000;
const SECOND_MS = 1_000;
/** No token of ours fits: neither in length nor in its beginning. */
const REQUEST_ID = /^(?!sj1)[A-Za-z0-9._-]{1,64}$/;

/** On every answer: not kept by caches, not embedded, not sniffed. OWASP ASVS 5.0 3.4, 14.3. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export async function buildApp(house: House, log: FastifyBaseLogger): Promise<App> {
  const app: App = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: house.config.bodyLimitBytes,
    genReqId: requestIdOf,
    requestIdHeader: false,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Answered below, as a problem.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    clientErrorHandler: (error, socket) => answerGarbage(error, socket),
    frameworkErrors: (error, request, reply) => {
      void reply.headers({ ...HEADERS, "x-request-id": request.id });
      return void sendProblem(reply, answerOf(error, request));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  // Replies are made by code of this folder; its tests hold them against the schemas.
  app.setSerializerCompiler(() => JSON.stringify);
  app.decorateRequest("caller", null);
  app.decorateRequest("exchange", null);
  acceptJson(app);
  answerUnknownRoutes(app);
  addHooks(app, house);
  app.setErrorHandler((error, request, reply) => {
    const answer = answerOf(error, request);
    // A refusal is an answer of ours: balancers ask a service that is not ready again and again.
    if (answer.status >= 500 && !(error instanceof Refusal))
      request.log.error({ err: error }, "request failed");
    return sendProblem(reply, answer);
  });
  await app.register(swagger, {
    openapi: openApi,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  app.register(async (scope) => {
    publicRoutes(scope, house);
    keySetRoute(scope, house);
  });
  app.register(async (scope) => {
    requireServiceKey(scope, house);
    openRoutes(scope, house);
    sessionRoutes(scope, house);
    actionRoutes(scope, house);
    subjectRoutes(scope, house);
    tokenRoutes(scope, house);
  });
  app.register(async (scope) => oauthRoutes(scope, house));
  app.register(async (scope) => {
    requireExchange(scope, house);
    selfRoutes(scope, house);
  });
  await app.ready();
  return app;
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

function addHooks(app: App, house: House): void {
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers({ ...HEADERS, "x-request-id": request.id });
    const phase = house.phase();
    // A balancer that keeps connections finds out by the first answer on each.
    if (phase !== "serving") void reply.header("connection", "close");
    if (phase !== "stopping") {
      requestScope.run({ id: request.id }, done);
      return;
    }
    const detail = "The service is stopping; try again.";
    void sendProblem(reply, problemOf("unavailable", { detail }));
  });
  // Parsing a body continues in the socket's context, which is an earlier request's.
  app.addHook("preValidation", (request, _reply, done) => {
    requestScope.run({ id: request.id }, done);
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = routeOf(request);
    const ms = Math.round(reply.elapsedTime * 1_000) / 1_000;
    const { method } = request;
    const status = reply.statusCode;
    const { caller } = request;
    const who = caller === null ? {} : { tenant: caller.tenant, key: caller.name };
    request.log.info({ method, route, status, ms, ...who }, "request");
    if (route.endsWith("/stream")) return;
    const labels = { method, route, status: String(status) };
    house.metrics.httpSeconds.observe(labels, reply.elapsedTime / SECOND_MS);
  });
}

/** The pattern, never the address: ids and queries stay out of logs and metrics. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? "unmatched";
}

/** What is no HTTP request at all gets a problem too; nothing of it is repeated. */
function answerGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const { body } = withStatus(problemOf("invalid_request", { errors: [] }), status);
  const head = [
    `HTTP/1.1 ${status} Bad Request`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
