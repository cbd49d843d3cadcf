/** The HTTP application: one place for everything that every request and answer has. */
import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import fastify, { LogController } from "fastify";
import type { FastifyBaseLogger, FastifyRequest } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { problemOf } from "sojourn";
import { mountConsole } from "../console/mount.ts";
import { BackendGate } from "./backend-gate.ts";
import { backend } from "./backend-plugins.ts";
import { acceptJson } from "./json-body.ts";
import { documentTransforms } from "./document-headers.ts";
import { openApi } from "./documents.ts";
import { HEADERS, noteAnswer, requestIdOf } from "./every-answer.ts";
import { requireExchange } from "./guards.ts";
import { requestScope } from "./log.ts";
import { answerOf, answerUnknownRoutes, Refusal, sendProblem, withStatus } from "./problems.ts";
import { ownBindingRoutes } from "./routes/device-bindings.ts";
import { forwardAuthRoute } from "./routes/forward-auth.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { publicRoutes } from "./routes/public.ts";
import { selfRoutes } from "./routes/self.ts";
import { keySetRoute } from "./routes/tokens.ts";
import type { App, House } from "./types.ts";
import { compileValidator } from "./validation.ts";
import { openVerifyLane } from "./verify-lane.ts";

/** A subject of 512 characters, every one of them percent-encoded. */
const PARAM_CHARS_MAX = 8_192;
const REQUEST_MS_MAX = 30_000;
const KEEP_ALIVE_MS = 72_000;

export async function buildApp(house: House, log: FastifyBaseLogger): Promise<App> {
  const gate = new BackendGate(house);
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
  app.setValidatorCompiler(compileValidator);
  // Replies are made by code of this folder; its tests hold them against the schemas.
  app.setSerializerCompiler(() => JSON.stringify);
  // The same, without a look-up by status and type for each reply.
  app.setReplySerializer((reply) => JSON.stringify(reply));
  app.decorateRequest("caller", null);
  app.decorateRequest("exchange", null);
  app.decorateRequest("signedIn", null);
  acceptJson(app);
  answerUnknownRoutes(app);
  addHooks(app, house, log);
  app.setErrorHandler((error, request, reply) => {
    const answer = answerOf(error, request);
    // A refusal is an answer of ours: balancers ask a service that is not ready again and again.
    if (answer.status >= 500 && !(error instanceof Refusal))
      request.log.error({ err: error }, "request failed");
    return sendProblem(reply, answer);
  });
  await app.register(swagger, {
    openapi: openApi,
    ...documentTransforms(),
  });
  app.register(async (scope) => publicRoutes(scope, house));
  app.register(async (scope) => keySetRoute(scope, house));
  app.register(async (scope) => {
    scope.addHook("onRequest", async (request, reply) => {
      request.caller = await gate.admit(request, reply);
    });
    backend(scope, house);
  });
  app.register(async (scope) => ownBindingRoutes(scope, house));
  app.register(async (scope) => oauthRoutes(scope, house));
  app.register(async (scope) => forwardAuthRoute(scope, house));
  app.register(async (scope) => {
    requireExchange(scope, house);
    selfRoutes(scope, house);
  });
  if (house.console !== undefined) mountConsole(app, house, house.console);
  await app.ready();
  openVerifyLane(app.server, { house, gate, log });
  return app;
}

function addHooks(app: App, house: House, log: FastifyBaseLogger): void {
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers({ ...HEADERS, "x-request-id": request.id });
    const phase = house.phase();
    // A balancer that keeps connections finds out by the first answer on each.
    if (phase !== "serving") void reply.header("connection", "close");
    if (phase !== "stopping") {
      requestScope.run(request, done);
      return;
    }
    const detail = "The service is stopping; try again.";
    void sendProblem(reply, problemOf("unavailable", { detail }));
  });
  // Parsing a body continues in the socket's context, which is an earlier request's.
  app.addHook("preValidation", (request, _reply, done) => {
    requestScope.run(request, done);
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { statusCode: status, elapsedTime: elapsedMs } = reply;
    noteAnswer(house, log, request, { status, route: routeOf(request), elapsedMs });
    done();
  });
}

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
