/** The small application in every framework that has an adapter. */
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import express4 from "express4";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { problemOfError } from "sojourn";
import { sessions as expressSessions, sessionErrors } from "sojourn/express";
import type { SessionRequest } from "sojourn/express";
import * as fastifyAdapter from "sojourn/fastify";
import { sessions as fetchSessions } from "sojourn/fetch";
import { sessions as honoSessions } from "sojourn/hono";
import type { SessionEnv } from "sojourn/hono";
import { sessions as koaSessions } from "sojourn/koa";
import { sessions as nodeSessions } from "sojourn/node";
import {
  bodyOf,
  bridge,
  callOf,
  headersOf,
  nodeBodyOf,
  parseAsText,
  responseOf,
  send,
  sendByFastify,
} from "./bodies.ts";
import type { Part } from "./bodies.ts";
import { nestExpress, nestFastify } from "./nest.ts";
import type { Data } from "./world.ts";

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

/** HTTP/2 without TLS, as behind a proxy, has Node's own objects that look like those of HTTP/1. */
function serverOf({ http2 }: Part, listener: RequestListener): Server {
  return http2 === true
    ? (createHttp2Server(listener as never) as unknown as Server)
    : createServer(listener);
}

function expressServer(part: Part, make: typeof express): Server {
  const { place, application, options } = part;
  const app = make();
  app.disable("x-powered-by");
  app.set("env", "test");
  app.use(make.urlencoded({ extended: false }));
  app.use(make.text({ type: "text/plain" }));
  app.use(expressSessions(place.sessions, options));
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
  return serverOf(part, app);
}

function nodeServer(part: Part): Server {
  const { place, application, options } = part;
  const withSession = nodeSessions(place.sessions, options);
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const session = await withSession(req, res);
    if (session === undefined) return;
    await send(res, await application(callOf(req, session, await bodyOf(req))));
  };
  return serverOf(part, (req, res) => {
    handle(req, res).catch((error: unknown) => {
      const { status, headers, body } = problemOfError(error);
      if (res.headersSent) res.destroy();
      else res.writeHead(status, headers).end(body);
    });
  });
}

function fetchServer(part: Part): Server {
  const { place, application, options } = part;
  const answer = fetchSessions(
    place.sessions,
    async (request, { session }) => {
      const { method, url } = request;
      const body = await request.text();
      return responseOf(await application({ session, method, url: new URL(url), body }));
    },
    options,
  );
  return serverOf(part, (req, res) => {
    bridge(req, res, answer).catch(() => {
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end("error");
    });
  });
}

async function fastifyServer({ place, application, options, http2 }: Part): Promise<Server> {
  const app = Fastify({ http2 } as object);
  parseAsText(app);
  app.setErrorHandler(fastifyAdapter.sessionErrors());
  await app.register(fastifyAdapter.sessions, { sessions: place.sessions, ...options });
  app.all("/*", async (request, reply) => {
    const session = fastifyAdapter.sessionOf<Data>(request);
    const body = typeof request.body === "string" ? request.body : "";
    sendByFastify(reply, await application(callOf(request.raw, session, body)));
    return reply;
  });
  await app.ready();
  return app.server;
}

function koaServer(part: Part): Server {
  const { place, application, options } = part;
  const app = new Koa();
  app.silent = true;
  app.use(koaSessions(place.sessions, options)).use(async (ctx) => {
    const answer = await application(callOf(ctx.req, ctx.session, await bodyOf(ctx.req)));
    ctx.status = answer.status ?? 200;
    ctx.set(headersOf(answer));
    ctx.body = nodeBodyOf(answer);
  });
  const listener = app.callback();
  return serverOf(part, (req, res) => void listener(req, res));
}

function honoServer(part: Part): Server {
  const { place, application, options } = part;
  const app = new Hono<SessionEnv<Data>>();
  app.use(honoSessions(place.sessions, options));
  app.onError((_error, c) => c.text("error", 500));
  app.all("*", async (c) => {
    const { method, url } = c.req;
    const session = c.get("session");
    const body = await c.req.text();
    return responseOf(await application({ session, method, url: new URL(url), body }));
  });
  const listener = getRequestListener(app.fetch);
  return serverOf(part, (req, res) => void listener(req, res));
}
