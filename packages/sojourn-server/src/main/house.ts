/** What every route may reach, from what the installation opened. */
import { deviceBindings } from "sojourn/dbsc";
import type { House } from "../api/types.ts";
import type { ServerConfig } from "../config/config.ts";
import type { Installation } from "./installation.ts";

type Shown = Pick<House, "console" | "metrics" | "telemetry" | "streams" | "phase">;

export function houseOf(config: ServerConfig, installation: Installation, shown: Shown): House {
  const { sessions, control, webhooks } = installation;
  const { keys, locks, tokens, tenants, audit, privacy, search, operations } = installation;
  return {
    config,
    sessions,
    store: installation.base,
    near: installation.near,
    control,
    keys,
    locks,
    replies: control.replies,
    proofs: control.proofs,
    bindings: config.library.dbsc === undefined ? undefined : deviceBindings(sessions),
    tokens,
    tenants,
    audit,
    trail: control.trailReader,
    privacy,
    search,
    operations,
    webhooks: webhooks.desk,
    analytics: installation.analytics,
    now: installation.now,
    ...shown,
  };
}
