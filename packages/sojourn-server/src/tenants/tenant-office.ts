/** Administration of tenants: made, changed, suspended, erased. Every act is an entry. */
import { ArgumentError, ContentionError } from "sojourn";
import type { ConfigProblem, TighteningLayer } from "sojourn";
import { isTenantId, NO_QUOTAS, TENANT_ID_ACCEPTED, unwritten } from "./tenant.ts";
import type { Quotas, Tenant } from "./tenant.ts";
import type { TenantDesk } from "./tenant-desk.ts";
import type { TenantTable } from "./tenant-table.ts";
import { newTenantKey } from "./wrapping.ts";
import type { Wrapping } from "./wrapping.ts";

export type TenantAct =
  | "tenant-created"
  | "policy-change"
  | "tenant-changed"
  | "tenant-suspended"
  | "tenant-resumed"
  | "tenant-erased";

export interface TenantOfficeParts {
  readonly table: TenantTable;
  readonly desk: TenantDesk;
  readonly wrapping: Wrapping;
  readonly now: () => number;
  /** The service's own: its cookies may be older than any record, so it has no key of its own. */
  readonly own: string;
  /** What is wrong with a policy for this tenant. */
  readonly policyProblems: (id: string, layer: TighteningLayer) => readonly ConfigProblem[];
  /** False where the store cannot count the sessions of a tenant. */
  readonly canCount: boolean;
  /** For the audit. */
  readonly noted: (act: TenantAct, id: string, detail: object) => void;
}

export interface TenantWish {
  readonly name?: string | undefined;
  /** `null` takes it back. */
  readonly policy?: TighteningLayer | null | undefined;
  /** Members that are left out stay as they are. */
  readonly quotas?: { readonly [Name in keyof Quotas]?: Quotas[Name] | undefined } | undefined;
}

/** What became of a change. `stale`: it is at another version. */
export type TenantChange =
  | { readonly outcome: "done"; readonly tenant: Tenant }
  | { readonly outcome: "unknown" | "erased" }
  | { readonly outcome: "stale"; readonly version: number };

const ATTEMPTS_MAX = 10;

export class TenantOffice {
  readonly #parts: TenantOfficeParts;

  constructor(parts: TenantOfficeParts) {
    this.#parts = parts;
  }

  /**
   * @returns `undefined` when there is one of this id, or was.
   * @throws {TenantWishError} for a policy that loosens, or a quota that cannot be kept.
   */
  async create(id: string, wish: TenantWish): Promise<Tenant | undefined> {
    if (!isTenantId(id)) throw new ArgumentError("id", TENANT_ID_ACCEPTED);
    this.#judge(id, wish);
    await this.#adopt(id);
    const { wrapping, table, now } = this.#parts;
    const { name = id, policy, quotas } = wish;
    const made = await table.insert({
      id,
      name,
      createdAt: now(),
      policy: policy ?? undefined,
      quotas: changedQuotas(NO_QUOTAS, quotas),
      wrappedKey: wrapping.wrap(id, newTenantKey()),
    });
    if (!made) return undefined;
    this.#parts.desk.forget(id);
    this.#parts.noted("tenant-created", id, { ...said(wish), by: "request" });
    return table.find(id);
  }

  /**
   * For a service key: the tenant it names begins to be with it.
   *
   * @throws {ArgumentError} for one that was erased, or has as many keys as it may.
   */
  async admitKey(id: string): Promise<void> {
    const { table, now } = this.#parts;
    const tenant = (await this.find(id)) ?? (await this.#createFor(id));
    if (tenant.state === "erased") {
      throw new ArgumentError("tenant", `${id} was erased; its name is never used again`);
    }
    const max = tenant.quotas.serviceKeys;
    if (max === null || (await table.liveKeys(id, now())) < max) return;
    const many = `${id} has ${max} live service key${max === 1 ? "" : "s"}`;
    throw new ArgumentError("tenant", `${many}, as many as its quota allows; revoke one first`);
  }

  async #createFor(id: string): Promise<Tenant> {
    await this.create(id, {});
    return (await this.#parts.table.find(id)) ?? unwritten(id);
  }

  /** @returns `undefined` when nobody has written it down and no service key names it. */
  async find(id: string): Promise<Tenant | undefined> {
    const { table } = this.#parts;
    const found = await table.find(id);
    if (found !== undefined) return found;
    await this.#adopt(id);
    return table.find(id);
  }

  /** By id. */
  async list(after: string, limit: number): Promise<readonly Tenant[]> {
    await this.#adopt();
    return this.#parts.table.page(after, limit);
  }

  /** How many of its service keys count against its quota. */
  liveKeys(id: string): Promise<number> {
    const { table, now } = this.#parts;
    return table.liveKeys(id, now());
  }

  /**
   * @param version The one that the caller read; absent: whatever it is.
   * @throws {TenantWishError} for a policy that loosens, or a quota that cannot be kept.
   */
  async change(id: string, wish: TenantWish, version?: number): Promise<TenantChange> {
    this.#judge(id, wish);
    const changed = await this.#changing(id, version, (tenant) => {
      const { policy: before, ...rest } = tenant;
      const policy = wish.policy === undefined ? before : (wish.policy ?? undefined);
      return {
        ...rest,
        ...(policy === undefined ? {} : { policy }),
        name: wish.name ?? tenant.name,
        quotas: changedQuotas(tenant.quotas, wish.quotas),
      };
    });
    if (changed.outcome !== "done") return changed;
    const act = wish.policy === undefined ? "tenant-changed" : "policy-change";
    this.#parts.noted(act, id, said(wish));
    return changed;
  }

  /** Opens and verifies are refused; nothing ends. Idempotent. */
  async suspend(id: string, version?: number): Promise<TenantChange> {
    const changed = await this.#changing(id, version, (one) => ({ ...one, state: "suspended" }));
    if (changed.outcome === "done") this.#parts.noted("tenant-suspended", id, {});
    return changed;
  }

  /** All is as it was. Idempotent. */
  async resume(id: string, version?: number): Promise<TenantChange> {
    const changed = await this.#changing(id, version, (one) => ({ ...one, state: "active" }));
    if (changed.outcome === "done") this.#parts.noted("tenant-resumed", id, {});
    return changed;
  }

  /**
   * Destroy its key and end its service keys, at once and for good. Sessions and texts are purged
   * behind it. Idempotent.
   *
   * @throws {ArgumentError} for the service's own tenant.
   */
  async erase(id: string, version?: number): Promise<TenantChange> {
    const { table, desk, now, own, noted } = this.#parts;
    if (id === own) {
      throw new ArgumentError("tenant", `${id} is the service's own; it cannot be erased`);
    }
    const tenant = await this.find(id);
    if (tenant === undefined) return { outcome: "unknown" };
    if (tenant.state === "erased") return { outcome: "done", tenant };
    if (version !== undefined && version !== tenant.version) {
      return { outcome: "stale", version: tenant.version };
    }
    await table.erase(id, now());
    desk.forget(id);
    noted("tenant-erased", id, {});
    const erased = await table.find(id);
    return erased === undefined ? { outcome: "unknown" } : { outcome: "done", tenant: erased };
  }

  async #changing(
    id: string,
    version: number | undefined,
    step: (tenant: Tenant) => Tenant,
  ): Promise<TenantChange> {
    const { table, desk } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const tenant = await this.find(id);
      if (tenant === undefined) return { outcome: "unknown" };
      if (tenant.state === "erased") return { outcome: "erased" };
      if (version !== undefined && version !== tenant.version) {
        return { outcome: "stale", version: tenant.version };
      }
      const next = step(tenant);
      if (!(await table.change(next))) continue;
      desk.forget(id);
      return { outcome: "done", tenant: { ...next, version: tenant.version + 1 } };
    }
    throw new ContentionError("change tenant");
  }

  /** Tenants that were before there were records, and the one that always is. */
  async #adopt(id?: string): Promise<void> {
    const { table, own, now } = this.#parts;
    await table.adopt();
    if (id !== undefined && id !== own && id !== DEFAULT) return;
    for (const always of new Set([DEFAULT, own])) {
      await table.insert({ id: always, name: always, createdAt: now(), quotas: NO_QUOTAS });
    }
  }

  #judge(id: string, { policy, quotas }: TenantWish): void {
    const problems: ConfigProblem[] = [];
    if (policy !== undefined && policy !== null) {
      problems.push(...this.#parts.policyProblems(id, policy));
    }
    if (typeof quotas?.sessions === "number" && !this.#parts.canCount) {
      const message = "this store cannot count the sessions of a tenant; leave it out";
      problems.push({ path: "quotas.sessions", message });
    }
    if (problems.length > 0) throw new TenantWishError(problems);
  }
}

const DEFAULT = "default";

/** What was asked for cannot be; every problem by its place. */
export class TenantWishError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    this.name = "TenantWishError";
    this.problems = problems;
  }
}

function changedQuotas(before: Quotas, wish: TenantWish["quotas"]): Quotas {
  const given = Object.entries(wish ?? {}).filter(([, value]) => value !== undefined);
  return { ...before, ...(Object.fromEntries(given) as Partial<Quotas>) };
}

/** What the audit keeps of a wish: all of it, for none of it is a secret. */
function said({ name, policy, quotas }: TenantWish): object {
  return {
    ...(name === undefined ? {} : { name }),
    ...(policy === undefined ? {} : { policy }),
    ...(quotas === undefined ? {} : { quotas }),
  };
}
