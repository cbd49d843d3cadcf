/** Backend group: extend, rotate, lock, unlock, step up. */
import type { FastifyRequest } from "fastify";
import type { Expectation, Session } from "sojourn";
import type { z } from "zod";
import { present } from "../../config/present.ts";
import { checkMatch, setEtag } from "../conditional.ts";
import { answers, backend } from "../documents.ts";
import { emptyBody, factorBody, idParams, lockBody, tokenReply } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { liveSession, shown } from "./backend-sessions.ts";
import { offerOf } from "./device-bindings.ts";

const write = { scope: "sessions:write", etag: true, ifMatch: true } as const;

interface Action<Body extends z.ZodType> {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body: Body;
  /** Answers with a new token, which only a back end can hand on. */
  readonly carriesToken?: true;
  /** The factors may replace a device that did not prove itself. */
  unproven?(body: z.infer<Body>): boolean;
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
      config: { ...write, ...present({ carriesToken: of.carriesToken }) },
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
      const body = request.body as z.infer<Body>;
      const session = await liveSession(house, request, id, of.unproven?.(body));
      const expected = checkMatch(request, session) ? { ifVersion: session.version } : {};
      const result = await of.act(session, body, expected);
      setEtag(reply, session.version);
      const offer = result === undefined ? {} : await offerOf(house, session);
      return { ...shown(house, session), ...result, ...offer };
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
    carriesToken: true,
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
    carriesToken: true,
    operationId: "unlockSession",
    summary: "Lift a lock with the factors you have just checked; a new token",
    body: factorBody,
    unproven: ({ unproven = false }) => unproven,
    act: (session, { amr, acr }, expected) => session.unlock(present({ amr, acr }), expected),
  });
  action(app, house, {
    name: "step-up",
    carriesToken: true,
    operationId: "stepUpSession",
    summary: "Record a factor you have just checked; completes `pending`; a new token",
    body: factorBody,
    unproven: ({ unproven = false }) => unproven,
    act: (session, { amr, acr }, expected) => session.stepUp(present({ amr, acr }), expected),
  });
}
