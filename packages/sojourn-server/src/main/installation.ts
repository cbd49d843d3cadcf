/** What service and commands open alike: session store, sessions, control store, keys. */
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import type { MemcachedTier } from "sojourn/stores/memcached";
import type { NearCache } from "sojourn/stores/near-cache";
import type { ServerConfig } from "../config/config.ts";
import { ControlStore } from "../control/control-store.ts";
import { KeyDesk } from "../control/key-desk.ts";
import type { KeyRefusal } from "../control/key-desk.ts";
import { Grounds } from "../engines/grounds.ts";
import { openTokens } from "./tokens.ts";
import type { TokenHouse } from "./tokens.ts";

export interface Installation {
  readonly sessions: Sessions;
  readonly keys: KeyDesk;
  readonly control: ControlStore;
  readonly near: NearCache | undefined;
  readonly tier: MemcachedTier | undefined;
  /** Absent for commands, and where access tokens are off. */
  readonly tokens: TokenHouse | undefined;
  readonly now: () => number;
  close(): Promise<void>;
}

export interface Reports {
  readonly onError?: (error: unknown) => void;
  readonly warn?: (message: string) => void;
  readonly refused?: (why: KeyRefusal) => void;
  /** False for commands: they live for one call, and the service sweeps. */
  readonly sweep?: boolean;
}

/** @throws {PlaceError | SojournError | ConfigError} when a place cannot be used. */
export async function openInstallation(
  config: ServerConfig,
  reports: Reports = {},
): Promise<Installation> {
  const grounds = new Grounds(config);
  try {
    return await furnish(config, reports, grounds);
  } catch (error) {
    await grounds.close();
    throw error;
  }
}

async function furnish(
  config: ServerConfig,
  { onError, warn, refused, sweep }: Reports,
  grounds: Grounds,
): Promise<Installation> {
  const { clock } = config.library;
  const now = clock === undefined ? Date.now : () => clock.now();
  const store = await grounds.openStore();
  const control = new ControlStore(await grounds.openControl(), config.secrets, now);
  const sessions = createSessions({
    ...config.library,
    store,
    ...(sweep === false ? { sweep: false as const } : {}),
    ...(onError === undefined ? {} : { onError }),
    ...(warn === undefined ? {} : { warn }),
  });
  let tokens: TokenHouse | undefined;
  const close = async (): Promise<void> => {
    tokens?.close();
    await sessions.close();
    await grounds.close();
  };
  try {
    const serviceKeys = await sessions.serviceKeys();
    const keys = new KeyDesk({
      table: control.keys,
      serviceKeys,
      now,
      ...(refused === undefined ? {} : { refused }),
    });
    if (config.tokens !== undefined && sweep !== false) {
      tokens = await openTokens(config.tokens, store, {
        now,
        meta: control.meta,
        proofs: control.proofs,
        secrets: config.secrets,
        ...(onError ? { onError } : {}),
      });
    }
    const { near, tier } = grounds;
    return { sessions, keys, control, near, tier, tokens, now, close };
  } catch (error) {
    await sessions.close();
    throw error;
  }
}
