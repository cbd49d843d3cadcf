/** The tenants of an installation: in use, administered, erased. */
import type { PolicyBook, Sessions, SessionStore } from "sojourn";
import { actorNamed } from "../control/key-desk.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { ERASED } from "../audit/trail.ts";
import type { Circumstances } from "../audit/entry.ts";
import type { ServerConfig } from "../config/config.ts";
import type { ControlStore } from "../control/control-store.ts";
import { purgeErased, purgeLeft } from "../tenants/erasure.ts";
import { rewrapKeys } from "../tenants/rewrap.ts";
import { SessionCounts } from "../tenants/session-counts.ts";
import { policyProblems, tenantPolicyBook } from "../tenants/tenant-policies.ts";
import type { Configured } from "../tenants/tenant-policies.ts";
import { TenantDesk } from "../tenants/tenant-desk.ts";
import { TenantOffice } from "../tenants/tenant-office.ts";

export interface TenantHouse {
  readonly desk: TenantDesk;
  readonly office: TenantOffice;
  readonly counts: SessionCounts;
  /** The tenant of the service's own cookies. */
  readonly own: string;
  /** Purge an erased tenant. @returns false when `until` says that it is enough for now. */
  purge(tenant: string, until?: () => boolean): Promise<boolean>;
  /** All keys under the first secret. @returns tenants whose key none of the secrets opens. */
  rewrap(): Promise<readonly string[]>;
  /** Go on with what is left of erased tenants. @returns how many are done with. */
  purgeLeft(): Promise<number>;
}

export interface TenantTools {
  readonly control: ControlStore;
  readonly store: SessionStore;
  readonly sessions: Sessions;
  readonly log: AuditLog;
  readonly now: () => number;
  readonly circumstances: () => Circumstances;
}

const DEFAULT = "default";

/** What the library is given: keys and policies of tenants. */
export function openTenantDesk(
  config: ServerConfig,
  { tenants: table, wrapping }: ControlStore,
): { readonly desk: TenantDesk; readonly policyBook: (book: PolicyBook) => PolicyBook } {
  const desk = new TenantDesk({ table, wrapping });
  const configured = configuredOf(config);
  const policyBook = (book: PolicyBook): PolicyBook =>
    tenantPolicyBook(book, configured, (id) => desk.peek(id));
  return { desk, policyBook };
}

export function openTenants(
  config: ServerConfig,
  desk: TenantDesk,
  { control, store, sessions, log, now, circumstances }: TenantTools,
): TenantHouse {
  const { tenants: table, wrapping } = control;
  const configured = configuredOf(config);
  const own = config.library.tenant ?? DEFAULT;
  const office = new TenantOffice({
    table,
    desk,
    wrapping,
    now,
    own,
    policyProblems: (id, layer) => policyProblems(id, layer, configured),
    canCount: store.capabilities.query === "full",
    noted: (act, id, detail) => {
      const { key, request } = circumstances();
      const actor = key === undefined ? "operator:cli" : actorNamed(key.name);
      const about = {
        ...(key === undefined ? {} : { key: key.id }),
        ...(request === undefined ? {} : { request }),
        detail: { tenant: id, ...detail },
      };
      // What an erased tenant would tell is erased with it.
      log.note(act, actor, about, act === "tenant-erased" ? "" : id);
    },
  });
  const eraseTexts = async (tenant: string): Promise<void> => {
    // What is still on its way is erased, too.
    await log.drain();
    await control.trail.eraseTenant(tenant, () =>
      log.entry(ERASED, "system", { cause: "tenant_erased", detail: { tenant } }),
    );
  };
  const parts = { table, sessions, store, now, eraseTexts };
  return {
    desk,
    office,
    counts: new SessionCounts(sessions),
    own,
    purge: (tenant, until) => purgeErased(parts, tenant, until),
    rewrap: async () => (await rewrapKeys(table, wrapping)).unreadable,
    purgeLeft: () => purgeLeft(parts),
  };
}

function configuredOf({ library }: ServerConfig): Configured {
  return { policy: library.policy ?? "saas", tighten: library.tighten ?? {} };
}
