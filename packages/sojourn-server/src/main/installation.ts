/** What service and commands open alike: session store, sessions, control store, keys. */
import type { Sessions, SessionStore } from "sojourn";
import { createSessions, Lockouts } from "sojourn";
import type { MemcachedTier } from "sojourn/stores/memcached";
import type { NearCache } from "sojourn/stores/near-cache";
import type { AuditLog } from "../audit/audit-log.ts";
import type { ReadCircumstances } from "../audit/entry.ts";
import type { ServerConfig } from "../config/config.ts";
import { present } from "../config/present.ts";
import { ControlStore } from "../control/control-store.ts";
import { KeyDesk } from "../control/key-desk.ts";
import type { KeyRefusal } from "../control/key-desk.ts";
import { inTurn } from "../engines/in-turn.ts";
import type { StoreCall } from "../engines/timed-store.ts";
import { Grounds } from "../engines/grounds.ts";
import { AuditHolding } from "../privacy/audit-holding.ts";
import { LockHolding } from "../privacy/lock-holding.ts";
import { OperationHolding } from "../privacy/operation-holding.ts";
import { Privacy } from "../privacy/privacy.ts";
import { SessionHolding } from "../privacy/session-holding.ts";
import { LockDesk } from "../locks/lock-desk.ts";
import { keyAudit, openAudit } from "./audit.ts";
import type { AuditHouse } from "./audit.ts";
import type { Operations } from "../operations/operations.ts";
import { openSearch } from "./search.ts";
import type { SearchHouse } from "./search.ts";
import { openTenantDesk, openTenants } from "./tenants.ts";
import type { TenantHouse } from "./tenants.ts";
import { openTokens } from "./tokens.ts";
import type { TokenHouse } from "./tokens.ts";
import { Analytics } from "../analytics/analytics.ts";
import { openWebhooks } from "./webhooks.ts";
import type { WebhookHouse } from "./webhooks.ts";

export interface Installation extends SearchHouse {
  /** Below the sessions, for what an operator does to all of them. */
  readonly store: SessionStore;
  readonly sessions: Sessions;
  readonly keys: KeyDesk;
  readonly locks: LockDesk;
  readonly control: ControlStore;
  /** The store itself: what is asked here is asked now. */
  readonly base: SessionStore;
  readonly near: NearCache | undefined;
  readonly tier: MemcachedTier | undefined;
  /** Absent for commands, and where access tokens are off. */
  readonly tokens: TokenHouse | undefined;
  readonly tenants: TenantHouse;
  readonly audit: AuditHouse;
  readonly privacy: Privacy;
  readonly webhooks: WebhookHouse;
  readonly analytics: Analytics;
  readonly now: () => number;
  close(): Promise<void>;
}

export interface Reports {
  readonly onError?: (error: unknown) => void;
  readonly warn?: (message: string) => void;
  readonly refused?: (why: KeyRefusal) => void;
  /** False for commands: they live for one call, and the service sweeps. */
  readonly sweep?: boolean;
  /** What is known of the request that is being worked on. */
  readonly circumstances?: ReadCircumstances;
  readonly onAuditTrouble?: (where: "spool" | "trail", error: unknown) => void;
  readonly onAuditDropped?: (count: number) => void;
  readonly storeCall?: (call: StoreCall) => void;
}

/** @throws {PlaceError | SojournError | ConfigError} when a place cannot be used. */
export async function openInstallation(
  config: ServerConfig,
  reports: Reports = {},
): Promise<Installation> {
  const grounds = new Grounds(config, reports.storeCall);
  try {
    return await furnish(config, reports, grounds);
  } catch (error) {
    await grounds.close();
    throw error;
  }
}

async function furnish(
  config: ServerConfig,
  { onError, warn, refused, sweep, ...about }: Reports,
  grounds: Grounds,
): Promise<Installation> {
  const now = nowOf(config);
  const store = await grounds.openStore();
  const sql = await grounds.openControl();
  const control = new ControlStore(sql, config.secrets, now);
  const { desk, policyBook } = openTenantDesk(config, control);
  const { locks, lockouts } = await openLocks(control, now);
  const sessions = createSessions({
    ...config.library,
    store,
    tenantKeys: desk,
    policyBook,
    lockouts,
    ...present({ onError, warn, sweep: sweep === false ? sweep : undefined }),
  });
  let tokens: TokenHouse | undefined;
  let audit: AuditHouse | undefined;
  let found: SearchHouse | undefined;
  const close = (): Promise<void> =>
    inTurn([
      () => locks.close(),
      () => tokens?.close(),
      () => found?.operations.stop(),
      () => found?.search.stop(),
      () => sessions.close(),
      () => closeLog(audit, onError),
      () => grounds.close(),
    ]);
  try {
    const { circumstances = () => ({}), onAuditTrouble, onAuditDropped } = about;
    audit = await openAudit(config, {
      control,
      sessions,
      now,
      once: sweep === false,
      circumstances,
      ...present({ onTrouble: onAuditTrouble, onDropped: onAuditDropped }),
    });
    const { log } = audit;
    const ground = { control, store, sessions, log, now, circumstances };
    const tenants = openTenants(config, desk, ground);
    // Known from the start: whoever serves it goes on while the control store does not answer.
    await desk.recall(tenants.own);
    locks.begin({ sessions, log });
    // The store below whatever keeps sessions near: the index is made of what is stored.
    const under = { ...ground, sql, store: grounds.base ?? store };
    found = openSearch({ ...under, onTrouble: onError });
    const keys = await keyDeskOf({ ...ground, tenants, refused });
    if (sweep !== false) {
      locks.follow((error) => onError?.(error));
      tokens = await tokensFor(config, { store, control, lockouts, now, onError });
    }
    const { near, tier, base = store } = grounds;
    const privacy = privacyOf({ sessions, control, log, operations: found.operations, now });
    const webhooks = openWebhooks(config, { control, log, now });
    const fed = { webhooks, analytics: analyticsOf(config, sessions, control, now) };
    const desks = { sessions, keys, locks, control, tokens, tenants, audit, privacy };
    return { store, base, near, tier, ...desks, ...found, ...fed, now, close };
  } catch (error) {
    locks.close();
    await sessions.close();
    await audit?.log.close();
    throw error;
  }
}

/** What closing sessions still told is carried along. */
async function closeLog(audit: AuditHouse | undefined, onError: Reports["onError"]): Promise<void> {
  const left = (await audit?.log.close()) ?? 0;
  if (left > 0) onError?.(new Error(`${left} audit entries are lost`));
}

function nowOf({ library: { clock } }: ServerConfig): () => number {
  return clock === undefined ? Date.now : () => clock.now();
}

async function keyDeskOf(tools: {
  readonly control: ControlStore;
  readonly sessions: Sessions;
  readonly tenants: TenantHouse;
  readonly log: AuditLog;
  readonly now: () => number;
  readonly circumstances: NonNullable<Reports["circumstances"]>;
  readonly refused: Reports["refused"];
}): Promise<KeyDesk> {
  const { control, sessions, tenants, log, now, circumstances, refused } = tools;
  return new KeyDesk({
    table: control.keys,
    serviceKeys: await sessions.serviceKeys(),
    now,
    ...present({ refused }),
    admit: (tenant) => tenants.office.admitKey(tenant),
    changed: keyAudit(log, circumstances),
  });
}

/** Known before anybody is judged. */
async function openLocks(
  control: ControlStore,
  now: () => number,
): Promise<{ readonly locks: LockDesk; readonly lockouts: Lockouts }> {
  const lockouts = new Lockouts();
  const locks = new LockDesk({ table: control.locks, lockouts, now });
  await locks.refresh();
  return { locks, lockouts };
}

/** Every place where something is kept of people. */
function privacyOf(tools: {
  readonly sessions: Sessions;
  readonly control: ControlStore;
  readonly log: AuditLog;
  readonly operations: Operations;
  readonly now: () => number;
}): Privacy {
  const { sessions, control, log, operations, now } = tools;
  const { trail, trailReader: reader, erasures } = control;
  const holdings = [
    new SessionHolding(sessions, reader, now),
    new LockHolding(control.locks, now),
    new OperationHolding(operations),
    new AuditHolding({ trail, reader, log }),
  ];
  return new Privacy({ holdings, erasures, now });
}

async function tokensFor(
  { tokens, secrets }: ServerConfig,
  tools: {
    readonly store: SessionStore;
    readonly control: ControlStore;
    readonly lockouts: Lockouts;
    readonly now: () => number;
    readonly onError: Reports["onError"];
  },
): Promise<TokenHouse | undefined> {
  const { store, control, lockouts, now, onError } = tools;
  const { meta, proofs } = control;
  if (tokens === undefined) return undefined;
  const more = present({ onError });
  return openTokens(tokens, store, { now, meta, proofs, lockouts, secrets, ...more });
}

function analyticsOf(
  { consumers }: ServerConfig,
  sessions: Sessions,
  { analytics: table, sql, trailReader: reader }: ControlStore,
  now: () => number,
): Analytics {
  return new Analytics({
    table,
    sql,
    reader,
    sessions,
    now,
    keepDays: consumers.analyticsKeepDays,
  });
}
