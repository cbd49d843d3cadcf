import { describe, expect, it } from "vitest";
import fastify from "fastify";
import { Refusal } from "../api/problems.ts";
import type { App, House } from "../api/types.ts";
import { askForSecond } from "./approvals.ts";
import { requirePasskeyForGrave } from "./guard.ts";
import type { ConsoleHouse } from "./house.ts";
import { listRoutes } from "./route-list.ts";

interface Asked {
  readonly status: number;
  readonly approvals: number;
}

/** Somebody whose passkey was given at `givenAt` sends a body to a route that is grave at times. */
async function sendGrave(body: object, givenAt: number): Promise<Asked> {
  const app = fastify() as unknown as App;
  let approvals = 0;
  const house = { now: () => 1_000_000, audit: { log: { note: () => undefined } } };
  const ask = async (wanted: object): Promise<object> => {
    approvals += 1;
    return { ...wanted, id: "apr_1", state: "pending", createdAt: 0, untilAt: 1 };
  };
  const console = { settings: { fourEyes: true }, approvals: { ask } };
  const session = { assurance: { factors: [{ method: "hwk", at: givenAt }] } };
  app.decorateRequest("signedIn", null);
  app.decorateRequest("caller", null);
  app.addHook("onRequest", async (request) => {
    request.signedIn = { user: { id: "usr_1", name: "ada" }, session } as never;
    request.caller = { keyId: "usr_1", name: "console:ada", tenant: "t", scopes: [] };
  });
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error instanceof Refusal ? error.answer.status : 500).send({}),
  );
  requirePasskeyForGrave(app, house as unknown as House);
  askForSecond(app, house as unknown as House, console as unknown as ConsoleHouse);
  const grave = (given: unknown): boolean => (given as { dryRun?: boolean }).dryRun !== true;
  const config = { scope: "sessions:write", stepUp: true, fourEyes: true, grave } as const;
  app.post("/console/api/v1/bulk", { config }, () => ({}));
  const { statusCode } = await app.inject({
    method: "POST",
    url: "/console/api/v1/bulk",
    payload: body,
  });
  await app.close();
  return { status: statusCode, approvals };
}

describe("a route that is grave for some bodies", () => {
  it("asks for a passkey and a second administrator for those, and for no others", async () => {
    expect(await sendGrave({ dryRun: true }, 0)).toEqual({ status: 200, approvals: 0 });
    expect(await sendGrave({}, 0)).toEqual({ status: 403, approvals: 0 });
    expect(await sendGrave({}, 999_999)).toEqual({ status: 202, approvals: 1 });
  });
});

describe("a route at the console", () => {
  it("declares what it takes, or the service does not start", async () => {
    const app = fastify() as unknown as App;
    listRoutes(app);
    expect(() => app.get("/console/api/v1/new", () => ({}))).toThrow(/declares no scope/);
    app.get("/console/api/v1/read", { config: { scope: "sessions:read" } }, () => ({}));
    app.post("/console/api/v1/token", { config: { carriesToken: true } }, () => ({}));
    await app.close();
  });
});
