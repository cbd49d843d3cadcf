/** What a tenant may: nothing while it is suspended, and no more than its quotas. */
import type { FastifyReply } from "fastify";
import { problemOf } from "sojourn";
import type { Tenant } from "../tenants/tenant.ts";
import { Refusal } from "./problems.ts";
import { RateLimit, rateHeaders } from "./rate-limit.ts";
import type { House } from "./types.ts";

/**
 * Is this tenant served? Within a second of a change by another process.
 *
 * @throws {Refusal} 403 `tenant_suspended`; 401 for an erased one, which nobody can belong to.
 */
export async function admitTenant(house: House, id: string): Promise<Tenant> {
  const recalled = house.tenants.desk.recall(id);
  const tenant = recalled instanceof Promise ? await recalled : recalled;
  switch (tenant.state) {
    case "active":
      return tenant;
    case "suspended":
      house.metrics.tenants.count(id, "suspended");
      throw new Refusal(problemOf("tenant_suspended"));
    case "erased":
      throw new Refusal(problemOf("unauthenticated", { challenge: "invalid_token" }));
  }
}

const LIMITS_MAX = 10_000;

/** Requests per second of a whole tenant, in this process. */
export class TenantRates {
  readonly #limits = new Map<string, { readonly perSecond: number; readonly limit: RateLimit }>();

  /** @throws {Refusal} 429. */
  take({ metrics }: House, { id, quotas }: Tenant, reply: FastifyReply): void {
    metrics.tenants.count(id, "requests");
    const perSecond = quotas.requestsPerSecond;
    if (perSecond === null) return;
    const known = this.#limits.get(id);
    const limit = known?.perSecond === perSecond ? known.limit : this.#add(id, perSecond);
    const allowance = limit.take(id, performance.now());
    if (allowance.allowed) return;
    metrics.tenants.count(id, "request_quota");
    void reply.headers(rateHeaders(limit, allowance));
    const detail = `The tenant's quota is ${perSecond} requests per second.`;
    const { retryAfterSeconds } = allowance;
    throw new Refusal(problemOf("rate_limited", { retryAfterSeconds, detail }));
  }

  #add(id: string, perSecond: number): RateLimit {
    const limit = new RateLimit(perSecond);
    this.#limits.delete(id);
    this.#limits.set(id, { perSecond, limit });
    const [oldest] = this.#limits.keys();
    if (this.#limits.size > LIMITS_MAX && oldest !== undefined) this.#limits.delete(oldest);
    return limit;
  }
}

/**
 * Run `open` if the tenant may have one more session.
 *
 * @throws {Refusal} 409 `limit_reached`, in words.
 */
export async function withinQuota<Result>(
  { tenants, metrics }: House,
  id: string,
  open: () => Promise<Result>,
): Promise<Result> {
  const { quotas } = await tenants.desk.recall(id);
  const max = quotas.sessions;
  if (max === null) return open();
  if (!(await tenants.counts.hasRoom(id, max))) {
    metrics.tenants.count(id, "session_quota");
    const detail = `The tenant has as many live sessions as its quota allows: ${max}.`;
    throw new Refusal(problemOf("limit_reached", { detail }));
  }
  const opened = await open();
  tenants.counts.opened(id);
  return opened;
}
