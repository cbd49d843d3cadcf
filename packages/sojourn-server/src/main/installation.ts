/** What service and commands open alike: session store, sessions, control store, keys. */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { createSessions, MemoryStore } from "sojourn";
import type { Sessions, SessionStore } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { ServerConfig } from "../config/config.ts";
import type { StorePlace } from "../config/values.ts";
import { ControlStore } from "../control/control-store.ts";
import { KeyDesk } from "../control/key-desk.ts";
import type { KeyRefusal } from "../control/key-desk.ts";

export interface Installation {
  readonly sessions: Sessions;
  readonly keys: KeyDesk;
  readonly control: ControlStore;
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

/** Readable by its owner alone: the files hold who is signed in. */
const OWNER_ONLY = 0o700;
const OWNER_ONLY_FILE = 0o600;

/** @throws {StoreUnavailableError | SojournError | ConfigError} when a file cannot be used. */
export async function openInstallation(
  config: ServerConfig,
  reports: Reports = {},
): Promise<Installation> {
  const { onError, warn, refused, sweep } = reports;
  const store = openStore(config.store);
  const { clock } = config.library;
  const now = clock === undefined ? Date.now : () => clock.now();
  const control = new ControlStore(config.store, config.secrets, now);
  const sessions = createSessions({
    ...config.library,
    store,
    ...(sweep === false ? { sweep: false as const } : {}),
    ...(onError === undefined ? {} : { onError }),
    ...(warn === undefined ? {} : { warn }),
  });
  const serviceKeys = await sessions.serviceKeys();
  const keys = new KeyDesk({
    table: control.keys,
    serviceKeys,
    now,
    ...(refused === undefined ? {} : { refused }),
  });
  const close = async (): Promise<void> => {
    await sessions.close();
    await store.close();
    control.close();
  };
  return { sessions, keys, control, now, close };
}

function openStore(place: StorePlace): SessionStore {
  if (place.kind === "memory") return new MemoryStore();
  mkdirSync(dirname(place.path), { recursive: true, mode: OWNER_ONLY });
  // SQLite gives its other files the mode of this one.
  closeSync(openSync(place.path, "a", OWNER_ONLY_FILE));
  return new SqliteStore({ path: place.path });
}
