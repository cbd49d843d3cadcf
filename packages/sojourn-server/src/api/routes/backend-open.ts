/** Backend group: open a session, verify tokens. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { OpenOptions } from "sojourn";
import { problemOf } from "sojourn";
import type { z } from "zod";
import { setEtag } from "../conditional.ts";
import { answers, backend, creates } from "../documents.ts";
import { JSON_TYPE } from "../every-answer.ts";
import { callerOf, requireScope } from "../guards.ts";
import { once } from "../idempotency.ts";
import { Refusal } from "../problems.ts";
import { withinQuota } from "../tenant-guard.ts";
import { createBody, createReply, verifyBody, verifyReply } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { keptDevice } from "../circumstances.ts";
import { offerOf } from "./device-bindings.ts";
import { VERIFY_PATH, verifyText } from "../verdicts.ts";
import { instant, sessionView, summaryView } from "../views.ts";

type CreateBody = z.infer<typeof createBody>;

export function openRoutes(app: App, house: House): void {
  app.post(
    "/v1/sessions",
    {
      config: { scope: "sessions:write", etag: true },
      schema: {
        ...backend,
        operationId: "openSession",
        summary: "Open a session after you authenticated somebody",
        description: "With `Idempotency-Key` a retry gets the same reply for 24 hours.",
        body: createBody,
        response: creates(createReply, "The session and, this once, its token."),
      },
    },
    (request, reply) => once(house.replies, request, reply, () => open(house, request, reply)),
  );
  app.post(
    VERIFY_PATH,
    {
      config: { scope: "sessions:read", repeatable: true },
      schema: {
        ...backend,
        operationId: "verify",
        summary: "What is a token worth now? One, or up to 500 at once",
        description: "Unknown, forged and foreign tokens are answers, not errors.",
        body: verifyBody,
        response: answers(verifyReply, "A verdict, or `results` for `tokens`."),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      // A successor is a credential that did not exist before.
      if (request.body.canSetToken) requireScope(caller, "sessions:write");
      const text = await verifyText(house, caller.tenant, request.body);
      void reply.header("content-type", JSON_TYPE);
      return text;
    },
  );
}

async function open(
  house: House,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<z.infer<typeof createReply>> {
  const caller = callerOf(request);
  const { tenant } = caller;
  const body = request.body as CreateBody;
  if (body.actor !== undefined) requireScope(caller, "sessions:impersonate");
  const options = openOptions(house, body, tenant);
  const opened = await withinQuota(house, tenant, () => house.sessions.open(options));
  const now = house.now();
  const session = sessionView(opened.session, now);
  if (session === undefined) throw new Refusal(problemOf("internal"));
  void reply.code(201).header("location", `/v1/sessions/${session.id}`);
  setEtag(reply, opened.session.version);
  const evicted = opened.evicted.map((summary) => summaryView(summary, now));
  const offer = await offerOf(house, opened.session);
  return { session, token: opened.token, ...offer, evicted, serverTime: instant(now) };
}

function openOptions(
  { config }: House,
  body: CreateBody,
  tenant: string,
): OpenOptions<Record<string, unknown>> {
  const { client: facts, clientId, device, ...rest } = body;
  const given = {
    ...rest,
    tenant,
    device: device === undefined ? undefined : keptDevice(device, config.audit.addresses),
    client: clientId,
    fingerprint: facts?.userAgent,
    address: facts?.address,
  };
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as OpenOptions<Record<string, unknown>>;
}
