/** Backend group: the audit trail of the key's own tenant. */
import { Readable } from "node:stream";
import { idOfHandle } from "sojourn";
import { z } from "zod";
import { CONTENT_TYPES, FORMATS, lineOf, viewOfEntry } from "../../audit/formats.ts";
import { actorNamed } from "../../control/key-desk.ts";
import type { Format } from "../../audit/formats.ts";
import type { TrailFilter, TrailReader } from "../../audit/trail-reader.ts";
import { auditFilter, auditPage } from "../audit-schemas.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, answersWith, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid } from "../problems.ts";
import { pageQuery } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const read = { scope: "audit:read" } as const;
const listQuery = z.strictObject({ ...auditFilter, ...pageQuery });
const exportQuery = z.strictObject({ ...auditFilter, format: z.enum(FORMATS).default("ndjson") });

export function auditRoutes(app: App, house: House): void {
  const { trail, audit } = house;
  app.get(
    "/v1/audit",
    {
      config: read,
      schema: {
        ...backend,
        operationId: "listAudit",
        summary: "Audit entries of the tenant, newest first",
        description: "An entry is here within a second of what it tells of.",
        querystring: listQuery,
        response: answers(auditPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const { cursor, limit, ...rest } = request.query;
      const filter = filterOf(callerOf(request).tenant, rest);
      const { tenant, subject, session, name, actor, from, to } = filter;
      const listing = ["audit", tenant, subject, session, name, actor, from, to];
      const before = cursor === undefined ? undefined : seqOf(unwrapCursor(listing, cursor));
      const { items, next } = await trail.page(filter, limit, before);
      return {
        items: items.map(viewOfEntry),
        ...(next === undefined ? {} : { nextCursor: wrapCursor(listing, String(next)) }),
        serverTime: instant(house.now()),
      };
    },
  );
  app.get(
    "/v1/audit/export",
    {
      config: { ...read, stepUp: true },
      schema: {
        ...backend,
        operationId: "exportAudit",
        summary: "All audit entries of the tenant that match, oldest first, one on a line",
        description: "`format` is `ndjson` or `cef`. That it was exported is an entry, too.",
        querystring: exportQuery,
        response: answersWith(Object.values(CONTENT_TYPES).map(mediaTypeOf), "Lines, by `format`."),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { format, ...rest } = request.query;
      const filter = filterOf(caller.tenant, rest);
      const about = { key: caller.keyId, request: request.id, detail: { format } };
      audit.log.note("audit-exported", actorNamed(caller.name), about, caller.tenant);
      // The first entry is read here, so that trouble is 503 and no page that breaks off.
      const lines = linesOf(trail, filter, format);
      const first = await lines.next();
      const stream = Readable.from(first.done === true ? [] : after(first.value, lines));
      return reply.type(CONTENT_TYPES[format]).send(stream);
    },
  );
}

/** Without its parameters. */
function mediaTypeOf(type: string): string {
  const [media = ""] = type.split(";");
  return media;
}

async function* linesOf(
  trail: TrailReader,
  filter: TrailFilter,
  format: Format,
): AsyncGenerator<string> {
  for await (const entry of trail.entries(filter)) yield `${lineOf(entry, format)}\n`;
}

async function* after(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

type Asked = Readonly<Record<"subject" | "session" | "name" | "actor", string | undefined>> & {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

/** @throws {Refusal} 400 for what is no session id. */
function filterOf(tenant: string, { from, to, ...rest }: Partial<Asked>): TrailFilter {
  if (rest.session !== undefined && idOfHandle(rest.session) === undefined) {
    throw invalid("session", "a session id like ses_…");
  }
  return {
    tenant,
    ...rest,
    from: from === undefined ? undefined : Date.parse(from),
    to: to === undefined ? undefined : Date.parse(to),
  };
}

function seqOf(text: string): number {
  const seq = Number(text);
  if (Number.isSafeInteger(seq)) return seq;
  throw invalid("cursor", "is none of this listing; start again without it");
}
