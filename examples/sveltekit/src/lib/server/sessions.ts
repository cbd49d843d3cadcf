/** The sessions of this application: one instance, also across hot reloads. */
import { mkdirSync } from "node:fs";
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";

/** What a session keeps. */
export interface Notebook {
  notes: string[];
}

function create(): Sessions<Notebook> {
  const { SOJOURN_SECRET, ORIGIN, DATA_FOLDER = ".data", SESSION_POLICY = '"saas"' } = process.env;
  mkdirSync(DATA_FOLDER, { recursive: true });
  return createSessions<Notebook>({
    store: new SqliteStore({ path: `${DATA_FOLDER}/sessions.db` }),
    secrets: [SOJOURN_SECRET],
    policy: JSON.parse(SESSION_POLICY),
    csrf: { origins: ORIGIN === undefined ? [] : [ORIGIN] },
    proxies: ["loopback"], // the TLS proxy on this machine
  });
}

const kept = globalThis as { notebookSessions?: Sessions<Notebook> };

/** Made by the first request: a build has no secret and opens no database. */
export function getSessions(): Sessions<Notebook> {
  return (kept.notebookSessions ??= create());
}
