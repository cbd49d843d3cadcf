/** Backend group: one action on many sessions, tried out first, then an operation. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { actorNamed } from "../../control/key-desk.ts";
import { idOfHandle, problemOf } from "sojourn";
import { z } from "zod";
import { present } from "../../config/present.ts";
import { dryRunToken, dryRunUntil, readDryRun } from "../../operations/dry-run.ts";
import type { Outcome, Tried } from "../../operations/dry-run.ts";
import { COUNTED_MAX } from "../../operations/operations.ts";
import type { Operation } from "../../operations/spec.ts";
import type { SearchFilter } from "../../search/facets.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { once } from "../idempotency.ts";
import { invalid, notFound, Refusal } from "../problems.ts";
import { instantText, pageQuery, session } from "../schemas.ts";
import {
  bulkBody,
  countView,
  indexView,
  operationPage,
  operationParams,
  operationReply,
  operationView,
} from "../search-schemas.ts";
import type { OperationView } from "../search-schemas.ts";
import { filterView, freshnessView, searchFilter } from "../search-query.ts";
import type { App, House } from "../types.ts";
import { descriptionView, instant } from "../views.ts";

type BulkBody = z.infer<typeof bulkBody>;

const write = { scope: "bulk:write" } as const;
const SAMPLE = 10;
const INDEX_WAIT_MS = 3_000;

const bulkReply = z
  .strictObject({
    dryRun: z.boolean(),
    count: countView.optional(),
    everything: z.boolean().optional().meta({
      description: "Nothing in the tenant is left out: send `confirm` with the count.",
    }),
    sample: z.array(session).optional(),
    token: z.string().optional().meta({ description: "For the same request, ten minutes." }),
    expiresAt: instantText.optional(),
    index: indexView.optional(),
    operation: operationView.optional(),
    serverTime: instantText,
  })
  .meta({ id: "BulkReply" });

export function bulkRoutes(app: App, house: House): void {
  app.post(
    "/v1/bulk",
    {
      config: {
        ...write,
        once: true,
        stepUp: true,
        fourEyes: true,
        grave: (body: unknown) => !(body as BulkBody).dryRun,
      },
      schema: {
        ...backend,
        operationId: "bulk",
        summary: "Act on every session that a filter matches: first a dry run, then an operation",
        description:
          "With `dryRun` nothing is changed: the reply counts, shows some, and has a `token`. " +
          "The same request with that token starts an operation. Sessions that are opened after " +
          "the dry run are left alone. `Idempotency-Key` makes a start repeatable.",
        body: bulkBody,
        response: answers(bulkReply, "The outcome of the dry run, or the operation."),
      },
    },
    (request, reply) => {
      const { body } = request;
      checkExcept(body);
      return once(house.replies, request, reply, () =>
        body.dryRun ? tryOut(house, request, body) : start(house, request, reply, body),
      );
    },
  );
  operationRoutes(app, house);
}

function operationRoutes(app: App, house: House): void {
  app.get(
    "/v1/operations",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "listOperations",
        summary: "Operations of the tenant, newest first; kept for 30 days",
        querystring: z.strictObject(pageQuery),
        response: answers(operationPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const { cursor, limit } = request.query;
      const listing = ["operations", tenant];
      const after = cursor === undefined ? undefined : placeOf(unwrapCursor(listing, cursor));
      const items = await house.operations.list(tenant, limit + 1, after);
      const shown = items.slice(0, limit);
      const last = items.length > limit ? shown.at(-1) : undefined;
      const next = last && wrapCursor(listing, `${last.createdAt}.${last.id}`);
      const serverTime = instant(house.now());
      return { items: shown.map(viewOf), ...present({ nextCursor: next }), serverTime };
    },
  );
  app.get(
    "/v1/operations/:id",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "getOperation",
        summary: "How far an operation is",
        params: operationParams,
        response: answers(operationReply, "The operation."),
      },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      return told(house, await house.operations.find(tenant, request.params.id));
    },
  );
  app.post(
    "/v1/operations/:id/cancel",
    {
      config: { ...write, repeatable: true },
      schema: {
        ...backend,
        operationId: "cancelOperation",
        summary: "Stop an operation; what it has done stays done",
        params: operationParams,
        response: answers(operationReply, "The operation; idempotent."),
      },
    },
    async (request) => {
      const { tenant, name } = callerOf(request);
      return told(
        house,
        await house.operations.cancel(tenant, request.params.id, actorNamed(name)),
      );
    },
  );
}

function told(house: House, operation: Operation | undefined): object {
  if (operation === undefined) throw notFound();
  return { operation: viewOf(operation), serverTime: instant(house.now()) };
}

function checkExcept({ except = [] }: BulkBody): void {
  const odd = except.findIndex((handle) => idOfHandle(handle) === undefined);
  if (odd >= 0) throw invalid(`except.${odd}`, "a session id like ses_…");
}

function triedBy(request: FastifyRequest, body: BulkBody): Tried {
  const { tenant, keyId } = callerOf(request);
  const { action, filter, except = [], cause, factors } = body;
  const fields = Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { tenant, caller: keyId, what: [action, fields, except, cause, factors] };
}

async function tryOut(house: House, request: FastifyRequest, body: BulkBody): Promise<object> {
  const { search, config, now } = house;
  const { tenant } = callerOf(request);
  // Looked at when this millisecond is over: what was opened in it is meant as well.
  const at = now() + 1;
  if (!(await search.caughtUp(at, INDEX_WAIT_MS))) throw behind();
  const filter = boundedBy(searchFilter(body.filter), at);
  const { items } = await search.page(tenant, filter, { limit: SAMPLE });
  const { count, exact } = await search.count(tenant, filter, COUNTED_MAX);
  const all = await search.count(tenant, { createdBefore: at }, COUNTED_MAX);
  const outcome: Outcome = { count, everything: count > 0 && count >= all.count, at };
  return {
    dryRun: true,
    count: { value: count, exact },
    everything: outcome.everything,
    sample: items.map((description) => descriptionView(description, at)),
    token: dryRunToken(config.secrets, triedBy(request, body), outcome),
    expiresAt: instant(dryRunUntil(outcome)),
    index: freshnessView(await search.freshness(), now()),
    serverTime: instant(now()),
  };
}

/** Sessions that are opened from here on are not meant. */
function boundedBy(filter: SearchFilter, at: number): SearchFilter {
  return { ...filter, createdBefore: Math.min(at, filter.createdBefore ?? at) };
}

function behind(): Refusal {
  const detail = "The search index is behind, or being built: nothing may be missed. Try again.";
  return new Refusal(problemOf("unavailable", { detail, retryAfterSeconds: 5 }));
}

async function start(
  house: House,
  request: FastifyRequest,
  reply: FastifyReply,
  body: BulkBody,
): Promise<object> {
  const { tenant, name } = callerOf(request);
  const { count, at } = provedBy(house, request, body);
  const { action, except, cause, factors } = body;
  const operation = await house.operations.start({
    tenant,
    actor: actorNamed(name),
    action,
    filter: searchFilter(body.filter),
    total: count,
    before: at,
    ...present({ except, cause, factors }),
  });
  void reply.header("location", `/v1/operations/${operation.id}`);
  return { dryRun: false, operation: viewOf(operation), serverTime: instant(house.now()) };
}

/** @throws {Refusal} unless the caller has seen what this does. */
function provedBy(house: House, request: FastifyRequest, body: BulkBody): Outcome {
  const { token, confirm } = body;
  if (token === undefined) {
    const detail = "Try it out first: send the same with dryRun: true, then with its token.";
    throw new Refusal(problemOf("precondition_required", { detail }));
  }
  const { secrets } = house.config;
  const outcome = readDryRun(secrets, token, triedBy(request, body), house.now());
  if (outcome === undefined) {
    const detail = "The token is of another dry run, or over: try it out again.";
    throw new Refusal(problemOf("conflict", { detail }));
  }
  if (outcome.everything && confirm !== outcome.count) {
    throw invalid("confirm", "this leaves no session out: send the dry run's count");
  }
  if (confirm !== undefined && confirm !== outcome.count) {
    throw invalid("confirm", "is not the dry run's count");
  }
  return outcome;
}

function viewOf(operation: Operation): OperationView {
  const { id, state, action, filter, except, cause, actor, total, done, failed } = operation;
  const { createdAt, finishedAt, failures, trouble } = operation;
  return {
    id,
    state,
    action,
    filter: filterView(filter),
    ...present({ except: except === undefined ? undefined : [...except], cause }),
    startedBy: actor,
    startedAt: instant(createdAt),
    ...present({ finishedAt: finishedAt === undefined ? undefined : instant(finishedAt) }),
    total,
    done,
    failed,
    failures: failures.map((failure) => ({ ...failure })),
    ...present({ trouble }),
  };
}

function placeOf(text: string): { readonly createdAt: number; readonly id: string } {
  const [, createdAt, id] = /^(\d{1,16})\.(op_[\w-]{1,64})$/.exec(text) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw invalid("cursor", "is none of this listing; start again without it");
  }
  return { createdAt: Number(createdAt), id };
}
