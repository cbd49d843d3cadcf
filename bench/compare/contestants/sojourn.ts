/** Sojourn's own face, on Express. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisStore } from "connect-redis";
import express from "express";
import { createClient } from "redis";
import { createSessions } from "sojourn";
import type { Session, SessionStore, Sessions } from "sojourn";
import { sessionErrors, sessions as middleware } from "sojourn/express";
import { fromExpressStore } from "sojourn/express-session";
import { MemoryStore } from "sojourn/stores/memory";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { Contestant, Visit } from "../contestant.ts";
import { applicationOf } from "../contestant.ts";
import { counting, listen } from "../serve.ts";

export function sojournSecrets(): readonly string[] {
  return [randomBytes(32).toString("base64url")];
}

export function temporaryFile(): { readonly path: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-compare-"));
  return { path: join(folder, "sessions.db"), remove: () => rmSync(folder, { recursive: true }) };
}

type Data = Record<string, string>;

function visitOf(session: Session<Data>, sessions: Sessions<Data>): Visit {
  return {
    get: (key) => (key === "user" ? session.subject : session.data[key]),
    set: (key, value) => session.set(key, value),
    login: (user) => session.login(user, { amr: ["pwd"] }),
    logout: () => session.logout(),
    endOthers: () => {
      const { subject, id } = session;
      if (subject === null || id === null) return Promise.resolve();
      return sessions.subject(subject).revokeAll({ except: id });
    },
  };
}

interface Opened {
  readonly store: SessionStore;
  readonly end: () => unknown;
  readonly stored?: () => Promise<number>;
}

function native(name: string, setUp: string, open: () => Opened | Promise<Opened>): Contestant {
  return {
    name,
    setUp,
    start: async ({ secure }) => {
      const { store: plain, end, stored } = await open();
      const { store, calls } = counting(plain, ["create", "replace", "patchData"]);
      const sessions = createSessions<Data>({
        store,
        secrets: sojournSecrets(),
        production: secure === true,
        warn: () => undefined,
      });
      let told = false;
      sessions.events.on("cookie-not-set", () => void (told = true));
      const app = express();
      app.use(middleware(sessions));
      app.use((req, res, next) => {
        const { session } = req as unknown as { session: Session<Data> };
        const answer = applicationOf(visitOf(session, sessions), req.originalUrl);
        answer.then((text) => void res.end(text), next);
      });
      app.use(sessionErrors());
      const count = async (): Promise<number> => (await sessions.count()).count;
      const accounts = { writes: calls, stored: stored ?? count, told: () => told };
      return listen(app as never, accounts, async () => {
        await sessions.close();
        await end();
      });
    },
  };
}

async function overConnectRedis(url: string): Promise<Opened> {
  const client = createClient({ url });
  await client.connect();
  await client.flushDb();
  const store = fromExpressStore(new RedisStore({ client }), { warn: () => undefined });
  return { store, end: () => client.close(), stored: () => client.dbSize() };
}

export function sojournContestants(redisUrl: string): readonly Contestant[] {
  return [
    native("Sojourn", "`sojourn/express`, MemoryStore", () => {
      const store = new MemoryStore();
      return { store, end: () => store.close() };
    }),
    native("Sojourn, SQLite", "`sojourn/express`, SqliteStore", () => {
      const file = temporaryFile();
      const store = new SqliteStore({ path: file.path });
      const end = async (): Promise<void> => {
        await store.close();
        file.remove();
      };
      return { store, end };
    }),
    native("Sojourn, connect-redis", "`fromExpressStore` on a real Redis, one process", () =>
      overConnectRedis(redisUrl),
    ),
  ];
}
