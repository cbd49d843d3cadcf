/** The audit trail of an installation: opened, fed, and closed. */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import type { Sessions } from "sojourn";
import { AuditLog } from "../audit/audit-log.ts";
import type { AuditLogParts } from "../audit/audit-log.ts";
import { AddressSalts } from "../audit/address-salts.ts";
import type { ReadCircumstances } from "../audit/entry.ts";
import { Spool } from "../audit/spool.ts";
import type { ServerConfig } from "../config/config.ts";
import { present } from "../config/present.ts";
import { actorNamed } from "../control/key-desk.ts";
import type { KeyDeskParts } from "../control/key-desk.ts";
import type { ControlStore } from "../control/control-store.ts";
import { takenByAll } from "../consumers/consumer.ts";

export interface AuditHouse {
  readonly log: AuditLog;
  /** Remove what is older than it may be kept, hourly. @returns how many entries went. */
  retire(): Promise<number>;
}

export interface AuditTools extends Pick<AuditLogParts, "onTrouble" | "onDropped"> {
  readonly control: ControlStore;
  readonly sessions: Sessions;
  readonly now: () => number;
  /** A command: it lives for one call and has no spool. */
  readonly once: boolean;
  readonly circumstances: ReadCircumstances;
}

const DAY_MS = 86_400_000;
/** So much longer entries wait for webhooks, sinks and figures that have not had them. */
const PATIENCE_MS = 7 * DAY_MS;
const CONFIGURATION = "audit-configuration";

/** Every event of the sessions is an entry from now on. @throws when the trail cannot be read. */
export async function openAudit(config: ServerConfig, tools: AuditTools): Promise<AuditHouse> {
  const { control, sessions, now, once, circumstances, onTrouble, onDropped } = tools;
  const { spool: place, fsync, keepDays } = config.audit;
  // By the chain's own name: what one installation left is never carried into another's trail.
  const { chain } = await control.trail.head();
  const spool = (owner: string): Spool =>
    new Spool({ folder: join(place ?? "", chain), owner, fsync });
  const log = new AuditLog({
    trail: control.trail,
    now,
    background: !once,
    ...(place === undefined || once ? {} : { spool }),
    ...present({ onTrouble, onDropped }),
  });
  const salts = new AddressSalts(control.meta, config.secrets, now);
  if (!once) await salts.refresh();
  const reference = (address: string): string | undefined => salts.reference(address);
  sessions.events.on("*", (event) => log.event(event, circumstances(reference)));
  const retire = async (): Promise<number> => {
    await salts.refresh();
    await control.addresses.retire(now());
    if (keepDays === 0) return 0;
    const before = now() - keepDays * DAY_MS;
    return control.trail.retire(before, await takenByAll(control.sql, now()), before - PATIENCE_MS);
  };
  return { log, retire };
}

/** Service keys that are made and ended. */
export function keyAudit(
  log: AuditLog,
  circumstances: ReadCircumstances,
): NonNullable<KeyDeskParts["changed"]> {
  return (what, { id, name, tenant, scopes }, more) => {
    const { key, request } = circumstances();
    const actor = key === undefined ? "operator:cli" : actorNamed(key.name);
    const detail = { id, name, scopes, ...more };
    log.note(what, actor, { ...(request === undefined ? {} : { request }), detail }, tenant);
  };
}

/** That the service begins, and whether with other settings than last time. */
export async function noteStart(
  { log }: AuditHouse,
  config: ServerConfig,
  { meta }: ControlStore,
): Promise<void> {
  const [secret = ""] = config.secrets;
  // Keyed, for settings hold passwords; nobody can try some out on it.
  const configuration = createHmac("sha256", `${CONFIGURATION}\n${secret}`)
    .update(JSON.stringify({ ...config, secrets: [], library: { ...config.library, secrets: [] } }))
    .digest("base64url");
  const before = await meta.find(CONFIGURATION);
  const changed = before !== undefined && before !== configuration;
  if (before !== configuration) await meta.keep(CONFIGURATION, configuration);
  log.note("service-started", "system", { detail: { configuration, changed } });
}
