/** An error of the library that comes when the headers have left: no problem can be answered. */
import { createServer, get } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Controller, Get, Module, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import express from "express";
import type { NextFunction, Request, Response } from "express";
import Koa from "koa";
import { SessionEndedError } from "sojourn";
import { sessionErrors, sessions as expressSessions } from "sojourn/express";
import { sessions as koaSessions } from "sojourn/koa";
import { SessionsModule } from "sojourn/nestjs";
import { afterEach, expect, it } from "vitest";
import { decorate, started } from "../support/nest.ts";
import { listen, stopServers } from "../support/servers.ts";
import { world } from "../support/world.ts";

afterEach(stopServers);

const LATE = new SessionEndedError("logout");
const BEGUN = "begun";

/** A part of the body, on its way; then the error. */
async function begin(res: ServerResponse): Promise<never> {
  res.writeHead(200, { "content-type": "text/plain" });
  await new Promise<void>((resolve) => void res.write(BEGUN, () => resolve()));
  throw LATE;
}

/** What of a body arrives, and whether its end does. */
function bodyOf(url: string): Promise<{ readonly text: string; readonly complete: boolean }> {
  return new Promise((resolve, reject) => {
    const asked = get(url, (response: IncomingMessage) => {
      let text = "";
      response.on("data", (part: Buffer) => void (text += part.toString()));
      response.on("error", () => undefined);
      response.on("close", () => resolve({ text, complete: response.complete }));
    });
    asked.on("error", reject);
  });
}

it("goes on to Express' next error handler as it is", async () => {
  const app = express();
  const heard: unknown[] = [];
  app.use(expressSessions(world().sessions));
  app.get("/", (_req, res) => begin(res));
  app.use(sessionErrors());
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    heard.push(error);
    res.destroy();
  });
  const { url } = await listen(createServer(app));
  expect(await bodyOf(url)).toEqual({ text: BEGUN, complete: false });
  expect(heard).toEqual([LATE]);
});

it("goes on to Koa, and nothing is added to the body", async () => {
  const app = new Koa();
  const heard: unknown[] = [];
  app.on("error", (error: unknown, ctx: Koa.Context) => {
    heard.push(error);
    ctx.res.destroy();
  });
  app.use(koaSessions(world().sessions)).use((ctx) => begin(ctx.res));
  const listener = app.callback();
  const { url } = await listen(createServer((req, res) => void listener(req, res)));
  expect(await bodyOf(url)).toEqual({ text: BEGUN, complete: false });
  expect(heard).toEqual([LATE]);
});

it.each(["express", "fastify"])("cuts the answer off in Nest on %s", async (platform) => {
  class Slow {
    answer(reply: ServerResponse & { readonly raw?: ServerResponse }): Promise<never> {
      return begin(reply.raw ?? reply);
    }
  }
  Controller()(Slow);
  decorate(Slow, "answer", Get("/"), [Res()]);
  class Root {
    readonly name = "root";
  }
  Module({})(Root);
  const imports = [SessionsModule.forRoot({ sessions: world().sessions })];
  const adapter = platform === "express" ? new ExpressAdapter() : new FastifyAdapter();
  const root = { module: Root, imports, controllers: [Slow] };
  const { url } = await listen(
    await started(await NestFactory.create(root, adapter, { logger: false })),
  );
  expect(await bodyOf(url)).toEqual({ text: BEGUN, complete: false });
});
