/** Libraries that keep the session in the cookie, and react-router's strategy for a store. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { H3, getSession, updateSession, clearSession } from "h3";
import { toNodeHandler } from "h3/node";
import { getIronSession } from "iron-session";
import { createSessionStorage } from "react-router";
import type { Contestant, Visit } from "../contestant.ts";
import { applicationOf, SECRET } from "../contestant.ts";
import { listen } from "../serve.ts";

/** What a library without a server of its own is served by. */
function answering(answer: (req: IncomingMessage, res: ServerResponse) => Promise<string>): Server {
  return createServer((req, res) => {
    answer(req, res).then(
      (text) => res.end(text),
      (error: unknown) => {
        res.statusCode = 500;
        res.end(String(error));
      },
    );
  });
}

const iron: Contestant = {
  name: "iron-session",
  setUp: "the session is the cookie",
  start: ({ secure = false }) => {
    const options = { cookieName: "iron", password: SECRET, cookieOptions: { secure } };
    const server = answering(async (req, res) => {
      const session = await getIronSession<Record<string, unknown>>(req, res, options);
      const visit: Visit = {
        get: (key) => session[key],
        set: (key, value) => {
          session[key] = value;
          return session.save();
        },
        login: (user) => {
          session["user"] = user;
          return session.save();
        },
        logout: () => session.destroy(),
      };
      return applicationOf(visit, req.url ?? "/");
    });
    return listen(server);
  },
};

const h3: Contestant = {
  name: "h3",
  setUp: "`getSession`, `updateSession`: the session is the cookie",
  start: ({ secure = false }) => {
    const app = new H3();
    const config = { password: SECRET, cookie: { secure } };
    app.get("/**", async (event) => {
      const session = await getSession<Record<string, unknown>>(event, config);
      const visit: Visit = {
        get: (key) => session.data[key],
        set: (key, value) => updateSession(event, config, { [key]: value }),
        login: (user) => updateSession(event, config, { user }),
        logout: () => clearSession(event, config),
      };
      return applicationOf(visit, event.url.pathname + event.url.search);
    });
    return listen(toNodeHandler(app));
  },
};

const reactRouter: Contestant = {
  name: "react-router",
  setUp: "`createSessionStorage` over a map",
  start: ({ secure = false }) => {
    const rows = new Map<string, string>();
    let writes = 0;
    const put = (id: string, data: unknown): void => {
      writes += 1;
      rows.set(id, JSON.stringify(data));
    };
    const storage = createSessionStorage<Record<string, string>>({
      cookie: { name: "__session", secrets: [SECRET], path: "/", httpOnly: true, secure },
      createData: (data) => {
        const id = randomUUID();
        put(id, data);
        return Promise.resolve(id);
      },
      readData: (id) => {
        const row = rows.get(id);
        return Promise.resolve(
          row === undefined ? null : (JSON.parse(row) as Record<string, string>),
        );
      },
      updateData: (id, data) => Promise.resolve(put(id, data)),
      deleteData: (id) => Promise.resolve(void rows.delete(id)),
    });
    const server = answering(async (req, res) => {
      const session = await storage.getSession(req.headers.cookie);
      const commit = async (): Promise<void> => {
        res.appendHeader("set-cookie", await storage.commitSession(session));
      };
      const visit: Visit = {
        get: (key) => session.get(key),
        set: (key, value) => {
          session.set(key, value);
          return commit();
        },
        login: (user) => {
          session.set("user", user);
          return commit();
        },
        logout: async () => {
          res.appendHeader("set-cookie", await storage.destroySession(session));
        },
      };
      return applicationOf(visit, req.url ?? "/");
    });
    return listen(server, { writes: () => writes, stored: () => rows.size });
  },
};

export const cookieContestants: readonly Contestant[] = [iron, h3, reactRouter];
