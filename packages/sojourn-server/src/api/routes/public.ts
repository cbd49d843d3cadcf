/** What anybody may ask: the page, the OpenAPI document, whether the service is well. */
import { problemOf } from "sojourn";
import { z } from "zod";
import { AUDIT_STATES } from "../../audit/audit-log.ts";
import { answers, answersWith, open } from "../documents.ts";
import { Refusal } from "../problems.ts";
import type { App, House } from "../types.ts";
import { PAGE_POLICY, renderPage } from "../page.ts";

const status = z.strictObject({ status: z.literal("ok") });
const readiness = z.strictObject({
  status: z.literal("ok"),
  store: z.strictObject({ role: z.enum(["primary", "replica"]), writable: z.literal(true) }),
  audit: z.enum(AUDIT_STATES).meta({ description: "How entries come into the audit trail now." }),
});

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
        summary: "The store can be written and the service is not stopping",
        response: answers(readiness, "Requests may come."),
      },
    },
    async () => {
      const ready = await readinessOf(house);
      if (typeof ready === "string") {
        throw new Refusal(problemOf("unavailable", { detail: ready }));
      }
      return ready;
    },
  );
}

/** @returns why no requests should come: no store to write, or the service is stopping. */
export async function readinessOf(house: House): Promise<z.infer<typeof readiness> | string> {
  if (house.phase() !== "serving") return "The service is stopping.";
  try {
    const { role, writable } = await house.sessions.health("any");
    const audit = house.audit.log.state;
    if (writable) return { status: "ok", store: { role, writable }, audit };
    return `The session store takes no writes (role: ${role}).`;
  } catch {
    return "The session store does not answer.";
  }
}

/** From where this process listens, never from what the request says of its host. */
function originOf(socket: { readonly localPort?: number | undefined }, house: House): string {
  const { host } = house.config;
  const shown = host.includes(":") ? `[${host}]` : host;
  return `http://${shown}:${socket.localPort ?? house.config.port}`;
}
