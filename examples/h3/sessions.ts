/** The sessions of this application: one instance, also across hot reloads. */
import { mkdirSync } from "node:fs";
import type { H3Event } from "h3";
import { createSessions } from "sojourn";
import type { Session, Sessions } from "sojourn";
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

export const sessions: Sessions<Notebook> = (kept.notebookSessions ??= create());

/** The session that the middleware in `app.ts` has put on the event. */
export function sessionOf(event: H3Event): Session<Notebook> {
  return event.context.session as Session<Notebook>;
}
