/** The small application in NestJS, on Express and on Fastify; decorators called as functions. */
import type { Server } from "node:http";
import { All, Controller, Module, Req, Res } from "@nestjs/common";
import type { DynamicModule, INestApplication } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import type { NestFastifyApplication } from "@nestjs/platform-fastify";
import type { Request, Response } from "express";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "sojourn";
import { CurrentSession, SessionsModule } from "sojourn/nestjs";
import { bodyOf, callOf, parseAsText, send, sendByFastify } from "./bodies.ts";
import type { Part } from "./bodies.ts";
import type { Data } from "./world.ts";

const OPTIONS = { logger: false, bodyParser: false } as const;

/** Apply parameter decorators and one of the method to a method of a class. */
export function decorate(
  target: { readonly prototype: object },
  method: string,
  how: MethodDecorator,
  parameters: readonly ParameterDecorator[] = [],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, method);
  if (descriptor === undefined) throw new Error(`no method ${method}`);
  for (const [index, parameter] of parameters.entries()) parameter(target.prototype, method, index);
  how(target.prototype, method, descriptor);
}

/** A module with these controllers and sessions. */
function moduleOf(part: Part, controllers: (new () => object)[]): DynamicModule {
  class Root {
    readonly name = "root";
  }
  Module({})(Root);
  const sessions = SessionsModule.forRoot({ sessions: part.place.sessions, ...part.options });
  return { module: Root, imports: [sessions], controllers };
}

export async function started(app: INestApplication): Promise<Server> {
  await app.init();
  if (app.getHttpAdapter().getType() === "fastify") {
    await (app as NestFastifyApplication).getHttpAdapter().getInstance().ready();
  }
  return app.getHttpServer() as Server;
}

export async function nestExpress(part: Part): Promise<Server> {
  class Everything {
    async answer(req: Request, res: Response, session: Session<Data>): Promise<void> {
      await send(res, await part.application(callOf(req, session, await bodyOf(req))));
    }
  }
  Controller()(Everything);
  decorate(Everything, "answer", All("{*path}"), [Req(), Res(), CurrentSession()]);
  const adapter = new ExpressAdapter();
  return started(await NestFactory.create(moduleOf(part, [Everything]), adapter, OPTIONS));
}

export async function nestFastify(part: Part): Promise<Server> {
  class Everything {
    async answer(
      request: FastifyRequest,
      reply: FastifyReply,
      session: Session<Data>,
    ): Promise<void> {
      const body = typeof request.body === "string" ? request.body : "";
      sendByFastify(reply, await part.application(callOf(request.raw, session, body)));
    }
  }
  Controller()(Everything);
  decorate(Everything, "answer", All("*"), [Req(), Res(), CurrentSession()]);
  const adapter = new FastifyAdapter({ http2: part.http2 } as object);
  const root = moduleOf(part, [Everything]);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, OPTIONS);
  parseAsText(adapter.getInstance());
  return started(app);
}
