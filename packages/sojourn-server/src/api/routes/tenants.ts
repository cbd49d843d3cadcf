/** Tenants: made, changed, suspended, erased. The only paths that name other tenants. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { TighteningLayer } from "sojourn";
import type { z } from "zod";
import { readSpansIn } from "../../config/spans.ts";
import type { Tenant } from "../../tenants/tenant.ts";
import { TenantWishError } from "../../tenants/tenant-office.ts";
import type { TenantChange, TenantWish } from "../../tenants/tenant-office.ts";
import { expectedVersion, requireMatch, setEtag, versionConflict } from "../conditional.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend, creates } from "../documents.ts";
import { once } from "../idempotency.ts";
import { notFound, Refusal } from "../problems.ts";
import { emptyBody } from "../schemas.ts";
import {
  tenantCreateBody,
  tenantPage,
  tenantParams,
  tenantPatchBody,
  tenantQuery,
  tenantReply,
} from "../tenant-schemas.ts";
import type { TenantView } from "../tenant-schemas.ts";
import type { App, House } from "../types.ts";
import { instant } from "../views.ts";

const write = { scope: "tenants:write" } as const;
const LISTING = ["tenants"];
/** How long a request purges; the rest is done behind it. */
const PURGE_MS = 2_000;

export function tenantRoutes(app: App, house: House): void {
  lookRoutes(app, house);
  makeRoutes(app, house);
  stateRoutes(app, house);
}

function lookRoutes(app: App, house: House): void {
  const { office } = house.tenants;
  app.get(
    "/v1/tenants",
    {
      config: write,
      schema: {
        ...backend,
        operationId: "listTenants",
        summary: "All tenants of the installation, by id; erased ones too",
        querystring: tenantQuery,
        response: answers(tenantPage, "A page; `nextCursor` leads to the next."),
      },
    },
    async (request) => {
      const { cursor, limit, use } = request.query;
      const after = cursor === undefined ? "" : unwrapCursor(LISTING, cursor);
      const items = await office.list(after, limit);
      const last = items.length === limit ? items.at(-1)?.id : undefined;
      const views: TenantView[] = [];
      // One after the other: each of them may be a count over all of its sessions.
      for (const tenant of items) {
        views.push(use === undefined ? viewOf(tenant) : await withUse(house, tenant));
      }
      return {
        items: views,
        ...(last === undefined ? {} : { nextCursor: wrapCursor(LISTING, last) }),
        serverTime: instant(house.now()),
      };
    },
  );
  app.get(
    "/v1/tenants/:tenant",
    {
      config: { ...write, etag: true },
      schema: {
        ...backend,
        operationId: "getTenant",
        summary: "One tenant: state, policy, quotas and what it uses of them",
        params: tenantParams,
        response: answers(tenantReply, "The tenant; its version is the ETag."),
      },
    },
    async (request, reply) => {
      const tenant = await office.find(request.params.tenant);
      if (tenant === undefined) throw notFound();
      return { ...shown(house, reply, tenant), tenant: await withUse(house, tenant) };
    },
  );
}

async function withUse(house: House, tenant: Tenant): Promise<TenantView> {
  const view = viewOf(tenant);
  if (tenant.state === "erased") return view;
  const serviceKeys = await house.tenants.office.liveKeys(tenant.id);
  if (house.store.capabilities.query !== "full") return { ...view, use: { serviceKeys } };
  const { count, exact } = await house.sessions.count({ tenant: tenant.id });
  return { ...view, use: { sessions: { value: count, exact }, serviceKeys } };
}

function makeRoutes(app: App, house: House): void {
  const { office } = house.tenants;
  app.post(
    "/v1/tenants",
    {
      config: { ...write, etag: true },
      schema: {
        ...backend,
        operationId: "createTenant",
        summary: "Make a tenant, with a key of its own",
        description: "With `Idempotency-Key` a retry gets the same reply for 24 hours.",
        body: tenantCreateBody,
        response: creates(tenantReply, "The tenant; make it a service key next."),
      },
    },
    (request, reply) =>
      once(house.replies, request, reply, async () => {
        const { id, ...wish } = request.body;
        const made = await judged(() => office.create(id, wishOf(wish)));
        if (made === undefined) {
          const detail = "There is a tenant of this id, or was: an id is never used again.";
          throw new Refusal(problemOf("conflict", { detail }));
        }
        void reply.code(201).header("location", `/v1/tenants/${made.id}`);
        return shown(house, reply, made);
      }),
  );
  app.patch(
    "/v1/tenants/:tenant",
    {
      config: { ...write, etag: true, ifMatch: true, fourEyes: true },
      schema: {
        ...backend,
        operationId: "changeTenant",
        summary: "Change name, policy or quotas",
        description: "Needs `If-Match`. Every process follows within a second.",
        params: tenantParams,
        body: tenantPatchBody,
        response: answers(tenantReply, "The tenant as it is now."),
      },
    },
    async (request, reply) => {
      requireMatch(request);
      const { tenant: id } = request.params;
      const version = versionOf(request);
      const change = await judged(() => office.change(id, wishOf(request.body), version));
      return shown(house, reply, settled(change));
    },
  );
}

function stateRoutes(app: App, house: House): void {
  const { office } = house.tenants;
  action(app, house, {
    name: "suspend",
    operationId: "suspendTenant",
    summary: "Refuse all of its requests within a second; nothing ends",
    act: (id, version) => office.suspend(id, version),
  });
  action(app, house, {
    name: "resume",
    operationId: "resumeTenant",
    summary: "Serve it again; all is as it was",
    act: (id, version) => office.resume(id, version),
  });
  action(app, house, {
    name: "erase",
    operationId: "eraseTenant",
    summary: "Destroy its key, end its service keys, purge all of it; for good, and idempotent",
    async act(id, version) {
      const change = await office.erase(id, version);
      if (change.outcome !== "done" || change.tenant.purgedAt !== undefined) return change;
      const end = performance.now() + PURGE_MS;
      // Its key is gone already: what is left is purged behind this request.
      await house.tenants.purge(id, () => performance.now() > end);
      const tenant = await office.find(id);
      return tenant === undefined ? change : { outcome: "done", tenant };
    },
  });
}

interface Action {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  act(id: string, version: number | undefined): Promise<TenantChange>;
}

function action(app: App, house: House, of: Action): void {
  app.post(
    `/v1/tenants/:tenant/${of.name}`,
    {
      config: { ...write, etag: true, ifMatch: true, fourEyes: true },
      schema: {
        ...backend,
        operationId: of.operationId,
        summary: of.summary,
        params: tenantParams,
        body: emptyBody,
        response: answers(tenantReply, "The tenant as it is now."),
      },
    },
    async (request: FastifyRequest, reply) => {
      const { tenant: id } = request.params as z.infer<typeof tenantParams>;
      return shown(house, reply, settled(await of.act(id, versionOf(request))));
    },
  );
}

function wishOf({ name, policy, quotas }: z.infer<typeof tenantPatchBody>): TenantWish {
  return { name, policy: readSpansIn(policy) as TighteningLayer | null | undefined, quotas };
}

/** @throws {Refusal} 412 for what is no version of a tenant. */
function versionOf(request: FastifyRequest): number | undefined {
  const text = expectedVersion(request);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw versionConflict();
  return Number(text);
}

async function judged<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TenantWishError)) throw error;
    throw new Refusal(problemOf("invalid_request", { errors: error.problems }));
  }
}

function settled(change: TenantChange): Tenant {
  switch (change.outcome) {
    case "done":
      return change.tenant;
    case "unknown":
      throw notFound();
    case "erased":
      throw new Refusal(problemOf("conflict", { detail: "The tenant was erased; that is final." }));
    case "stale":
      throw versionConflict(String(change.version));
  }
}

function shown(
  house: House,
  reply: FastifyReply,
  tenant: Tenant,
): { tenant: TenantView; serverTime: string } {
  setEtag(reply, String(tenant.version));
  return { tenant: viewOf(tenant), serverTime: instant(house.now()) };
}

function viewOf(tenant: Tenant): TenantView {
  const { id, name, state, createdAt, policy, quotas, erasedAt, purgedAt } = tenant;
  return {
    id,
    name,
    state,
    createdAt: instant(createdAt),
    ...(policy === undefined ? {} : { policy }),
    quotas,
    ownKey: tenant.wrappedKey !== undefined,
    ...(erasedAt === undefined ? {} : { erasedAt: instant(erasedAt) }),
    ...(purgedAt === undefined ? {} : { purgedAt: instant(purgedAt) }),
    version: String(tenant.version),
  };
}
