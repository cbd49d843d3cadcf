/** Backend group: extend, rotate, lock, unlock, step up. */
import type { FastifyRequest } from "fastify";
import type { Expectation, Session } from "sojourn";
import type { z } from "zod";
import { checkMatch, setEtag } from "../conditional.ts";
import { answers, backend } from "../documents.ts";
import { emptyBody, factorBody, idParams, lockBody, tokenReply } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { liveSession, shown } from "./backend-sessions.ts";

const write = { scope: "sessions:write" } as const;

interface Action<Body extends z.ZodType> {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body: Body;
  /**
   * @param expected The version of `If-Match`, compared again in the write itself.
   * @returns a new token, where the action makes one.
   */
  act(
    session: Session,
    body: z.infer<Body>,
    expected: Expectation,
  ): Promise<{ token: string } | void>;
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
      const expected = checkMatch(request, session) ? { ifVersion: session.version } : {};
      const result = await of.act(session, request.body as z.infer<Body>, expected);
      setEtag(reply, session.version);
      return { ...shown(house, session), ...result };
    },
  );
}

export function actionRoutes(app: App, house: House): void {
  action(app, house, {
    name: "extend",
    operationId: "extendSession",
    summary: "The person answered the warning: the idle clock starts anew",
    body: emptyBody,
    act: (session, _body, expected) => session.extend(expected),
  });
  action(app, house, {
    name: "rotate",
    operationId: "rotateSession",
    summary: "A new token at once, after a change of rights or credentials",
    body: emptyBody,
    act: (session, _body, expected) => session.rotate(expected),
  });
  action(app, house, {
    name: "lock",
    operationId: "lockSession",
    summary: "Suspend until factors are given again",
    body: lockBody,
    act: (session, body, expected) => session.lock(body?.factors, expected),
  });
  action(app, house, {
    name: "unlock",
    operationId: "unlockSession",
    summary: "Lift a lock with the factors you have just checked; a new token",
    body: factorBody,
    act: (session, body, expected) => session.unlock(body, expected),
  });
  action(app, house, {
    name: "step-up",
    operationId: "stepUpSession",
    summary: "Record a factor you have just checked; completes `pending`; a new token",
    body: factorBody,
    act: (session, body, expected) => session.stepUp(body, expected),
  });
}
