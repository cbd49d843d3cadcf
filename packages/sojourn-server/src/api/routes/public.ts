/** What anybody may ask: the page, the OpenAPI document, whether the service is well. */
import { problemOf } from "sojourn";
import { z } from "zod";
import { answers, answersWith, open } from "../documents.ts";
import { Refusal } from "../problems.ts";
import type { App, House } from "../types.ts";
import { PAGE_POLICY, renderPage } from "../page.ts";

const status = z.strictObject({ status: z.literal("ok") });

export function publicRoutes(app: App, house: House): void {
  app.get(
    "/",
    {
      schema: {
        ...open,
        operationId: "page",
        summary: "What this is, for people",
        response: answersWith("text/html", "A page."),
      },
    },
    (request, reply) =>
      reply
        .headers({ "content-type": "text/html; charset=utf-8", ...PAGE_POLICY })
        .send(renderPage(originOf(request.raw.socket, house))),
  );
  app.get(
    "/openapi.json",
    {
      schema: {
        ...open,
        operationId: "openApi",
        summary: "This document",
        response: answers(z.looseObject({}), "OpenAPI 3.1."),
      },
    },
    (_request, reply) =>
      reply.headers({ "cache-control": "public, max-age=60" }).send(app.swagger()),
  );
  app.get(
    "/healthz",
    {
      schema: {
        ...open,
        operationId: "healthz",
        summary: "The process answers",
        response: answers(status, "It does."),
      },
    },
    () => ({ status: "ok" }) as const,
  );
  app.get(
    "/readyz",
    {
      schema: {
        ...open,
        operationId: "readyz",
        summary: "The store can be written",
        response: answers(status, "It can."),
      },
    },
    async () => {
      if (!(await isReady(house))) throw new Refusal(problemOf("unavailable"));
      return { status: "ok" } as const;
    },
  );
}

/** @returns false while the store cannot be written, or the service is stopping. */
export async function isReady(house: House): Promise<boolean> {
  if (house.stopping()) return false;
  try {
    return (await house.sessions.health()).writable;
  } catch {
    return false;
  }
}

/** From where this process listens, never from what the request says of its host. */
function originOf(socket: { readonly localPort?: number | undefined }, house: House): string {
  const { host } = house.config;
  const shown = host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${socket.localPort ?? house.config.port}`;
}
