/** Backend group: why a session is active or is not, and what has happened to it. */
import type { FastifyRequest } from "fastify";
import { idOfHandle, idleExpiresAt } from "sojourn";
import type { Explanation, SessionRecord, StoredSession } from "sojourn";
import type { z } from "zod";
import { present } from "../../config/present.ts";
import { requirePasskey } from "../../console/guard.ts";
import { actorNamed } from "../../control/key-desk.ts";
import { viewOfEntry } from "../../audit/formats.ts";
import { auditPage } from "../audit-schemas.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { explainQuery, explainReply } from "../explain-schemas.ts";
import { callerOf, requireScope } from "../guards.ts";
import { invalid, notFound } from "../problems.ts";
import { idParams, timelineQuery } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { descriptionView, instant } from "../views.ts";

type Explained = z.infer<typeof explainReply>;
type Clock = Explained["clocks"][number];
type Rule = Explained["rules"][number];

const SECOND_MS = 1_000;
/** Values that are encrypted at rest begin like no JSON text. */
const JSON_TEXT = /^["[{\-\dtfn]/;

export function explainRoutes(app: App, house: House): void {
  app.get(
    "/v1/sessions/:id/explain",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "explainSession",
        summary: "Every clock and rule of a session: why it is active, or why it ended",
        params: idParams,
        querystring: explainQuery,
        response: answers(explainReply, "Also of an ended session, until it is erased."),
      },
    },
    (request) => explain(house, request, request.params.id, request.query.reveal === "true"),
  );
  app.get(
    "/v1/sessions/:id/timeline",
    {
      config: { scope: "audit:read" },
      schema: {
        ...backend,
        operationId: "sessionTimeline",
        summary: "Audit entries of one session, newest first",
        params: idParams,
        querystring: timelineQuery,
        response: answers(auditPage, "A page; also of a session that is erased."),
      },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const { id } = request.params;
      if (idOfHandle(id) === undefined) throw notFound();
      const { cursor, limit } = request.query;
      const listing = ["timeline", tenant, id];
      const before = cursor === undefined ? undefined : seqOf(unwrapCursor(listing, cursor));
      const { items, next } = await house.trail.page({ tenant, session: id }, limit, before);
      return {
        items: items.map(viewOfEntry),
        ...(next === undefined ? {} : { nextCursor: wrapCursor(listing, String(next)) }),
        serverTime: instant(house.now()),
      };
    },
  );
}

function seqOf(text: string): number {
  const seq = Number(text);
  if (Number.isSafeInteger(seq)) return seq;
  throw invalid("cursor", "is none of this listing; start again without it");
}

async function explain(
  house: House,
  request: FastifyRequest,
  handle: string,
  reveal: boolean,
): Promise<Explained> {
  const { tenant } = callerOf(request);
  const id = idOfHandle(handle);
  if (id === undefined) throw notFound();
  if (reveal) mayReveal(house, request);
  // The store itself: what is explained is what is there, not what a cache still holds.
  const [stored, described, said] = await Promise.all([
    house.store.find({ tenant, id }),
    house.sessions.describe(handle, { tenant }),
    house.sessions.explain(handle, { tenant }),
  ]);
  if (stored === undefined || described === undefined || said === undefined) throw notFound();
  const { record } = stored;
  const { roles, client, binding } = record;
  const policy = house.sessions.explainPolicy({ tenant, ...present({ roles, client }) });
  const { now } = said;
  const values = reveal ? await revealed(house, request, handle) : undefined;
  const { binding: bound, ...session } = descriptionView(described, now);
  return {
    session: { ...session, ...present({ binding: bound }) },
    state: described.state,
    says: said.says,
    ...present({ fix: said.fix }),
    now: instant(now),
    clocks: clocksOf(record, policy, now, described.state),
    rules: rulesOf(stored),
    tokens: tokensOf(record),
    ...(bound === undefined
      ? {}
      : { binding: { ...bound, ...at("lastProofAt", binding?.lastProof?.at) } }),
    data: { ...dataOf(stored), ...present({ values }) },
    policy: { name: policy.name, fields: [...policy.fields] },
    serverTime: instant(house.now()),
  };
}

/** @throws {Refusal} 403 without the scope; at the console also without a fresh passkey. */
function mayReveal(house: House, request: FastifyRequest): void {
  requireScope(callerOf(request), "data:read");
  if (request.signedIn !== null) requirePasskey(request.signedIn.session, house.now());
}

/** Decrypted, of a live session; that somebody looked is in the trail before they see it. */
async function revealed(
  house: House,
  request: FastifyRequest,
  handle: string,
): Promise<Record<string, unknown> | undefined> {
  const { tenant, keyId, name } = callerOf(request);
  const session = await house.sessions.find(handle, { tenant });
  if (session === undefined) return undefined;
  const keys = Object.keys(session.data);
  const about = { session: handle, key: keyId, request: request.id, detail: { keys } };
  const subject = present({ subject: session.claimant ?? undefined });
  house.audit.log.note("data-revealed", actorNamed(name), { ...about, ...subject }, tenant);
  return { ...session.data };
}

function at<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [N in Name]?: string } {
  return (value === undefined ? {} : { [name]: instant(value) }) as { [N in Name]?: string };
}

function clocksOf(
  record: SessionRecord,
  policy: Explanation,
  now: number,
  state: Explained["state"],
): Clock[] {
  const { idleMs, absoluteExpiresAt, authenticatedAt, assurance, rotation } = record;
  const kept = record.remember === true ? "remember." : "";
  const idleAt = idleExpiresAt(record);
  const locks = record.idleLockFactors > 0 && record.state !== "pending";
  const live = state !== "ended";
  const first = Math.min(idleAt, absoluteExpiresAt);
  const clock = (
    of: Pick<Clock, "name" | "effect" | "limit">,
    when: number,
    span?: number,
  ): Clock => ({
    ...of,
    at: instant(when),
    passed: now >= when,
    ...(span === undefined ? {} : { spanSeconds: span / SECOND_MS }),
    ...sourceOf(policy, of.limit, span),
    next: live && when === first && (of.effect === "end" || of.effect === "lock"),
  });
  const clocks = [
    clock({ name: "idle", effect: locks ? "lock" : "end", limit: `${kept}idleMs` }, idleAt, idleMs),
    clock(
      { name: "absolute", effect: "end", limit: `${kept}absoluteMs` },
      absoluteExpiresAt,
      absoluteExpiresAt - authenticatedAt,
    ),
  ];
  const { elevatedUntil } = assurance;
  if (elevatedUntil !== undefined) {
    clocks.push(clock({ name: "elevation", effect: "sudo-ends", limit: "sudoMs" }, elevatedUntil));
  }
  const every = policy.fields.find(({ field }) => field === "rotateEveryMs")?.value;
  if (live && typeof every === "number") {
    const due = rotation.confirmedAt + every;
    clocks.push(
      clock({ name: "rotation", effect: "new-token", limit: "rotateEveryMs" }, due, every),
    );
  }
  return clocks;
}

/** A session keeps the spans it was opened with, whatever the policy says since. */
function sourceOf(
  policy: Explanation,
  limit: string,
  span: number | undefined,
): Pick<Clock, "from" | "clause"> {
  const field = policy.fields.find((one) => one.field === limit);
  const same = span === undefined || field?.value === span;
  const from = same && field !== undefined ? field.from : "when it was opened";
  return { from, clause: field?.clause ?? "" };
}

function rulesOf({ record, subjectEpoch }: StoredSession): Rule[] {
  const { end, epoch, subject, state, lockFactors } = record;
  const current = subject === null || epoch >= subjectEpoch;
  const opened = `Opened in epoch ${epoch}; the subject's is ${subjectEpoch}`;
  return [
    {
      name: "ended",
      holds: end === undefined,
      says: end === undefined ? "Nobody has ended it." : `It was ended: ${end.reason}.`,
    },
    {
      name: "subject-epoch",
      holds: current,
      says: current ? `${opened}.` : `${opened}: all sessions of before have ended.`,
    },
    {
      name: "factor",
      holds: state !== "pending",
      says: state === "pending" ? "A factor is missing." : "No factor is missing.",
    },
    {
      name: "lock",
      holds: state !== "locked",
      says: state === "locked" ? `${lockFactors ?? 1} factor(s) unlock it.` : "It is not locked.",
    },
  ];
}

function tokensOf({ rotation }: SessionRecord): Explained["tokens"] {
  const { generation, confirmedAt, lastIssued, pending, previous, replaced, forgiving } = rotation;
  return {
    confirmed: generation,
    confirmedAt: instant(confirmedAt),
    lastIssued,
    ...(pending === undefined
      ? {}
      : {
          pending: {
            generation: pending.generation,
            issuedAt: instant(pending.issuedAt),
            sentAt: instant(pending.sentAt),
          },
        }),
    ...(previous === undefined
      ? {}
      : {
          previous: {
            generation: previous.generation,
            graceUntil: instant(previous.graceUntil),
          },
        }),
    ...(replaced === undefined
      ? {}
      : { replaced: { from: replaced.from, to: replaced.to, at: instant(replaced.at) } }),
    ...present({ forgiving }),
  };
}

function dataOf({ data, dataVersion }: StoredSession): Explained["data"] {
  const keys = Object.entries(data).map(([key, text]) => ({
    key,
    bytes: Buffer.byteLength(text),
    sealed: !JSON_TEXT.test(text),
  }));
  return { version: dataVersion, keys };
}
