/** Backend group: what is kept of a person, given out and forgotten; which cookies there are. */
import { Readable } from "node:stream";
import { z } from "zod";
import { actorNamed } from "../../control/key-desk.ts";
import { answers, answersWith, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { cookieReply, eraseBody, eraseReply } from "../privacy-schemas.ts";
import { invalid } from "../problems.ts";
import { subjectParams } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const privacy = { scope: "privacy:write" } as const;
const SUBJECT_CHARS_MAX = 512;

export function privacyRoutes(app: App, house: House): void {
  exportRoute(app, house);
  eraseRoute(app, house);
  cookieRoute(app, house);
}

function exportRoute(app: App, house: House): void {
  app.get(
    "/v1/subjects/:subject/export",
    {
      config: privacy,
      schema: {
        ...backend,
        operationId: "exportSubject",
        summary: "Everything that is kept of a subject, as one JSON document",
        description: "Sessions with their data, ended ones too, and audit entries. No token.",
        params: subjectParams,
        response: answersWith("application/json", "Also for a subject nobody has heard of."),
      },
    },
    async (request, reply) => {
      const { tenant, name, keyId } = callerOf(request);
      const subject = checked(request.params.subject);
      const about = { subject, key: keyId, request: request.id };
      house.audit.log.note("subject-exported", actorNamed(name), about, tenant);
      const pieces = house.privacy.export({ tenant, subject });
      // What is asked of the stores first is asked here, so that trouble is 503.
      const head = [await pieces.next(), await pieces.next(), await pieces.next()];
      const begun = head.flatMap(({ value, done }) => (done === true ? [] : [value]));
      return reply.type("application/json").send(Readable.from(after(begun, pieces)));
    },
  );
}

function eraseRoute(app: App, house: House): void {
  app.post(
    "/v1/subjects/:subject/erase",
    {
      config: { ...privacy, fourEyes: true },
      schema: {
        ...backend,
        operationId: "eraseSubject",
        summary: "End all sessions of a subject and forget it, in every store and in the trail",
        description:
          "What was under way is forgotten once more a minute later. May be repeated. `confirm` " +
          "is the subject again.",
        params: subjectParams,
        body: eraseBody,
        response: answers(eraseReply, "Also for a subject nobody has heard of."),
      },
    },
    async (request) => {
      const { tenant, name } = callerOf(request);
      const subject = checked(request.params.subject);
      const { confirm, cause } = request.body;
      if (confirm !== subject) throw invalid("confirm", "the subject again: it cannot be undone");
      const order = { actor: actorNamed(name), request: request.id };
      const erased = await house.privacy.erase(
        { tenant, subject },
        cause === undefined ? order : { ...order, cause },
      );
      return { erased, serverTime: instant(house.now()) };
    },
  );
}

function cookieRoute(app: App, house: House): void {
  app.get(
    "/v1/cookies",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "listCookies",
        summary: "Which cookies there are, what for and for how long",
        description: "For privacy notices. With `https=false` those of plain HTTP on loopback.",
        querystring: z.strictObject({ https: z.enum(["true", "false"]).default("true") }),
        response: answers(cookieReply, "None of them needs consent."),
      },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const https = request.query.https === "true";
      const cookies = house.sessions.cookies({ tenant, https });
      return { cookies: [...cookies], serverTime: instant(house.now()) };
    },
  );
}

function checked(subject: string): string {
  if (subject !== "" && subject.length <= SUBJECT_CHARS_MAX) return subject;
  throw invalid("subject", `1 to ${SUBJECT_CHARS_MAX} characters`);
}

async function* after(
  begun: readonly string[],
  rest: AsyncIterable<string>,
): AsyncGenerator<string> {
  yield* begun;
  yield* rest;
}
