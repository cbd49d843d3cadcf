/** The small application in every framework that has an adapter. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import express4 from "express4";
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import type { Session } from "sojourn";
import { sessions as expressSessions, sessionErrors } from "sojourn/express";
import type { SessionRequest } from "sojourn/express";
import * as fastifyAdapter from "sojourn/fastify";
import { sessions as fetchSessions } from "sojourn/fetch";
import { sessions as honoSessions } from "sojourn/hono";
import type { SessionEnv } from "sojourn/hono";
import { sessions as koaSessions } from "sojourn/koa";
import { sessions as nodeSessions } from "sojourn/node";
import { bodyOf, bridge, headersOf, nodeBodyOf, responseOf, send } from "./bodies.ts";
import { nestExpress, nestFastify } from "./nest.ts";
import type { Application, Call, Reply } from "./servers.ts";
import type { Data, World } from "./world.ts";

/** What a server is made of. */
export interface Part {
  readonly place: World;
  readonly application: Application;
}

type Make = (part: Part) => Server | Promise<Server>;

export const FRAMEWORKS = {
  express5: (part) => expressServer(part, express),
  express4: (part) => expressServer(part, express4),
  node: nodeServer,
  fetch: fetchServer,
  fastify: fastifyServer,
  koa: koaServer,
  hono: honoServer,
  "nest-express": nestExpress,
  "nest-fastify": nestFastify,
} as const satisfies Readonly<Record<string, Make>>;

export function callOf(req: IncomingMessage, session: Session<Data>, body: string): Call {
  const url = new URL(req.url ?? "/", "http://localhost");
  return { session, method: req.method ?? "GET", url, body };
}

function expressServer({ place, application }: Part, make: typeof express): Server {
  const app = make();
  app.disable("x-powered-by");
  app.set("env", "test");
  app.use(make.urlencoded({ extended: false }));
  app.use(make.text({ type: "text/plain" }));
  app.use(expressSessions(place.sessions));
  // Express 4 does not look at promises.
  app.use((req, res, next) => {
    const { session } = req as unknown as SessionRequest<Data>;
    const body: unknown = req.body;
    const text = typeof body === "string" ? body : JSON.stringify(body ?? "");
    Promise.resolve(application(callOf(req, session, text)))
      .then((reply) => send(res, reply))
      .catch(next);
  });
  app.use(sessionErrors());
  return createServer(app);
}

function nodeServer({ place, application }: Part): Server {
  const withSession = nodeSessions(place.sessions);
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const session = await withSession(req, res);
    if (session === undefined) return;
    await send(res, await application(callOf(req, session, await bodyOf(req))));
  };
  return createServer((req, res) => {
    handle(req, res).catch(() => {
      res.statusCode = 500;
      res.end("error");
    });
  });
}

function fetchServer({ place, application }: Part): Server {
  const answer = fetchSessions(place.sessions, async (request, { session }) => {
    const { method, url } = request;
    const body = await request.text();
    return responseOf(await application({ session, method, url: new URL(url), body }));
  });
  return createServer((req, res) => {
    bridge(req, res, answer).catch(() => {
      res.statusCode = 500;
      res.end("error");
    });
  });
}

/** Bodies of any type as they came. */
export function parseAsText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
}

export function sendByFastify(reply: FastifyReply, answer: Reply): void {
  void reply
    .code(answer.status ?? 200)
    .headers(headersOf(answer))
    .send(nodeBodyOf(answer));
}

async function fastifyServer({ place, application }: Part): Promise<Server> {
  const app = Fastify();
  parseAsText(app);
  app.setErrorHandler(fastifyAdapter.sessionErrors());
  await app.register(fastifyAdapter.sessions, { sessions: place.sessions });
  app.all("/*", async (request, reply) => {
    const session = fastifyAdapter.sessionOf<Data>(request);
    const body = typeof request.body === "string" ? request.body : "";
    sendByFastify(reply, await application(callOf(request.raw, session, body)));
    return reply;
  });
  await app.ready();
  return app.server;
}

function koaServer({ place, application }: Part): Server {
  const app = new Koa();
  app.silent = true;
  app.use(koaSessions(place.sessions)).use(async (ctx) => {
    const answer = await application(callOf(ctx.req, ctx.session, await bodyOf(ctx.req)));
    ctx.status = answer.status ?? 200;
    ctx.set(headersOf(answer));
    ctx.body = nodeBodyOf(answer);
  });
  return createServer(app.callback());
}

function honoServer({ place, application }: Part): Server {
  const app = new Hono<SessionEnv<Data>>();
  app.use(honoSessions(place.sessions));
  app.onError((_error, c) => c.text("error", 500));
  app.all("*", async (c) => {
    const { method, url } = c.req;
    const session = c.get("session");
    const body = await c.req.text();
    return responseOf(await application({ session, method, url: new URL(url), body }));
  });
  return createServer(getRequestListener(app.fetch));
}
