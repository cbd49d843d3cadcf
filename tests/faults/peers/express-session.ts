/**
 * express-session with connect-redis as a subject under test: both set up as their READMEs show,
 * in an Express application that answers on loopback, asked as a browser would.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RedisStore } from "connect-redis";
import express from "express";
import type { Express, NextFunction, Request, Response } from "express";
import session from "express-session";
import type { StoreSpec } from "../messages.ts";
import { NotDone } from "../subject.ts";
import type { Answer, SubjectUnderTest } from "../subject.ts";
import { openRedis } from "./redis.ts";

type Data = Record<string, unknown>;

/** What the application keeps in its session. */
interface Kept {
  user?: string;
  data?: Data;
}

interface Told {
  readonly session: string;
  readonly data: Data;
}

export async function makeSubject(spec: StoreSpec): Promise<SubjectUnderTest> {
  const redis = await openRedis(spec);
  const app = express();
  // Express answers an error as it does in production, and does not write it to the console.
  app.set("env", "test");
  app.use(
    session({
      store: new RedisStore({ client: redis.client as never }),
      resave: false,
      saveUninitialized: false,
      secret: spec.secret,
    }),
    express.json(),
  );
  routes(app);
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new ExpressSession(`http://127.0.0.1:${port}`, async () => {
    server.closeAllConnections();
    server.close();
    redis.close();
  });
}

function kept(request: Request): Kept {
  return request.session as Kept;
}

/** An ordinary application: what it changes is saved as its answer ends. */
function routes(app: Express): void {
  app.post("/login", (request, response, next) => {
    request.session.regenerate((trouble: unknown) => {
      if (trouble) return next(trouble);
      Object.assign(kept(request), request.body as Kept);
      request.session.save((failed: unknown) => {
        if (failed) next(failed);
        else response.json({ session: request.sessionID });
      });
    });
  });
  // It ends the session; without one there is nothing to end.
  app.post("/logout", (request, response, next) => {
    request.session.destroy((trouble: unknown) => {
      if (trouble) next(trouble);
      else response.sendStatus(204);
    });
  });
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (kept(request).user === undefined) response.sendStatus(401);
    else next();
  });
  const tell = (request: Request, response: Response): void => {
    response.json({ session: request.sessionID, data: kept(request).data ?? {} } satisfies Told);
  };
  app.get("/me", tell);
  app.post("/data", (request, response) => {
    kept(request).data = { ...kept(request).data, ...(request.body as Data) };
    tell(request, response);
  });
  app.post("/count", (request, response) => {
    const { key } = request.body as { key: string };
    const data = kept(request).data ?? {};
    kept(request).data = { ...data, [key]: Number(data[key] ?? 0) + 1 };
    tell(request, response);
  });
}

/** Its client. It knows sessions one by one: there is no list, and no end of all of a subject. */
class ExpressSession implements SubjectUnderTest {
  readonly #url: string;
  readonly close: () => Promise<void>;

  constructor(url: string, close: () => Promise<void>) {
    this.#url = url;
    this.close = close;
  }

  async open(user: string, data: Data): Promise<{ session: string; token: string }> {
    const response = await this.#ask("POST", "/login", undefined, { user, data });
    const { session: name } = (await response.json()) as Told;
    const [cookie = ""] = response.headers.getSetCookie();
    return { session: name, token: cookie.split(";")[0] ?? "" };
  }

  async verify(token: string): Promise<Answer> {
    return this.#answer(await this.#ask("GET", "/me", token));
  }

  async patch(token: string, changes: Data): Promise<Answer> {
    return this.#answer(await this.#ask("POST", "/data", token, changes));
  }

  async count(token: string, key: string): Promise<Answer> {
    return this.#answer(await this.#ask("POST", "/count", token, { key }));
  }

  async revoke(_session: string, token: string): Promise<void> {
    await (await this.#ask("POST", "/logout", token)).text();
  }

  rotate(): Promise<never> {
    return Promise.reject(new NotDone("NO_SUCH_THING"));
  }

  revokeSubject(): Promise<never> {
    return Promise.reject(new NotDone("NO_SUCH_THING"));
  }

  async #ask(
    method: string,
    path: string,
    token?: string,
    body?: Data,
  ): Promise<globalThis.Response> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { cookie: token }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok || response.status === 401) return response;
    await response.text();
    throw Object.assign(new Error(), { code: `HTTP_${response.status}` });
  }

  async #answer(response: globalThis.Response): Promise<Answer> {
    const text = await response.text();
    if (response.status === 401) return { state: "unknown" };
    return { state: "active", ...(JSON.parse(text) as Told) };
  }
}
