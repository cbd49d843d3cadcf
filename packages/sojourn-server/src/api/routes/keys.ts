/** Backend group: service keys of the caller's tenant, and which keys the installation has. */
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { IssuedKey } from "../../control/key-desk.ts";
import { SCOPES } from "../../control/key-table.ts";
import type { KeyRecord } from "../../control/key-table.ts";
import { once } from "../idempotency.ts";
import { answers, backend, creates } from "../documents.ts";
import { callerOf, requireScope } from "../guards.ts";
import { notFound } from "../problems.ts";
import { emptyBody, idParams, instantText } from "../schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const OVERLAP_SECONDS_MAX = 30 * 86_400;
const write = { scope: "keys:write" } as const;

const serviceKey = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    tenant: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    state: z.enum(["live", "ending", "revoked"]),
    createdAt: instantText,
    lastUsedAt: instantText.optional().meta({ description: "Within a minute." }),
    revokedAt: instantText.optional(),
  })
  .meta({ id: "ServiceKey", description: "Everything about a key but the key." });
type KeyView = z.infer<typeof serviceKey>;

export const keyPage = z.strictObject({ items: z.array(serviceKey), serverTime: instantText });
export const keyReply = z.strictObject({ key: serviceKey, serverTime: instantText });
export const issuedReply = z.strictObject({
  key: serviceKey,
  secret: z.string().meta({ description: "The key. The only time it is shown." }),
  replaces: z.string().optional(),
  serverTime: instantText,
});
const newKeyBody = z.strictObject({
  name: z.string().min(1).max(64),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
});
const rotateBody = z
  .strictObject({ overlapSeconds: z.number().int().min(0).max(OVERLAP_SECONDS_MAX).optional() })
  .nullish();

const keyFact = z.strictObject({
  kid: z.string(),
  purpose: z.string(),
  algorithm: z.string(),
  state: z.string(),
  createdAt: instantText.optional(),
  activatesAt: instantText.optional(),
  retiresAt: instantText.optional(),
  revokedAt: instantText.optional(),
});
type KeyFact = z.infer<typeof keyFact>;
export const inventoryReply = z.strictObject({ items: z.array(keyFact), serverTime: instantText });

export function keyRoutes(app: App, house: House): void {
  lookRoutes(app, house);
  makeRoutes(app, house);
  app.post(
    "/v1/keys/:id/revoke",
    {
      config: { ...write, fourEyes: true },
      schema: {
        ...backend,
        operationId: "revokeServiceKey",
        summary: "End a service key; idempotent, and counts everywhere within a second",
        params: idParams,
        body: emptyBody,
        response: answers(keyReply, "The key as it is now."),
      },
    },
    async (request) => {
      const { id } = await ownKey(house, request, request.params.id);
      await house.keys.revoke(id);
      return { key: keyView(await ownKey(house, request, id), house.now()), ...told(house) };
    },
  );
}

function lookRoutes(app: App, house: House): void {
  app.get(
    "/v1/keys",
    {
      config: { scope: "keys:read" },
      schema: {
        ...backend,
        operationId: "listServiceKeys",
        summary: "Service keys of the tenant, newest first; at most 1000",
        response: answers(keyPage, "Never a key itself."),
      },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const all = await house.keys.list(tenant);
      return { items: all.map((record) => keyView(record, house.now())), ...told(house) };
    },
  );
  app.get(
    "/v1/signing-keys",
    {
      config: { scope: "keys:read" },
      schema: {
        ...backend,
        operationId: "listSigningKeys",
        summary: "Which cryptographic keys the installation has, and what for",
        // ASVS 5.0 11.1.2.
        response: answers(inventoryReply, "Never a key itself."),
      },
    },
    async () => ({ items: await inventoryOf(house), ...told(house) }),
  );
}

function makeRoutes(app: App, house: House): void {
  app.post(
    "/v1/keys",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "createServiceKey",
        summary: "Make a service key of the tenant; it may do no more than whoever makes it",
        body: newKeyBody,
        response: creates(issuedReply, "The key, shown once."),
      },
    },
    (request, reply) => {
      const caller = callerOf(request);
      const { name, scopes } = request.body;
      for (const scope of scopes) requireScope(caller, scope);
      return once(house.replies, request, reply, async () => {
        const issued = await house.keys.create({ name, scopes, tenant: caller.tenant });
        void reply.code(201);
        return shownOnce(house, issued);
      });
    },
  );
  app.post(
    "/v1/keys/:id/rotate",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "rotateServiceKey",
        summary: "A new key under the same name, tenant and scopes",
        description: "`overlapSeconds`: how long the old one is still taken.",
        params: idParams,
        body: rotateBody,
        response: creates(issuedReply, "The new key, shown once."),
      },
    },
    (request, reply) =>
      once(house.replies, request, reply, async () => {
        const caller = callerOf(request);
        const old = await ownKey(house, request, request.params.id);
        for (const scope of old.scopes) requireScope(caller, scope);
        const overlapMs = (request.body?.overlapSeconds ?? 0) * 1_000;
        const issued = await house.keys.rotate(old.id, overlapMs);
        if (issued === undefined) throw notFound();
        void reply.code(201);
        return { ...shownOnce(house, issued), replaces: old.id };
      }),
  );
}

/** @throws {Refusal} 404 for unknown and foreign ones alike. */
async function ownKey(house: House, request: FastifyRequest, id: string): Promise<KeyRecord> {
  const record = await house.keys.find(id);
  if (record === undefined || record.tenant !== callerOf(request).tenant) throw notFound();
  return record;
}

function told(house: House): { serverTime: string } {
  return { serverTime: instant(house.now()) };
}

function shownOnce(house: House, { record, text }: IssuedKey): z.infer<typeof issuedReply> {
  return { key: keyView(record, house.now()), secret: text, ...told(house) };
}

function keyView(record: KeyRecord, now: number): KeyView {
  const { id, name, tenant, scopes, createdAt, lastUsedAt, revokedAt } = record;
  const ended = revokedAt !== undefined && now >= revokedAt;
  return {
    id,
    name,
    tenant,
    scopes: [...scopes],
    state: revokedAt === undefined ? "live" : ended ? "revoked" : "ending",
    createdAt: instant(createdAt),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: instant(lastUsedAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: instant(revokedAt) }),
  };
}

async function inventoryOf({ sessions, tokens }: House): Promise<KeyFact[]> {
  const derived = (await sessions.keys()).map(({ kid, purpose, algorithm, primary }) => ({
    kid,
    purpose,
    algorithm,
    state: primary ? "active" : "verifying",
  }));
  if (tokens === undefined) return derived;
  const all = [tokens.accessKeys, tokens.feedKeys, tokens.introspectionKeys];
  const signing = (await Promise.all(all.map((keys) => keys.inventory()))).flat();
  return [
    ...derived,
    ...signing.map(({ kid, purpose, algorithm, state, ...dates }) => ({
      kid,
      purpose,
      algorithm,
      state,
      createdAt: instant(dates.createdAt),
      activatesAt: instant(dates.activatesAt),
      ...(dates.retiresAt === undefined ? {} : { retiresAt: instant(dates.retiresAt) }),
      ...(dates.revokedAt === undefined ? {} : { revokedAt: instant(dates.revokedAt) }),
    })),
  ];
}
