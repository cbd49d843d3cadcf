/** Backend group: look at sessions, change their data, end them. */
import type { FastifyRequest } from "fastify";
import { idOfHandle, SessionEndedError } from "sojourn";
import type { Session } from "sojourn";
import type { z } from "zod";
import { wordsOf } from "../../control/key-desk.ts";
import { checkMatch, requireMatch, setEtag, versionConflict } from "../conditional.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid, notFound } from "../problems.ts";
import {
  idParams,
  patchBody,
  revokeBody,
  revokeReply,
  sessionReply,
  tokenReply,
} from "../schemas.ts";
import type { SessionView } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { descriptionView, instant, sessionView } from "../views.ts";
import { listRoute } from "./list.ts";

export function sessionRoutes(app: App, house: House): void {
  listRoute(app, house);
  app.get(
    "/v1/sessions/:id",
    {
      config: { scope: "sessions:read", etag: true },
      schema: {
        ...backend,
        operationId: "getSession",
        summary: "One session, live or ended; looking never slides a deadline",
        params: idParams,
        response: answers(sessionReply, "The session; data while it is active."),
      },
    },
    async (request, reply) => {
      const session = await viewOf(house, request, request.params.id);
      if (session.version !== undefined) setEtag(reply, session.version);
      return { session, serverTime: instant(house.now()) };
    },
  );
  changeRoutes(app, house);
  endRoutes(app, house);
}

function changeRoutes(app: App, house: House): void {
  app.patch(
    "/v1/sessions/:id",
    {
      // New roles make a new token.
      config: { scope: "sessions:write", etag: true, ifMatch: true, carriesToken: true },
      schema: {
        ...backend,
        operationId: "changeSession",
        summary: "Merge data per key; replace roles",
        description: "`If-Match` makes the change conditional; `roles` needs it.",
        params: idParams,
        body: patchBody,
        response: answers(tokenReply, "The session as it is now."),
      },
    },
    async (request, reply) => {
      const { data, roles } = request.body;
      if (data === undefined && roles === undefined) throw invalid("", "give data or roles");
      if (roles !== undefined) requireMatch(request);
      const session = await liveSession(house, request, request.params.id);
      if (data !== undefined) await mergeData(request, session, data);
      else checkMatch(request, session);
      const rotated = roles === undefined ? {} : await session.setRoles(roles);
      setEtag(reply, session.version);
      return { ...shown(house, session), ...rotated };
    },
  );
}

type EndWords = NonNullable<z.infer<typeof revokeBody>>;

function endRoutes(app: App, house: House): void {
  const end = async (request: FastifyRequest, id: string, given: EndWords): Promise<object> => {
    const caller = callerOf(request);
    const { tenant } = caller;
    if (idOfHandle(id) === undefined) throw notFound();
    const ended = await house.sessions.revoke(id, { ...wordsOf(caller, given), tenant });
    if (ended === undefined) throw notFound();
    const { reason, durability } = ended;
    const endedAt = instant(ended.endedAt);
    return { id, endedAt, reason, durability, serverTime: instant(house.now()) };
  };
  app.post(
    "/v1/sessions/:id/revoke",
    {
      config: { scope: "sessions:write", repeatable: true },
      schema: {
        ...backend,
        operationId: "revokeSession",
        summary: "End a session now; durable when answered, and idempotent",
        params: idParams,
        body: revokeBody,
        response: answers(revokeReply, "When and why it ended; the first end is kept."),
      },
    },
    (request) => end(request, request.params.id, request.body ?? {}),
  );
  app.delete(
    "/v1/sessions/:id",
    {
      config: { scope: "sessions:write" },
      schema: {
        ...backend,
        operationId: "deleteSession",
        summary: "End a session now; its row is erased once nothing could replay it",
        params: idParams,
        response: answers(revokeReply, "When and why it ended."),
      },
    },
    (request) => end(request, request.params.id, { cause: "deleted" }),
  );
}

/** @throws {Refusal} 404 for unknown, foreign and malformed ids alike. */
async function viewOf(house: House, request: FastifyRequest, id: string): Promise<SessionView> {
  const { tenant } = callerOf(request);
  if (idOfHandle(id) === undefined) throw notFound();
  const session = await house.sessions.find(id, { tenant });
  const now = house.now();
  const view = session === undefined ? undefined : sessionView(session, now);
  if (view !== undefined) return view;
  const described = await house.sessions.describe(id, { tenant });
  if (described === undefined) throw notFound();
  return descriptionView(described, now);
}

/**
 * A live session of the caller's tenant.
 *
 * @param unproven The client could not prove the device that it is bound to.
 * @throws {Refusal} 404; {@link SessionEndedError} when there is one and it has ended.
 */
export async function liveSession(
  house: House,
  request: FastifyRequest,
  id: string,
  unproven: boolean = false,
): Promise<Session> {
  const { tenant } = callerOf(request);
  if (idOfHandle(id) === undefined) throw notFound();
  const session = await house.sessions.find(id, { tenant, unproven });
  if (session !== undefined) return session;
  const described = await house.sessions.describe(id, { tenant });
  if (described === undefined) throw notFound();
  throw new SessionEndedError(described.reason);
}

export function shown(
  house: House,
  session: Session,
): { session: SessionView; serverTime: string } {
  const now = house.now();
  const view = sessionView(session, now);
  if (view === undefined) throw new SessionEndedError(session.endedReason);
  return { session: view, serverTime: instant(now) };
}

/** Merge per key in one step. With `If-Match`, only onto the data that the caller read. I4. */
export async function mergeData(
  request: FastifyRequest,
  session: Session,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const conditional = checkMatch(request, session);
  const read = conditional ? JSON.stringify(session.data) : undefined;
  await session.update((draft) => {
    if (read !== undefined && JSON.stringify(draft) !== read) throw versionConflict();
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete draft[key];
      else draft[key] = value;
    }
  });
}
