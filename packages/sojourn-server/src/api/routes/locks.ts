/** Backend group: whom the tenant keeps out. */
import type { FastifyRequest } from "fastify";
import { actorNamed } from "../../control/key-desk.ts";
import type { z } from "zod";
import { LOCKS_MAX } from "../../locks/lock.ts";
import type { LockActor } from "../../locks/lock-desk.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend, creates } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { once } from "../idempotency.ts";
import {
  liftReply,
  lockPage,
  lockQuery,
  lockReply,
  lockView,
  newLock,
  setLockReply,
} from "../lock-schemas.ts";
import { invalid, notFound } from "../problems.ts";
import { idParams } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const write = { scope: "locks:write" } as const;
const read = { scope: "sessions:read" } as const;

export function lockRoutes(app: App, house: House): void {
  readRoutes(app, house);
  app.post(
    "/v1/locks",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "setLock",
        summary: "Keep a subject, device, client, network, session or the tenant out",
        description:
          "New sessions are refused (`locked_out`), live ones end: a subject's and a single one " +
          "now, others when they are presented (`locked_out`). It holds everywhere within a " +
          `second. A target is locked once: set again, it is the same lock. At most ${LOCKS_MAX}.`,
        body: newLock,
        response: creates(setLockReply, "The lock as it holds from now on."),
      },
    },
    (request, reply) =>
      once(house.replies, request, reply, async () => {
        const { value = "", expiresAt, ...rest } = request.body;
        const until = expiresAt === undefined ? undefined : Date.parse(expiresAt);
        const wanted = { ...rest, value, expiresAt: until };
        const { lock, ended } = await house.locks.set(wanted, actorOf(request));
        void reply.code(201).header("location", `/v1/locks/${lock.id}`);
        return { lock: lockView(lock), ended, serverTime: instant(house.now()) };
      }),
  );
  app.delete(
    "/v1/locks/:id",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "liftLock",
        summary: "Lift a lock: new sessions open again, ended ones stay ended",
        description: "Idempotent for a day.",
        params: idParams,
        response: answers(liftReply, "When it was lifted."),
      },
    },
    async (request) => {
      const { id } = request.params;
      const liftedAt = await house.locks.lift(id, actorOf(request));
      if (liftedAt === undefined) throw notFound();
      return { id, liftedAt: instant(liftedAt), serverTime: instant(house.now()) };
    },
  );
}

function readRoutes(app: App, house: House): void {
  app.get(
    "/v1/locks",
    {
      config: read,
      schema: {
        ...backend,
        operationId: "listLocks",
        summary: "Locks that hold, newest first",
        querystring: lockQuery,
        response: answers(lockPage, "A page; `nextCursor` leads to the next."),
      },
    },
    (request) => list(house, callerOf(request).tenant, request.query),
  );
  app.get(
    "/v1/locks/:id",
    {
      config: read,
      schema: {
        ...backend,
        operationId: "getLock",
        summary: "One lock that holds",
        params: idParams,
        response: answers(lockReply, "The lock."),
      },
    },
    async (request) => {
      const lock = await house.locks.find(callerOf(request).tenant, request.params.id);
      if (lock === undefined) throw notFound();
      return { lock: lockView(lock), serverTime: instant(house.now()) };
    },
  );
}

async function list(
  house: House,
  tenant: string,
  query: z.infer<typeof lockQuery>,
): Promise<z.infer<typeof lockPage>> {
  const { cursor, limit, kind, value } = query;
  const listing = ["locks", tenant, kind, value];
  const after = cursor === undefined ? undefined : placeOf(unwrapCursor(listing, cursor));
  const { items, next } = await house.locks.page({ tenant, kind, value }, { limit, after });
  const nextCursor = next && wrapCursor(listing, JSON.stringify([next.setAt, next.id]));
  return {
    items: items.map(lockView),
    ...(nextCursor === undefined ? {} : { nextCursor }),
    serverTime: instant(house.now()),
  };
}

function placeOf(text: string): { readonly setAt: number; readonly id: string } {
  const [, digits = "", id = ""] = /^\[(\d{1,15}),"(lck_[\w-]{24})"\]$/.exec(text) ?? [];
  if (id !== "") return { setAt: Number(digits), id };
  throw invalid("cursor", "is none of this listing; start again without it");
}

function actorOf(request: FastifyRequest): LockActor {
  const { tenant, name, keyId } = callerOf(request);
  return { tenant, actor: actorNamed(name), key: keyId, request: request.id };
}
