/** Backend group: extend, rotate, lock, unlock, step up; and all sessions of a subject. */
import type { FastifyRequest } from "fastify";
import type { Session } from "sojourn";
import { checkMatch, setEtag } from "../conditional.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid } from "../problems.ts";
import {
  emptyBody,
  factorBody,
  idParams,
  lockBody,
  sessionPage,
  subjectParams,
  subjectReply,
  subjectRevokeBody,
  subjectRevokeReply,
  tokenReply,
} from "../schemas.ts";
import { pageQuery } from "../schemas.ts";
import { z } from "zod";
import type { App, House } from "../types.ts";
import { instant, summaryView } from "../views.ts";
import { liveSession, shown } from "./backend-sessions.ts";

const write = { scope: "sessions:write" } as const;
const read = { scope: "sessions:read" } as const;
const subjectQuery = z.strictObject(pageQuery);

interface Action<Body extends z.ZodType> {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body: Body;
  /** @returns a new token, where the action makes one. */
  act(session: Session, body: z.infer<Body>): Promise<{ token: string } | void>;
}

/** One action on one live session: find it, compare its version, act, show it. */
function action<Body extends z.ZodType>(app: App, house: House, of: Action<Body>): void {
  app.post(
    `/v1/sessions/:id/${of.name}`,
    {
      config: write,
      schema: {
        ...backend,
        operationId: of.operationId,
        summary: of.summary,
        params: idParams,
        body: of.body,
        response: answers(tokenReply, "The session as it is now, and its new token if it has one."),
      },
    },
    async (request: FastifyRequest, reply) => {
      const { id } = request.params as z.infer<typeof idParams>;
      const session = await liveSession(house, request, id);
      checkMatch(request, session);
      const result = await of.act(session, request.body as z.infer<Body>);
      setEtag(reply, session.version);
      return { ...shown(session), ...result };
    },
  );
}

export function actionRoutes(app: App, house: House): void {
  action(app, house, {
    name: "extend",
    operationId: "extendSession",
    summary: "The person answered the warning: the idle clock starts anew",
    body: emptyBody,
    act: (session) => session.extend(),
  });
  action(app, house, {
    name: "rotate",
    operationId: "rotateSession",
    summary: "A new token at once, after a change of rights or credentials",
    body: emptyBody,
    act: (session) => session.rotate(),
  });
  action(app, house, {
    name: "lock",
    operationId: "lockSession",
    summary: "Suspend until factors are given again",
    body: lockBody,
    act: (session, body) => session.lock(body?.factors),
  });
  action(app, house, {
    name: "unlock",
    operationId: "unlockSession",
    summary: "Lift a lock with the factors you have just checked; a new token",
    body: factorBody,
    act: (session, body) => session.unlock(body),
  });
  action(app, house, {
    name: "step-up",
    operationId: "stepUpSession",
    summary: "Record a factor you have just checked; completes `pending`; a new token",
    body: factorBody,
    act: (session, body) => session.stepUp(body),
  });
  subjectRoutes(app, house);
}

function subjectRoutes(app: App, house: House): void {
  const of = (request: FastifyRequest, subject: string) => {
    if (subject.length > 512 || subject === "") throw invalid("subject", "1 to 512 characters");
    return house.sessions.subject(subject, { tenant: callerOf(request).tenant });
  };
  app.get(
    "/v1/subjects/:subject",
    {
      config: read,
      schema: {
        ...backend,
        operationId: "getSubject",
        summary: "Epoch and number of live sessions",
        description: "Read `epoch` before checking a password and pass it when opening.",
        params: subjectParams,
        response: answers(subjectReply, "Also for a subject that never had a session."),
      },
    },
    async (request) => {
      const { subject } = request.params;
      const sessions = of(request, subject);
      const [epoch, count] = await Promise.all([sessions.epoch(), sessions.count()]);
      return { subject, epoch, sessions: count, serverTime: instant(Date.now()) };
    },
  );
  app.get(
    "/v1/subjects/:subject/sessions",
    {
      config: read,
      schema: {
        ...backend,
        operationId: "listSubjectSessions",
        summary: "Live sessions of one subject, newest first; none is missing",
        params: subjectParams,
        querystring: subjectQuery,
        response: answers(sessionPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const { subject } = request.params;
      const { cursor, limit } = request.query;
      const listing = [callerOf(request).tenant, "subject", subject];
      const page = await of(request, subject).list({
        limit,
        ...(cursor === undefined ? {} : { cursor: unwrapCursor(listing, cursor) }),
      });
      const now = Date.now();
      return {
        items: page.items.map((summary) => summaryView(summary, now)),
        ...(page.cursor === undefined ? {} : { nextCursor: wrapCursor(listing, page.cursor) }),
        serverTime: instant(now),
      };
    },
  );
  app.post(
    "/v1/subjects/:subject/revoke",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "revokeSubject",
        summary: "End all sessions of a subject at once; with `except` one stays",
        params: subjectParams,
        body: subjectRevokeBody,
        response: answers(subjectRevokeReply, "How many were ended, and the new epoch."),
      },
    },
    async (request) => {
      const { name } = callerOf(request);
      const words = { actor: `key:${name}`, ...request.body };
      const result = await of(request, request.params.subject).revokeAll(words);
      return { ...result, serverTime: instant(Date.now()) };
    },
  );
}
