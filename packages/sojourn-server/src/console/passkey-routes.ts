/** A console user's own passkeys: made after a fresh sign-in, listed, removed. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import { z } from "zod";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import { PASSKEYS_MAX } from "../control/console-passkeys.ts";
import { commitExchanges } from "../api/guards.ts";
import { invalid, notFound, Refusal } from "../api/problems.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { App, House } from "../api/types.ts";
import { instant } from "../api/views.ts";
import { FRESH_MS, requirePasskey, signedIn } from "./guard.ts";
import type { ConsoleHouse, SignedIn } from "./house.ts";
import { Passkeys } from "./passkeys.ts";
import { credential, hidden } from "./session-routes.ts";
import { passkeyView } from "./views.ts";

const registerBody = z.strictObject({
  response: credential,
  label: z.string().min(1).max(64).default("Passkey"),
});
const params = z.strictObject({ id: z.string().min(1).max(2_048) });

export function passkeyRoutes(app: App, house: House, console: ConsoleHouse): void {
  commitExchanges(app);
  const ceremonies = new Passkeys(house, console);
  const limit = new RateLimit(house.config.rateLimit);
  const who = (request: FastifyRequest, reply: FastifyReply): Promise<SignedIn> =>
    signedIn(console, request, reply, limit);
  app.get("/passkeys", { config: { activity: false }, schema: hidden }, async (request, reply) => {
    const { user } = await who(request, reply);
    const items = (await console.passkeys.list(user.id)).map(passkeyView);
    return { items, serverTime: instant(house.now()) };
  });
  app.post("/passkeys/options", { schema: hidden }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    requireFresh(session, house.now());
    return ceremonies.askToMake(request, user, session);
  });
  app.post("/passkeys", { schema: { ...hidden, body: registerBody } }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    requireFresh(session, house.now());
    const { response, label } = request.body;
    if (user.passkeys >= PASSKEYS_MAX) {
      const detail = `A user has at most ${PASSKEYS_MAX} passkeys; remove one first.`;
      throw new Refusal(problemOf("conflict", { detail }));
    }
    const made = await ceremonies.made(request, { user, session, label }, response);
    if (made === undefined) throw invalid("response", "proves no new passkey; begin again");
    if (!(await console.passkeys.insert(made))) {
      throw new Refusal(problemOf("conflict", { detail: "This passkey is registered already." }));
    }
    note(house, "console-passkey-added", { user, id: made.id, request });
    return reply.code(201).send({ passkey: passkeyView(made) });
  });
  app.delete("/passkeys/:id", { schema: { ...hidden, params } }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    requirePasskey(session, house.now());
    const { id } = request.params;
    if (!(await console.passkeys.remove(id, user.id))) throw notFound();
    note(house, "console-passkey-removed", { user, id, request });
    return { deleted: true };
  });
}

/** Whoever finds an open browser adds no key of their own to it. */
function requireFresh(session: SignedIn["session"], now: number): void {
  const given = session.assurance?.authTime;
  if (given !== undefined && now < given + FRESH_MS) return;
  const detail = "Sign in again, or confirm with a passkey you have, then make a new one.";
  const required = { maxAge: FRESH_MS / 1_000 };
  throw new Refusal(problemOf("step_up_required", { required, detail }));
}

function note(
  house: House,
  name: string,
  { user, id, request }: { user: SignedIn["user"]; id: string; request: FastifyRequest },
): void {
  const about = { subject: user.id, request: request.id, detail: { passkey: id } };
  house.audit.log.note(name, `console:${user.name}`, about, CONSOLE_TENANT);
}
