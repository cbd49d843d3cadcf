/** The console's own sign-in: a one-time link or a passkey, then a session like any other. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import { z } from "zod";
import { CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleUser } from "../control/console-users.ts";
import { commitExchanges, limited } from "../api/guards.ts";
import { Refusal } from "../api/problems.ts";
import { RateLimit } from "../api/rate-limit.ts";
import type { App, House } from "../api/types.ts";
import { exchangeAt, PASSKEY_AMR, signedIn } from "./guard.ts";
import type { ConsoleHouse, SignedIn } from "./house.ts";
import { Passkeys } from "./passkeys.ts";
import { ownView } from "./views.ts";

export const hidden = { hide: true } as const;
const CREDENTIAL_CHARS_MAX = 8_192;

const linkBody = z.strictObject({ token: z.string().min(1).max(256) });
const text = z.string().max(CREDENTIAL_CHARS_MAX);
/** As browsers write a credential; its inside is judged by what verifies it. */
export const credential = z.looseObject({
  id: text.min(1).max(2_048),
  rawId: text.min(1).max(2_048),
  type: z.literal("public-key"),
  response: z.looseObject({ clientDataJSON: text }),
  clientExtensionResults: z.looseObject({}).default({}),
});
const responseBody = z.strictObject({ response: credential });

export function sessionRoutes(app: App, house: House, console: ConsoleHouse): void {
  commitExchanges(app);
  const passkeys = new Passkeys(house, console);
  arrivalRoutes(app, house, console, passkeys);
  const limit = new RateLimit(house.config.rateLimit);
  const who = (request: FastifyRequest, reply: FastifyReply): Promise<SignedIn> =>
    signedIn(console, request, reply, limit);
  app.get("/session", { config: { activity: false }, schema: hidden }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    return ownView(house, console, user, session);
  });
  app.post("/session/extend", { schema: hidden }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    await session.extend();
    return ownView(house, console, user, session);
  });
  app.delete("/session", { schema: hidden }, async (request) => {
    const { session } = await exchangeAt(console, request, false);
    await session.logout({ actor: await actorOf(console, session.subject) });
    return { ended: true };
  });
  app.post("/session/step-up/options", { schema: hidden }, async (request, reply) => {
    const { user, session } = await who(request, reply);
    return passkeys.askFor(request, user, session);
  });
  app.post(
    "/session/step-up",
    { schema: { ...hidden, body: responseBody } },
    async (request, reply) => {
      const { user, session } = await who(request, reply);
      const { response } = request.body;
      const proved = await passkeys.prove(request, response, { ceremony: "step-up", session });
      if (proved?.id !== user.id) throw refused(house, "step-up");
      await session.stepUp({ amr: PASSKEY_AMR });
      return ownView(house, console, user, session);
    },
  );
}

async function actorOf(
  { users }: ConsoleHouse,
  subject: string | null,
): Promise<string | undefined> {
  const user = subject === null ? undefined : await users.find(subject).catch(() => undefined);
  return user === undefined ? undefined : `console:${user.name}`;
}

/** One answer for whatever is wrong with what was brought. */
function refused(house: House, how: string): Refusal {
  house.audit.log.note("console-sign-in-refused", "unknown", { detail: { how } }, CONSOLE_TENANT);
  const detail = "This does not sign anybody in: it is used, over, or not ours.";
  return new Refusal(problemOf("unauthenticated", { detail }));
}

function arrivalRoutes(app: App, house: House, console: ConsoleHouse, passkeys: Passkeys): void {
  const arrive = async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<SignedIn["exchange"]> => {
    limited(console.arrivals, `from ${request.ip}`, reply);
    return exchangeAt(console, request, true);
  };
  const open = async (
    { session }: SignedIn["exchange"],
    user: ConsoleUser,
    amr: readonly string[],
  ): Promise<object> => {
    await session.login(user.id, { amr });
    await console.users.noteSignIn(user.id);
    return ownView(house, console, user, session);
  };
  app.post("/session/link", { schema: { ...hidden, body: linkBody } }, async (request, reply) => {
    const exchange = await arrive(request, reply);
    const user = await console.users.redeem(request.body.token);
    if (user === undefined) throw refused(house, "link");
    const about = { subject: user.id, request: request.id, detail: { how: "link" } };
    house.audit.log.note("console-signed-in", `console:${user.name}`, about, CONSOLE_TENANT);
    return open(exchange, user, ["otp"]);
  });
  app.post("/session/passkey/options", { schema: hidden }, async (request, reply) => {
    await arrive(request, reply);
    return passkeys.askAnybody(request);
  });
  app.post(
    "/session/passkey",
    { schema: { ...hidden, body: responseBody } },
    async (request, reply) => {
      const exchange = await arrive(request, reply);
      const user = await passkeys.prove(request, request.body.response, { ceremony: "sign-in" });
      if (user === undefined) throw refused(house, "passkey");
      const about = { subject: user.id, request: request.id, detail: { how: "passkey" } };
      house.audit.log.note("console-signed-in", `console:${user.name}`, about, CONSOLE_TENANT);
      return open(exchange, user, PASSKEY_AMR);
    },
  );
}
