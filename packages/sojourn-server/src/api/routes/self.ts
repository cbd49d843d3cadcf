/** Self group: a person's own session, by cookie or bearer token, CSRF-checked. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "sojourn";
import { z } from "zod";
import { setEtag } from "../conditional.ts";
import { answers, self } from "../documents.ts";
import { exchangeOf, headOf, ownActiveSession, ownSession, requireFreshFactor } from "../guards.ts";
import { dataBody, dataReply, emptyBody, instantText, ownReply, tokenReply } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";
import { mergeData, shown } from "./backend-sessions.ts";
import { ownListRoutes } from "./self-list.ts";
import { streamRoutes } from "./self-stream.ts";

const act = { activity: true } as const;

/** A policy with `sudoMs: 0` asks each time: long enough to give the factor and come back. */
const FRESH_MS_MIN = 60_000;

/** What the policy of this service's tenant asks of its Self group. */
export interface SelfRules {
  /** How fresh a factor must be for the list of sessions. */
  readonly freshMs: number;
  /** Pages must send a session-bound token, and so must be able to get one. */
  readonly csrfToken: boolean;
}

function selfRules(house: House): SelfRules {
  const { fields } = house.sessions.explainPolicy();
  const valueOf = (name: string): unknown => fields.find(({ field }) => field === name)?.value;
  return {
    freshMs: Math.max(Number(valueOf("sudoMs")), FRESH_MS_MIN),
    csrfToken: valueOf("csrf") === "fetch-metadata+token",
  };
}

export function selfRoutes(app: App, house: House): void {
  const rules = selfRules(house);
  lookRoutes(app, house, rules);
  changeRoutes(app, house);
  endRoute(app, house, rules);
  ownListRoutes(app, house, rules);
  streamRoutes(app, house);
}

function lookRoutes(app: App, house: House, rules: SelfRules): void {
  app.get(
    "/v1/session",
    {
      config: { etag: true },
      schema: {
        ...self,
        operationId: "peek",
        summary: "Look at one's session; slides nothing",
        response: answers(ownReply, "The session in whatever live state it is."),
      },
    },
    async (request, reply) => {
      const session = ownSession(request);
      setEtag(reply, session.version);
      const csrfToken = rules.csrfToken ? await session.csrfToken() : null;
      const { data: _data, ...view } = shown(house, session).session;
      return {
        session: view,
        ...(csrfToken === null ? {} : { csrfToken }),
        serverTime: instant(house.now()),
      };
    },
  );
  app.get(
    "/v1/session/data",
    {
      config: { etag: true },
      schema: {
        ...self,
        operationId: "readOwnData",
        summary: "One's session data",
        response: answers(dataReply, "Values by key."),
      },
    },
    async (request, reply) => dataOf(house, ownActiveSession(request), reply),
  );
}

function dataOf(house: House, session: Session, reply: FastifyReply): z.infer<typeof dataReply> {
  setEtag(reply, session.version);
  const { version } = session;
  return { data: { ...session.data }, version, serverTime: instant(house.now()) };
}

function changeRoutes(app: App, house: House): void {
  app.patch(
    "/v1/session/data",
    {
      config: { ...act, etag: true, ifMatch: true },
      schema: {
        ...self,
        operationId: "changeOwnData",
        summary: "Merge data per key; null removes a key",
        description: "`If-Match` makes the change conditional.",
        body: dataBody,
        response: answers(dataReply, "Values by key, as they are now."),
      },
    },
    async (request, reply) => {
      const session = ownActiveSession(request);
      await mergeData(request, session, request.body);
      return dataOf(house, session, reply);
    },
  );
  app.post(
    "/v1/session/touch",
    {
      config: act,
      schema: {
        ...self,
        operationId: "touch",
        summary: "Record that the person is active",
        body: emptyBody,
        response: answers(ownReply, "The session with its deadlines."),
      },
    },
    async (request) => withoutData(house, ownSession(request)),
  );
  app.post(
    "/v1/session/extend",
    {
      config: act,
      schema: {
        ...self,
        operationId: "extend",
        summary: "The person chose to stay signed in: the idle clock starts anew",
        description: "Never past the absolute end.",
        body: emptyBody,
        response: answers(ownReply, "The session with its deadlines."),
      },
    },
    async (request) => {
      const session = ownActiveSession(request);
      await session.extend();
      return withoutData(house, session);
    },
  );
  app.post(
    "/v1/session/refresh",
    {
      config: act,
      schema: {
        ...self,
        operationId: "refresh",
        summary: "Exchange the token for a new one",
        description: "Cookie clients get it as a cookie, bearer clients in the body.",
        body: emptyBody,
        response: answers(tokenReply, "The session, and the token of a bearer client."),
      },
    },
    (request, reply) => refresh(house, request, reply),
  );
}

function withoutData(house: House, session: Session): z.infer<typeof ownReply> {
  const { session: view, serverTime } = shown(house, session);
  const { data: _data, ...rest } = view;
  return { session: rest, serverTime };
}

/** A token goes one way only: in Set-Cookie when the cookie was presented, else in the body. */
async function refresh(
  house: House,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const session = ownActiveSession(request);
  const { token } = await session.rotate();
  let carried = false;
  const head = headOf(reply);
  await exchangeOf(request).commit({
    ...head,
    addCookie: (value) => {
      carried = true;
      head.addCookie(value);
    },
  });
  const bearer = request.headers.authorization !== undefined && !carried;
  return { ...withoutData(house, session), ...(bearer ? { token } : {}) };
}

const scopeQuery = z.strictObject({
  scope: z.enum(["this", "others", "all"]).default("this").meta({
    description: "`others` and `all` need a fresh factor.",
  }),
});
const logoutReply = z.strictObject({ ended: z.number().int(), serverTime: instantText });

function endRoute(app: App, house: House, rules: SelfRules): void {
  app.delete(
    "/v1/session",
    {
      schema: {
        ...self,
        operationId: "logout",
        summary: "Sign out here, elsewhere, or everywhere",
        querystring: scopeQuery,
        response: answers(logoutReply, "How many sessions were ended."),
      },
    },
    async (request) => {
      const ended = await logout(house, rules, request, request.query.scope);
      return { ended, serverTime: instant(house.now()) };
    },
  );
}

async function logout(
  house: House,
  rules: SelfRules,
  request: FastifyRequest,
  scope: "this" | "others" | "all",
): Promise<number> {
  const { session } = exchangeOf(request);
  if (scope === "this") {
    // Signing out of what has ended already succeeds, and clears the cookie.
    const live = session.endedReason === undefined ? ownSession(request) : undefined;
    await session.logout({ actor: live?.subject ?? undefined });
    return live === undefined ? 0 : 1;
  }
  const own = ownActiveSession(request);
  requireFreshFactor(own, rules.freshMs);
  const { subject, tenant, id } = own;
  const { ended } = await house.sessions.subject(subject, { tenant }).revokeAll({
    actor: subject,
    cause: scope === "all" ? "logout_all" : "logout_others",
    ...(scope === "others" ? { except: id } : {}),
  });
  if (scope === "all") await session.logout();
  return ended;
}
