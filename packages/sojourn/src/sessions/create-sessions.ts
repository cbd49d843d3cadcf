/** Puts a `Sessions` together: options, store, platform. */
import * as platform from "#platform";
import type { Timers } from "../engine/ports.ts";
import { MemoryStore } from "../stores/memory.ts";
import { Core } from "./core.ts";
import { checkOptions } from "./options.ts";
import type { SessionsOptions } from "./options.ts";
import { Sessions } from "./sessions.ts";
import { Sweeper, SWEEP_DEFAULTS } from "./sweeper.ts";
import { createTokenDesk } from "./token-desk.ts";

interface Host {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    emitWarning?(message: string, options: { type: string }): void;
  };
}

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
  options: SessionsOptions,
): Sessions<Data> {
  const production = options.production ?? host.process?.env?.["NODE_ENV"] === "production";
  const checked = checkOptions(options, production);
  const warn = options.warn ?? warnByHost;
  const onError =
    options.onError ?? ((error: unknown) => warn(`background trouble: ${String(error)}`));
  for (const message of [...checked.http.jar.secure.warnings, ...checked.http.csrf.warnings])
    warn(message);
  if (options.store === undefined && production) {
    warn("no store given: sessions are kept in memory and are lost when this process ends");
  }
  const store = options.store ?? new MemoryStore();
  const clock = options.clock ?? platform.systemClock();
  const entropy = options.entropy ?? platform.entropy;
  const keys = createTokenDesk(checked.secrets, platform.digest, entropy);
  // Awaited by whoever needs a key; a failure is theirs to see, not an unhandled rejection.
  keys.catch(() => undefined);
  const core = new Core({
    store,
    clock,
    timers: timersOf(options.clock) ?? platform.timers,
    entropy,
    digest: platform.digest,
    policies: checked.policies,
    keys,
    encryptData: options.encryptData === true,
    development: !production,
    onError,
  });
  if (!production) {
    core.emitter.on("cookie-not-set", ({ why }) => warn(`the session cookie was not set: ${why}`));
  }
  const sweeper = new Sweeper(core, {
    ...SWEEP_DEFAULTS,
    ...(options.sweep === false ? {} : options.sweep),
  });
  if (options.sweep !== false) sweeper.start();
  const { tenant, http } = checked;
  return new Sessions<Data>({
    core,
    tenant,
    http,
    sweeper,
    ownsStore: options.store === undefined,
  });
}

/** A manual clock of a test brings its timers along. */
function timersOf(clock: SessionsOptions["clock"]): Timers | undefined {
  if (clock?.after === undefined) return undefined;
  return { after: (ms, run) => clock.after?.(ms, run) ?? ((): void => undefined) };
}
