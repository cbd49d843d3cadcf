/** The gate of back ends: who asks, whether they may, and how often. One for every way in. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { Caller } from "../control/key-desk.ts";
import type { Scope } from "../control/key-table.ts";
import { limited, requireScope } from "./guards.ts";
import { Refusal } from "./problems.ts";
import { RateLimit, rateHeaders } from "./rate-limit.ts";
import { admitTenant, TenantRates } from "./tenant-guard.ts";
import type { House } from "./types.ts";

const SERVICE_KEY = /^Bearer (sj1k_[\w-]{1,512})$/i;

export class BackendGate {
  readonly #house: House;
  readonly #limit: RateLimit;
  readonly #rates = new TenantRates();

  constructor(house: House) {
    this.#house = house;
    this.#limit = new RateLimit(house.config.rateLimit);
  }

  /** @throws {Refusal} 401 without a key that counts, 403 without its scope, 429 too often. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    const { authorization } = request.headers;
    const text = keyIn(authorization);
    const asked = text === undefined ? undefined : this.#house.keys.authenticate(text);
    const caller = asked instanceof Promise ? await asked : asked;
    const who = caller === undefined ? `from ${request.ip}` : nameOf(caller);
    limited(this.#limit, who, reply);
    if (caller === undefined) throw new Refusal(notProved(authorization));
    const scope = request.routeOptions.config.scope ?? "sessions:write";
    requireScope(caller, scope);
    // Whoever administers tenants may still resume the one that the key is of.
    if (scope !== "tenants:write") {
      this.#rates.take(this.#house, await admitTenant(this.#house, caller.tenant), reply);
    }
    return caller;
  }

  /**
   * Who may ask this, if that is known without a wait. Takes nothing of any limit.
   *
   * @returns `undefined` where {@link admit} has to find out, or has something to say.
   */
  recognize(authorization: string | undefined, scope: Scope): Caller | undefined {
    const { keys, tenants } = this.#house;
    const text = keyIn(authorization);
    const caller = text === undefined ? undefined : keys.recognize(text);
    if (caller === undefined || !caller.scopes.includes(scope)) return undefined;
    const tenant = tenants.desk.recall(caller.tenant);
    if (tenant instanceof Promise) {
      // It is asked again, and what goes wrong is said then.
      tenant.catch(() => undefined);
      return undefined;
    }
    const { state, quotas } = tenant;
    return state === "active" && quotas.requestsPerSecond === null ? caller : undefined;
  }

  /**
   * One more request of somebody who was recognized.
   *
   * @returns headers for the answer, names and values in turn; `undefined`, and nothing counted,
   *   when it is too many.
   */
  count(caller: Caller): readonly string[] | undefined {
    const limit = this.#limit;
    const allowance = limit.enabled ? limit.take(nameOf(caller), performance.now()) : undefined;
    if (allowance?.allowed === false) return undefined;
    this.#house.metrics.tenants.count(caller.tenant, "requests");
    return allowance === undefined ? [] : Object.entries(rateHeaders(limit, allowance)).flat();
  }
}

function keyIn(authorization: string | undefined): string | undefined {
  return SERVICE_KEY.exec(authorization ?? "")?.[1];
}

function nameOf({ keyId }: Caller): string {
  return `key ${keyId}`;
}

function notProved(header: string | undefined): ReturnType<typeof problemOf> {
  const detail = "Send a service key: Authorization: Bearer sj1k_… (sojourn keys create).";
  return problemOf("unauthenticated", {
    detail,
    ...(header === undefined ? {} : { challenge: "invalid_token" as const }),
  });
}
