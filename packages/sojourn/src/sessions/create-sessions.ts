/** Puts a `Sessions` together: options, store, platform. */
import * as platform from "#platform";
import type { SessionStore, Timers } from "../engine/ports.ts";
import { MemoryStore } from "../stores/memory.ts";
import { NearCache } from "../stores/near-cache.ts";
import { Conversions } from "./conversion.ts";
import { logNotices } from "./cookie-notice.ts";
import { Core } from "./core.ts";
import { Lockouts } from "./lockouts.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, SessionsOptions } from "./options.ts";
import { BoundedStore } from "./store-deadline.ts";
import { Sessions } from "./sessions.ts";
import { Sweeper, SWEEP_DEFAULTS } from "./sweeper.ts";
import { createTokenDesk } from "./token-desk.ts";
import { TokenDesks } from "./token-desks.ts";

interface Host {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    emitWarning?(message: string, options: { type: string }): void;
  };
}

const STORE_TIMEOUT_MS = 5_000;
const host: Host = globalThis as Host;

function warnByHost(message: string): void {
  const { process } = host;
  if (process?.emitWarning !== undefined) process.emitWarning(message, { type: "SojournWarning" });
}

/**
 * Make the sessions of an application. Returns at once; keys are derived on the way.
 *
 * @throws {ConfigError} listing every problem of every option.
 */
export function createSessions<Data extends object = Record<string, unknown>>(
  wanted: SessionsOptions,
): Sessions<Data> {
  // Plain JavaScript may have forgotten them: then the problem is what they must say.
  const options = (wanted as SessionsOptions | null | undefined) ?? { secrets: [] };
  const production = options.production ?? host.process?.env?.["NODE_ENV"] === "production";
  const checked = checkOptions(options, production);
  const warn = options.warn ?? warnByHost;
  warnAtStart(options, checked, { production, warn });
  const { store: given = new MemoryStore() } = options;
  const near = nearCacheFor(given, options);
  const core = buildCore({ ...options, store: near ?? given }, checked, { production, warn });
  logNotices(core.emitter, warn, production);
  const { sweep, convert = [] } = options;
  const settings = { ...SWEEP_DEFAULTS, ...(sweep === false ? {} : sweep) };
  const sweeper = new Sweeper(core, settings);
  if (sweep !== false) sweeper.start();
  const { tenant, http } = checked;
  return new Sessions<Data>({
    core,
    tenant,
    http,
    sweeper,
    conversions: convert.length === 0 ? undefined : new Conversions(core, convert, settings),
    near,
    ownsStore: options.store === undefined,
  });
}

/** What is in this process is near already, and who made a near-cache has set its bound there. */
function nearCacheFor(store: SessionStore, options: SessionsOptions): NearCache | undefined {
  const { stalenessMs = 0 } = options;
  if (stalenessMs === 0 || store.near !== undefined || store instanceof MemoryStore) {
    return undefined;
  }
  return new NearCache(store, { stalenessMs });
}

interface Surroundings {
  readonly production: boolean;
  readonly warn: (message: string) => void;
}

function warnAtStart(
  options: SessionsOptions,
  checked: CheckedOptions,
  around: Surroundings,
): void {
  const { jar, csrf } = checked.http;
  for (const message of [...jar.secure.warnings, ...csrf.warnings]) around.warn(message);
  if (options.store === undefined && around.production) {
    around.warn("no store given: sessions are kept in memory and are lost when this process ends");
  }
}

function buildCore(
  options: SessionsOptions & { readonly store: SessionStore },
  checked: CheckedOptions,
  around: Surroundings,
): Core {
  const entropy = options.entropy ?? platform.entropy;
  const keys = createTokenDesk(checked.secrets, platform.digest, entropy);
  // Awaited by whoever needs a key; a failure is theirs to see, not an unhandled rejection.
  keys.catch(() => undefined);
  const report = (error: unknown): void => around.warn(`background trouble: ${String(error)}`);
  const onError = options.onError ?? report;
  const timers = timersOf(options.clock) ?? platform.timers;
  const { store, storeTimeoutMs: timeoutMs = STORE_TIMEOUT_MS } = options;
  return new Core({
    // What is in this process answers at once and needs no timer.
    store:
      store instanceof MemoryStore
        ? store
        : new BoundedStore(store, { timers, timeoutMs, report: onError }),
    clock: options.clock ?? platform.systemClock(),
    timers,
    entropy,
    digest: platform.digest,
    policies: checked.policies,
    desks: new TokenDesks(keys, options),
    revokeDurability: options.revokeDurability ?? "local",
    development: !around.production,
    lockouts: options.lockouts ?? new Lockouts(),
    onError,
  });
}

/** A manual clock of a test brings its timers along. */
function timersOf(clock: SessionsOptions["clock"]): Timers | undefined {
  if (clock?.after === undefined) return undefined;
  return { after: (ms, run) => clock.after?.(ms, run) ?? ((): void => undefined) };
}
