/** Backend group: look at sessions, change their data, end them. */
import type { FastifyRequest } from "fastify";
import { idOfHandle, SessionEndedError } from "sojourn";
import type { Session, SessionFilter } from "sojourn";
import type { z } from "zod";
import { checkMatch, requireMatch, setEtag, versionConflict } from "../conditional.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid, notFound } from "../problems.ts";
import {
  idParams,
  listQuery,
  patchBody,
  revokeBody,
  revokeReply,
  sessionPage,
  sessionReply,
  tokenReply,
} from "../schemas.ts";
import type { SessionView } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { descriptionView, instant, sessionView, summaryView } from "../views.ts";

type ListQuery = z.infer<typeof listQuery>;

export function sessionRoutes(app: App, house: House): void {
  app.get(
    "/v1/sessions",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "listSessions",
        summary: "List sessions, newest first; live ones unless `state` says otherwise",
        querystring: listQuery,
        response: answers(sessionPage, "A page; `nextCursor` leads to the next."),
      },
    },
    (request) => list(house, callerOf(request).tenant, request.query),
  );
  app.get(
    "/v1/sessions/:id",
    {
      config: { scope: "sessions:read" },
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
      config: { scope: "sessions:write" },
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

function endRoutes(app: App, house: House): void {
  const end = async (request: FastifyRequest, id: string, words: object): Promise<object> => {
    const { tenant, name } = callerOf(request);
    if (idOfHandle(id) === undefined) throw notFound();
    const ended = await house.sessions.revoke(id, { actor: `key:${name}`, ...words, tenant });
    if (ended === undefined) throw notFound();
    const { reason, durability } = ended;
    const endedAt = instant(ended.endedAt);
    return { id, endedAt, reason, durability, serverTime: instant(house.now()) };
  };
  app.post(
    "/v1/sessions/:id/revoke",
    {
      config: { scope: "sessions:write" },
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
 * @throws {Refusal} 404; {@link SessionEndedError} when there is one and it has ended.
 */
export async function liveSession(
  house: House,
  request: FastifyRequest,
  id: string,
): Promise<Session> {
  const { tenant } = callerOf(request);
  if (idOfHandle(id) === undefined) throw notFound();
  const session = await house.sessions.find(id, { tenant });
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

async function list(house: House, tenant: string, query: ListQuery): Promise<object> {
  const { cursor, limit, count: wanted, ...rest } = query;
  const filter = filterOf(tenant, rest);
  const listing = [
    tenant,
    rest.subject,
    rest.state,
    rest.device,
    rest.createdFrom,
    rest.createdBefore,
  ];
  const page = await house.sessions.query(filter, {
    limit,
    ...(cursor === undefined ? {} : { cursor: unwrapCursor(listing, cursor) }),
  });
  const count = wanted === "none" ? undefined : await house.sessions.count(filter);
  const now = house.now();
  return {
    items: page.items.map((summary) => summaryView(summary, now)),
    ...(page.cursor === undefined ? {} : { nextCursor: wrapCursor(listing, page.cursor) }),
    ...(count === undefined ? {} : { count: { value: count.count, exact: count.exact } }),
    serverTime: instant(now),
  };
}

function filterOf(
  tenant: string,
  query: Omit<ListQuery, "cursor" | "limit" | "count">,
): SessionFilter {
  const { subject, state, device, createdFrom, createdBefore } = query;
  return {
    tenant,
    ...(subject === undefined ? {} : { subject }),
    ...(state === undefined ? {} : { state }),
    ...(device === undefined ? {} : { device }),
    ...(createdFrom === undefined ? {} : { createdFrom: Date.parse(createdFrom) }),
    ...(createdBefore === undefined ? {} : { createdBefore: Date.parse(createdBefore) }),
  };
}
