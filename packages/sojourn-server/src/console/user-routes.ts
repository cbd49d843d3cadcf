/** Who else may sign in to the console: an administrator of all tenants invites and disables. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import { z } from "zod";
import { CONSOLE_ROLES, CONSOLE_TENANT } from "../control/console-users.ts";
import { commitExchanges } from "../api/guards.ts";
import { notFound, Refusal } from "../api/problems.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { App, House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import { requirePasskey, signedIn } from "./guard.ts";
import type { ConsoleHouse, SignedIn } from "./house.ts";
import { invite, linkTo } from "./invite.ts";
import { originAt } from "./origin.ts";
import { hidden } from "./session-routes.ts";
import { userView } from "./views.ts";

const inviteBody = z.strictObject({
  name: z.string().min(1).max(64),
  role: z.enum(CONSOLE_ROLES).optional(),
  tenants: z.array(z.string().min(1).max(63)).min(1).max(100).optional(),
});
const params = z.strictObject({ id: z.string().min(1).max(64) });

export function userRoutes(app: App, house: House, console: ConsoleHouse): void {
  commitExchanges(app);
  const limit = new RateLimit(house.config.rateLimit);
  const admin = async (request: FastifyRequest, reply: FastifyReply): Promise<SignedIn> => {
    const who = await signedIn(console, request, reply, limit);
    const { role, tenants } = who.user;
    if (role === "admin" && tenants.includes("*")) return who;
    const detail = "Users of the console are the business of an administrator of all tenants.";
    throw new Refusal(problemOf("forbidden", { detail }));
  };
  app.get("/users", { config: { activity: false }, schema: hidden }, async (request, reply) => {
    await admin(request, reply);
    const items = (await console.users.list()).map(userView);
    return { items, serverTime: instant(house.now()) };
  });
  app.post("/users", { schema: { ...hidden, body: inviteBody } }, async (request, reply) => {
    const { user: by, session } = await admin(request, reply);
    requirePasskey(session, house.now());
    const inviter = { users: console.users, log: house.audit.log, request: request.id };
    const actor = `console:${by.name}`;
    const { user, token, until } = await invite({ ...inviter, actor }, request.body);
    const link = linkTo(originAt(console, request).origin, token);
    return reply.code(201).send({ user: userView(user), link, linkExpiresAt: instant(until) });
  });
  app.post("/users/:id/disable", { schema: { ...hidden, params } }, async (request, reply) => {
    const { user: by, session } = await admin(request, reply);
    requirePasskey(session, house.now());
    const user = await console.users.disable(request.params.id);
    if (user === undefined) throw notFound();
    const actor = `console:${by.name}`;
    await console.sessions.subject(user.id).revokeAll({ actor, cause: "disabled" });
    const about = { subject: user.id, request: request.id, detail: { name: user.name } };
    house.audit.log.note("console-user-disabled", actor, about, CONSOLE_TENANT);
    return { user: userView(user) };
  });
}
