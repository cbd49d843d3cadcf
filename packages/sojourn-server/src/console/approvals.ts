/** Four eyes: what cannot be undone waits until a second administrator has looked at it. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import { z } from "zod";
import type { Approval } from "../control/console-approvals.ts";
import type { Caller } from "../control/key-desk.ts";
import { callerOf, commitExchanges } from "../api/guards.ts";
import { notFound, Refusal } from "../api/problems.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { App, House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import { requirePasskey, signedIn, maySee } from "./guard.ts";
import { errands } from "./house.ts";
import type { ConsoleHouse, SignedIn } from "./house.ts";
import { scopesOf } from "./roles.ts";
import { hidden } from "./session-routes.ts";

const API = "/console/api";
const params = z.strictObject({ id: z.string().max(64) });
const listQuery = z.strictObject({ state: z.enum(["pending", "any"]).default("pending") });

/** Put aside what two have to want. After the body was judged: nobody approves what is refused. */
export function askForSecond(app: App, house: House, console: ConsoleHouse): void {
  if (!console.settings.fourEyes) return;
  app.addHook("preHandler", async (request, reply) => {
    const { config, schema } = request.routeOptions;
    const { signedIn: who } = request;
    if (config.fourEyes !== true || who === null) return;
    if (config.grave?.(request.body) === false) return;
    const { tenant } = callerOf(request);
    const { id, name } = who.user;
    const asked = await console.approvals.ask({
      tenant,
      method: request.method,
      path: request.url.slice(API.length),
      summary: summaryOf(schema, request),
      body: JSON.stringify(request.body ?? null),
      by: { id, name },
    });
    if (asked === undefined) {
      const detail = "As many requests wait for approval as may; decide some of them first.";
      throw new Refusal(problemOf("conflict", { detail }));
    }
    note(house, "console-approval-asked", who, asked);
    const approval = approvalView(asked, who.user.id);
    return reply.code(202).send({ approval, serverTime: instant(house.now()) });
  });
}

function summaryOf(schema: unknown, request: FastifyRequest): string {
  const { summary } = (schema ?? {}) as { readonly summary?: unknown };
  return typeof summary === "string" ? summary : (request.routeOptions.url ?? "");
}

export function approvalRoutes(app: App, house: House, console: ConsoleHouse): void {
  commitExchanges(app);
  const limit = new RateLimit(house.config.rateLimit);
  const who = (request: FastifyRequest, reply: FastifyReply): Promise<SignedIn> =>
    signedIn(console, request, reply, limit);
  app.get(
    "/approvals",
    { config: { activity: false }, schema: { ...hidden, querystring: listQuery } },
    async (request, reply) => {
      const { user } = await who(request, reply);
      const all = await console.approvals.list(request.query.state);
      const items = all.filter(({ tenant }) => maySee(house, user, tenant));
      const views = items.map((approval) => approvalView(approval, user.id));
      return { items: views, serverTime: instant(house.now()) };
    },
  );
  app.post("/approvals/:id/reject", { schema: { ...hidden, params } }, async (request, reply) => {
    const person = await who(request, reply);
    const approval = await visible(house, console, person, request.params.id);
    const own = approval.by.id === person.user.id;
    if (!own) requireAdmin(person);
    await decide(console, approval, "rejected", person);
    note(house, "console-approval-rejected", person, approval);
    return { approval: await shown(console, approval.id, person) };
  });
  app.post("/approvals/:id/approve", { schema: { ...hidden, params } }, async (request, reply) => {
    const person = await who(request, reply);
    const approval = await visible(house, console, person, request.params.id);
    requireAdmin(person);
    requirePasskey(person.session, house.now());
    if (approval.by.id === person.user.id) {
      const detail = "Somebody else has to approve what you asked for.";
      throw new Refusal(problemOf("forbidden", { detail }));
    }
    const caller = await asker(house, console, approval);
    await decide(console, approval, "approved", person);
    note(house, "console-approval-granted", person, approval);
    const result = await carryOut(app, approval, caller);
    await console.approvals.done(approval.id, result.status);
    const view = await shown(console, approval.id, person);
    return { approval: view, result, serverTime: instant(house.now()) };
  });
}

/** @throws {Refusal} 404 for what is in a tenant that the user does not see. */
async function visible(
  house: House,
  { approvals }: ConsoleHouse,
  { user }: SignedIn,
  id: string,
): Promise<Approval> {
  const approval = await approvals.find(id);
  if (approval === undefined || !maySee(house, user, approval.tenant)) throw notFound();
  return approval;
}

function requireAdmin({ user }: SignedIn): void {
  if (user.role === "admin") return;
  const detail = "An administrator approves or rejects.";
  throw new Refusal(problemOf("forbidden", { detail }));
}

async function decide(
  { approvals }: ConsoleHouse,
  { id }: Approval,
  state: "approved" | "rejected",
  { user }: SignedIn,
): Promise<void> {
  if (await approvals.decide(id, state, { id: user.id, name: user.name })) return;
  const detail = "It is not pending any more.";
  throw new Refusal(problemOf("conflict", { detail }));
}

/** Whoever asked must still be allowed to. @throws {Refusal} 409 */
async function asker(
  house: House,
  { users }: ConsoleHouse,
  { by, tenant }: Approval,
): Promise<Caller> {
  const user = await users.find(by.id);
  const gone = user === undefined || user.disabledAt !== undefined;
  if (gone || !maySee(house, user, tenant)) {
    const detail = `${by.name} may not do this any more.`;
    throw new Refusal(problemOf("conflict", { detail }));
  }
  return { keyId: user.id, name: `console:${user.name}`, tenant, scopes: scopesOf(user) };
}

/** The request as it was asked, inside this process, as the first one approved by the second. */
async function carryOut(
  app: App,
  { method, path, body }: Approval,
  caller: Caller,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const sent =
    body === "null" ? {} : { payload: body, headers: { "content-type": "application/json" } };
  // Awaited inside: the request begins when somebody waits for it.
  const url = API + path;
  const errand = { caller, method, url, taken: false };
  const answer = await errands.run(
    errand,
    async () => await app.inject({ method: method as "POST", url, ...sent }),
  );
  return { status: answer.statusCode, body: jsonOf(answer.body) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function shown(
  { approvals }: ConsoleHouse,
  id: string,
  { user }: SignedIn,
): Promise<object | undefined> {
  const approval = await approvals.find(id);
  return approval && approvalView(approval, user.id);
}

function approvalView(approval: Approval, viewer: string): object {
  const { createdAt, untilAt, decidedAt, body, by, ...rest } = approval;
  return {
    ...rest,
    body: jsonOf(body),
    by,
    own: by.id === viewer,
    createdAt: instant(createdAt),
    expiresAt: instant(untilAt),
    ...(decidedAt === undefined ? {} : { decidedAt: instant(decidedAt) }),
  };
}

function note(house: House, name: string, { user }: SignedIn, approval: Approval): void {
  const { id, method, path, tenant, by } = approval;
  const about = { subject: by.id, detail: { approval: id, method, path, by: by.name } };
  house.audit.log.note(name, `console:${user.name}`, about, tenant);
}
