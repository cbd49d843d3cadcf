/**
 * Device-bound sessions: the two endpoints for browsers that come to a back end, which hands on
 * what they sent; the same two for browsers that come here; and what a whole site asks for.
 */
import { problemOf } from "sojourn";
import type { Session } from "sojourn";
import type { BindingAnswer, DeviceBindings } from "sojourn/dbsc";
import { z } from "zod";
import { browserAnswer, refreshBody, registerBody, wellKnownReply } from "../binding-schemas.ts";
import { answers, answersBrowser, backend, open, self } from "../documents.ts";
import { callerOf, limited, viewOf } from "../guards.ts";
import { Refusal } from "../problems.ts";
import { RateLimit } from "../rate-limit.ts";
import { admitTenant } from "../tenant-guard.ts";
import type { App, House } from "../types.ts";

const RELAYED =
  "Answer the browser with `status`, `headers` and `body` as they are, and with 503 when this " +
  "operation answers anything but 200: every other status ends the browser's side.";
const config = { scope: "sessions:write", patient: true } as const;

const WITH_TOKEN = [
  [
    "register",
    "registerDevice",
    "Hand on a browser's request to PATH/register, with the token of its session",
  ],
  [
    "webcrypto",
    "proveDeviceKey",
    "Hand on a request of sojourn-client to PATH/webcrypto, with its session's token",
  ],
] as const;
const OWN = [
  ["register", "registerOwnDevice", "For browsers: take the key that binds one's session (DBSC)"],
  ["refresh", "refreshOwnDevice", "For browsers: a new bound cookie for a proof (DBSC)"],
  ["webcrypto", "proveOwnDeviceKey", "For sojourn-client: the same in browsers without DBSC"],
] as const;

/** Fields for the answer to an authentication: the offer to bind the session, where it is due. */
export async function offerOf(
  { bindings }: House,
  session: Session,
): Promise<{ readonly headers?: Record<string, string> }> {
  const headers = { ...(await bindings?.offer(session)) };
  return Object.keys(headers).length === 0 ? {} : { headers };
}

/** @throws {Refusal} 404 where sessions are bound to no device. */
function bindingsOf({ bindings }: House): DeviceBindings {
  if (bindings !== undefined) return bindings;
  const detail = "Sessions are bound to no device here: turn it on with dbsc.enabled.";
  throw new Refusal(problemOf("not_found", { detail }));
}

export function bindingRoutes(app: App, house: House): void {
  for (const [stage, operationId, summary] of WITH_TOKEN) {
    const response = answers(browserAnswer, "What to answer the browser.");
    const description = RELAYED;
    app.post(
      `/v1/device-bindings/${stage}`,
      {
        config,
        schema: { ...backend, operationId, summary, description, body: registerBody, response },
      },
      async (request): Promise<z.infer<typeof browserAnswer>> => {
        const { tenant } = callerOf(request);
        const { headers, token } = request.body;
        return shownAnswer(await bindingsOf(house)[stage]({ tenant, headers }, token));
      },
    );
  }
  app.post(
    "/v1/device-bindings/refresh",
    {
      config,
      schema: {
        ...backend,
        operationId: "refreshDevice",
        summary: "Hand on a browser's request to PATH/refresh: a new bound cookie for a proof",
        description: RELAYED,
        body: refreshBody,
        response: answers(browserAnswer, "What to answer the browser."),
      },
    },
    async (request): Promise<z.infer<typeof browserAnswer>> => {
      const { tenant } = callerOf(request);
      const { headers } = request.body;
      return shownAnswer(await bindingsOf(house).refresh({ tenant, headers }));
    },
  );
}

function shownAnswer({ status, headers, body }: BindingAnswer): z.infer<typeof browserAnswer> {
  return { status, headers: { ...headers }, body };
}

/** For browsers that come here, by their own cookies: of the service's own tenant. */
export function ownBindingRoutes(app: App, house: House): void {
  const limit = new RateLimit(house.config.rateLimit);
  app.addHook("onRequest", async (request, reply) => limited(limit, `from ${request.ip}`, reply));
  app.get(
    "/.well-known/device-bound-sessions",
    {
      schema: {
        ...open,
        operationId: "registeringOrigins",
        summary: "Which origins may bind the whole site (dbsc.site)",
        response: answers(wellKnownReply, "They; browsers ask the site's own origin."),
      },
    },
    () => {
      const listed = bindingsOf(house).registeringOrigins;
      if (listed === undefined) throw new Refusal(problemOf("not_found"));
      return { registering_origins: [...listed] };
    },
  );
  const desk = house.sessions.binding;
  if (desk === undefined || house.bindings === undefined) return;
  for (const [stage, operationId, summary] of OWN) {
    const path = house.bindings.paths[stage];
    if (path === undefined) continue;
    const response = answersBrowser(z.looseObject({}), "What is bound, or that it is over.");
    app.post(
      path,
      { config: { patient: true }, schema: { ...self, operationId, summary, response } },
      async (request, reply) => {
        await admitPatiently(house);
        const { status, headers, body } = await desk.serve(stage, viewOf(request));
        return reply
          .code(status)
          .headers({ ...headers })
          .serializer(String)
          .send(body);
      },
    );
  }
}

/** To a browser a refusal here would be the end of its binding: it is to come again. */
async function admitPatiently(house: House): Promise<void> {
  try {
    await admitTenant(house, house.tenants.own);
  } catch (error) {
    throw error instanceof Refusal ? new Refusal(problemOf("unavailable")) : error;
  }
}
