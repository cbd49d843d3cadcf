/** Self group: one's other sessions. Only shortly after a factor was given. ASVS 5.0 7.5.2. */
import { idOfHandle } from "sojourn";
import { z } from "zod";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, self } from "../documents.ts";
import { ownActiveSession, requireFreshFactor } from "../guards.ts";
import { notFound } from "../problems.ts";
import { idParams, instantText, ownPage, pageQuery } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant, summaryView } from "../views.ts";
import type { SelfRules } from "./self.ts";

const listQuery = z.strictObject(pageQuery);
const endedReply = z.strictObject({ id: z.string(), serverTime: instantText });

export function ownListRoutes(app: App, house: House, rules: SelfRules): void {
  app.get(
    "/v1/session/list",
    {
      schema: {
        ...self,
        operationId: "listOwnSessions",
        summary: "One's live sessions, newest first; `current` marks this one",
        querystring: listQuery,
        response: answers(ownPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const own = ownActiveSession(request);
      requireFreshFactor(own, rules.freshMs);
      const { subject, tenant } = own;
      const { cursor, limit } = request.query;
      const listing = [tenant, "own", subject];
      const page = await house.sessions.subject(subject, { tenant }).list({
        limit,
        ...(cursor === undefined ? {} : { cursor: unwrapCursor(listing, cursor) }),
      });
      const now = house.now();
      const items = page.items.map((summary) => {
        const view = summaryView(summary, now);
        return { ...view, current: view.id === own.id };
      });
      return {
        items,
        ...(page.cursor === undefined ? {} : { nextCursor: wrapCursor(listing, page.cursor) }),
        serverTime: instant(now),
      };
    },
  );
  app.delete(
    "/v1/session/list/:id",
    {
      schema: {
        ...self,
        operationId: "endOwnSession",
        summary: "End one of one's sessions",
        params: idParams,
        response: answers(endedReply, "It has ended."),
      },
    },
    async (request) => {
      const own = ownActiveSession(request);
      requireFreshFactor(own, rules.freshMs);
      const { id } = request.params;
      const serverTime = instant(house.now());
      if (id === own.id) {
        await own.logout({ actor: own.subject });
        return { id, serverTime };
      }
      if (idOfHandle(id) === undefined) throw notFound();
      const { subject, tenant } = own;
      const sessions = house.sessions.subject(subject, { tenant });
      // Somebody else's session and none at all answer alike.
      if (!(await sessions.revoke(id, { actor: subject }))) throw notFound();
      return { id, serverTime };
    },
  );
}
