/** Backend group: webhooks of the key's own tenant. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { actorNamed } from "../../control/key-desk.ts";
import { ArgumentError, ContentionError, problemOf } from "sojourn";
import { AGAIN_MAX } from "../../webhooks/delivery-table.ts";
import type { Again } from "../../webhooks/delivery-table.ts";
import { OVERLAP_MS } from "../../webhooks/desk.ts";
import type { Endpoint } from "../../webhooks/endpoint-table.ts";
import { checkVersion, setEtag, versionConflict } from "../conditional.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend, creates } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { once } from "../idempotency.ts";
import { invalid, notFound, Refusal } from "../problems.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";
import {
  deliveriesQuery,
  deliveryPage,
  newWebhook,
  noBody,
  replayBody,
  replayReply,
  rotateBody,
  testReply,
  webhookChange,
  webhookGone,
  webhookList,
  webhookParams,
  webhookReply,
  webhookSecretReply,
} from "../webhook-schemas.ts";
import { deliveryView, webhookView } from "../webhook-views.ts";

const config = { scope: "webhooks:write" } as const;
const SECOND_MS = 1_000;

export function webhookRoutes(app: App, house: House): void {
  lookRoutes(app, house);
  createRoute(app, house);
  changeRoutes(app, house);
  secretRoute(app, house);
  testRoute(app, house);
  replayRoute(app, house);
}

type WithId = FastifyRequest & { readonly params: { readonly id: string } };

/** @throws {Refusal} 404, also for another tenant's. */
async function endpointOf(house: House, request: FastifyRequest): Promise<Endpoint> {
  const { id } = (request as WithId).params;
  const endpoint = await house.webhooks.find(callerOf(request).tenant, id);
  if (endpoint === undefined) throw notFound();
  return endpoint;
}

function note(
  house: House,
  request: FastifyRequest,
  name: string,
  detail: Readonly<Record<string, unknown>>,
): void {
  const { keyId: key, name: who, tenant } = callerOf(request);
  house.audit.log.note(name, actorNamed(who), { key, request: request.id, detail }, tenant);
}

/** What is wrong with it, and a lost race, as what they are. */
async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ContentionError) throw versionConflict();
    if (!(error instanceof ArgumentError)) throw error;
    const message = error.message.slice(error.path.length + 2);
    if (error.path !== "limit") throw invalid(error.path, message);
    throw new Refusal(problemOf("conflict", { detail: `${message}.` }));
  }
}

function shown(house: House, reply: FastifyReply, endpoint: Endpoint): object {
  setEtag(reply, String(endpoint.version));
  const now = house.now();
  return { webhook: webhookView(endpoint, now), serverTime: instant(now) };
}

function lookRoutes(app: App, house: House): void {
  app.get(
    "/v1/webhooks",
    {
      config,
      schema: {
        ...backend,
        operationId: "listWebhooks",
        summary: "Webhooks of the tenant; never their secrets",
        response: answers(webhookList, "All of them."),
      },
    },
    async (request) => {
      const now = house.now();
      const all = await house.webhooks.list(callerOf(request).tenant);
      return { items: all.map((one) => webhookView(one, now)), serverTime: instant(now) };
    },
  );
  app.get(
    "/v1/webhooks/:id",
    {
      config: { ...config, etag: true },
      schema: {
        ...backend,
        operationId: "getWebhook",
        summary: "One webhook",
        params: webhookParams,
        response: answers(webhookReply, "As it is, with its ETag."),
      },
    },
    async (request, reply) => shown(house, reply, await endpointOf(house, request)),
  );
  app.get(
    "/v1/webhooks/:id/deliveries",
    {
      config,
      schema: {
        ...backend,
        operationId: "listWebhookDeliveries",
        summary: "What is sent, was sent, and could not be; newest first",
        description: "Kept for a week after it was delivered, dead ones for a month.",
        params: webhookParams,
        querystring: deliveriesQuery,
        response: answers(deliveryPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const endpoint = await endpointOf(house, request);
      const { cursor, limit, state } = request.query;
      const listing = ["deliveries", endpoint.tenant, endpoint.id, state];
      const before = cursor === undefined ? undefined : seqOf(unwrapCursor(listing, cursor));
      const found = await house.webhooks.deliveries(endpoint, { state, before }, limit);
      const next = found.length === limit ? found.at(-1)?.seq : undefined;
      return {
        items: found.map(deliveryView),
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

function createRoute(app: App, house: House): void {
  app.post(
    "/v1/webhooks",
    {
      config: { ...config, etag: true },
      schema: {
        ...backend,
        operationId: "createWebhook",
        summary: "Send the tenant's events to a URL",
        description: "From now on. The secret that signs them is shown this once.",
        body: newWebhook,
        response: creates(webhookSecretReply, "The webhook, and its secret."),
      },
    },
    (request, reply) =>
      once(house.replies, request, reply, async () => {
        const { tenant } = callerOf(request);
        const { endpoint, secret } = await refusing(() =>
          house.webhooks.create(tenant, request.body),
        );
        const { id, url, events } = endpoint;
        note(house, request, "webhook-created", { webhook: id, host: hostOf(url), events });
        void reply.code(201).header("location", `/v1/webhooks/${id}`);
        return { ...shown(house, reply, endpoint), secret };
      }),
  );
}

/** Paths and queries of such URLs are often secrets: they stay out of the trail. */
function hostOf(url: string): string {
  return new URL(url).host;
}

function changeRoutes(app: App, house: House): void {
  app.patch(
    "/v1/webhooks/:id",
    {
      config: { ...config, etag: true, ifMatch: true },
      schema: {
        ...backend,
        operationId: "changeWebhook",
        summary: "Change where, what, or whether",
        description: "What a disabled one was still to be sent is held, and goes on with it.",
        params: webhookParams,
        body: webhookChange,
        response: answers(webhookReply, "As it is now."),
      },
    },
    async (request, reply) => {
      const old = await endpointOf(house, request);
      checkVersion(request, String(old.version));
      const endpoint = await refusing(() => house.webhooks.change(old, request.body));
      const { id, url, events, disabled } = endpoint;
      const enabled = disabled === undefined;
      note(house, request, "webhook-changed", { webhook: id, host: hostOf(url), events, enabled });
      return shown(house, reply, endpoint);
    },
  );
  app.delete(
    "/v1/webhooks/:id",
    {
      config: { ...config, ifMatch: true },
      schema: {
        ...backend,
        operationId: "deleteWebhook",
        summary: "Remove it, and all of its deliveries",
        params: webhookParams,
        response: answers(webhookGone, "It is gone."),
      },
    },
    async (request) => {
      const endpoint = await endpointOf(house, request);
      checkVersion(request, String(endpoint.version));
      await refusing(() => house.webhooks.remove(endpoint));
      note(house, request, "webhook-deleted", { webhook: endpoint.id });
      return { deleted: true, serverTime: instant(house.now()) };
    },
  );
}

function secretRoute(app: App, house: House): void {
  app.post(
    "/v1/webhooks/:id/rotate-secret",
    {
      config: { ...config, etag: true, ifMatch: true },
      schema: {
        ...backend,
        operationId: "rotateWebhookSecret",
        summary: "A new secret; for a while both sign",
        params: webhookParams,
        body: rotateBody,
        response: answers(webhookSecretReply, "The new secret, shown this once."),
      },
    },
    async (request, reply) => {
      const old = await endpointOf(house, request);
      checkVersion(request, String(old.version));
      const { overlap } = request.body;
      const overlapMs = overlap === undefined ? OVERLAP_MS : overlap * SECOND_MS;
      const { endpoint, secret } = await refusing(() => house.webhooks.rotate(old, overlapMs));
      note(house, request, "webhook-secret-rotated", { webhook: endpoint.id, overlapMs });
      return { ...shown(house, reply, endpoint), secret };
    },
  );
}

function testRoute(app: App, house: House): void {
  app.post(
    "/v1/webhooks/:id/test",
    {
      config,
      schema: {
        ...backend,
        operationId: "testWebhook",
        summary: "Send one message `webhook-test` now, and say what came of it",
        params: webhookParams,
        body: noBody,
        response: answers(testReply, "Whether it was delivered, and why not."),
      },
    },
    async (request) => {
      const endpoint = await endpointOf(house, request);
      const { status, trouble } = await house.webhooks.test(endpoint);
      const delivered = trouble === undefined;
      note(house, request, "webhook-tested", { webhook: endpoint.id, delivered });
      const why = {
        ...(status === undefined ? {} : { status }),
        ...(delivered ? {} : { trouble }),
      };
      return { delivered, ...why, serverTime: instant(house.now()) };
    },
  );
}

function replayRoute(app: App, house: House): void {
  app.post(
    "/v1/webhooks/:id/replay",
    {
      config,
      schema: {
        ...backend,
        operationId: "replayWebhook",
        summary: "Send again: one delivery, all that are dead, or all of a time",
        description: `With the ids they had. At most ${AGAIN_MAX} at once, oldest first.`,
        params: webhookParams,
        body: replayBody,
        response: answers(replayReply, "How many are sent again."),
      },
    },
    async (request) => {
      const endpoint = await endpointOf(house, request);
      const what = againOf(request.body, house.now());
      const queued = await house.webhooks.replay(endpoint, what);
      if ("delivery" in what && queued === 0) throw notFound();
      note(house, request, "webhook-replayed", { webhook: endpoint.id, queued, ...request.body });
      return { queued, complete: queued < AGAIN_MAX, serverTime: instant(house.now()) };
    },
  );
}

interface Wanted {
  readonly delivery?: string | undefined;
  readonly dead?: true | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** @throws {Refusal} 400 unless exactly one of them is asked for. */
function againOf({ delivery, dead, from, to }: Wanted, now: number): Again {
  const asked = [delivery, dead, from].filter((one) => one !== undefined);
  if (asked.length !== 1 || (to !== undefined && from === undefined)) {
    throw invalid("body", "one of `delivery`, `dead` and `from`; `to` with `from` alone");
  }
  if (delivery !== undefined) return { delivery };
  if (from === undefined) return { dead: true };
  return { from: Date.parse(from), to: to === undefined ? now + 1 : Date.parse(to) };
}
