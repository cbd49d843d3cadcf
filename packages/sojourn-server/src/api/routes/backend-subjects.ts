/** Backend group: all sessions of a subject. */
import type { FastifyRequest } from "fastify";
import type { SubjectSessions } from "sojourn";
import { z } from "zod";
import { wordsOf } from "../../control/key-desk.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import {
  pageQuery,
  sessionPage,
  subjectParams,
  subjectReply,
  subjectRevokeBody,
  subjectRevokeReply,
} from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant, summaryView } from "../views.ts";

const write = { scope: "sessions:write" } as const;
const read = { scope: "sessions:read" } as const;
const subjectQuery = z.strictObject(pageQuery);

function of(house: House, request: FastifyRequest, subject: string): SubjectSessions {
  return house.sessions.subject(subject, { tenant: callerOf(request).tenant });
}

export function subjectRoutes(app: App, house: House): void {
  lookRoutes(app, house);
  app.post(
    "/v1/subjects/:subject/revoke",
    {
      config: { ...write, stepUp: true },
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
      const words = wordsOf(callerOf(request), request.body);
      const result = await of(house, request, request.params.subject).revokeAll(words);
      return { ...result, serverTime: instant(house.now()) };
    },
  );
}

function lookRoutes(app: App, house: House): void {
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
      const sessions = of(house, request, subject);
      const [epoch, count] = await Promise.all([sessions.epoch(), sessions.count()]);
      return { subject, epoch, sessions: count, serverTime: instant(house.now()) };
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
      const page = await of(house, request, subject).list({
        limit,
        ...(cursor === undefined ? {} : { cursor: unwrapCursor(listing, cursor) }),
      });
      const now = house.now();
      return {
        items: page.items.map((summary) => summaryView(summary, now)),
        ...(page.cursor === undefined ? {} : { nextCursor: wrapCursor(listing, page.cursor) }),
        serverTime: instant(now),
      };
    },
  );
}
