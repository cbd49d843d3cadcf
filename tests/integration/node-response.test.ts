/** The moment headers leave on `node:http`, in all the ways an application can make them leave. */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import express from "express";
import { sessions as expressSessions, sessionErrors } from "sojourn/express";
import type { SessionRequest } from "sojourn/express";
import { sessions as nodeSessions } from "sojourn/node";
import type { Session } from "sojourn";
import { afterEach, describe, expect, it } from "vitest";
import { ask, listen, SAME_ORIGIN, stopServers } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

afterEach(stopServers);

type Handler = (res: ServerResponse, session: Session<Data>, req: IncomingMessage) => unknown;

async function through(handler: Handler, place: World = world()) {
  const withSession = nodeSessions(place.sessions);
  const { url } = await listen(
    createServer((req, res) => {
      void withSession(req, res).then((session) => session && handler(res, session, req));
    }),
  );
  return ask(url, { method: "POST", headers: SAME_ORIGIN });
}

const login = (session: Session<Data>): Promise<unknown> => session.login("alice");

describe("headers that leave by", () => {
  const ways: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    "end alone": (res) => res.end("ok"),
    "write and end": (res) => {
      res.write("o");
      res.end("k");
    },
    flushHeaders: (res) => {
      res.setHeader("x-own", "1");
      res.flushHeaders();
      res.end("ok");
    },
    "writeHead with a status": (res) => res.writeHead(200).end("ok"),
    "writeHead with an object": (res) => res.writeHead(200, { "x-own": "1" }).end("ok"),
    "writeHead with a message": (res) => res.writeHead(200, "Fine", { "x-own": "1" }).end("ok"),
    "writeHead with no message": (res) => {
      (res.writeHead as (...all: unknown[]) => void)(200, undefined, { "x-own": "1" });
      res.end("ok");
    },
    "writeHead with a flat list": (res) => res.writeHead(200, ["X-Own", "1"]).end("ok"),
    "writeHead with pairs": (res) => {
      (res.writeHead as (...all: unknown[]) => void)(200, [["X-Own", "1"]]);
      res.end("ok");
    },
    "setHeaders and end": (res) => {
      res.setHeaders(new Headers({ "x-own": "1" }));
      res.end("ok");
    },
  };

  it.each(Object.keys(ways))(
    "%s carry the session's cookie and the application's own",
    async (way) => {
      for (const awaited of [true, false]) {
        const answer = await through(async (res, session) => {
          const done = login(session);
          if (awaited) await done;
          ways[way]?.(res);
        });
        expect([answer.status, answer.body]).toEqual([200, "ok"]);
        expect(answer.cookies).toHaveLength(1);
        expect(answer.headers["cache-control"]).toBe("no-store");
        if (way.includes("message with")) expect(answer.statusText).toBe("Fine");
        const own = /^(end|write and|writeHead with a status)/.test(way) ? undefined : "1";
        expect(answer.headers["x-own"]).toBe(own);
      }
    },
  );

  it.each([
    ["an object", { "Set-Cookie": ["a=1", "b=2"], Vary: "Accept" }],
    ["a flat list", ["Set-Cookie", ["a=1", "b=2"], "Vary", "Accept"]],
    ["a flat list of repeated names", ["Set-Cookie", "a=1", "set-cookie", "b=2", "Vary", "Accept"]],
    [
      "pairs",
      [
        ["Set-Cookie", ["a=1", "b=2"]],
        ["Vary", "Accept"],
      ],
    ],
  ])("writeHead with %s keep the cookies and the Vary given there", async (_name, given) => {
    const answer = await through(async (res, session) => {
      res.setHeader("set-cookie", "replaced=1");
      await login(session);
      (res.writeHead as (...all: unknown[]) => void)(200, given);
      res.end();
    });
    expect(answer.cookies.map((line) => line.split("=")[0])).toEqual(["a", "b", "session"]);
    expect(answer.headers.vary).toMatch(/^Accept, Cookie/);
  });

  it("a second writeHead fails as node says, and harms nothing", async () => {
    let code: unknown;
    const answer = await through(async (res, session) => {
      await login(session);
      res.writeHead(201);
      try {
        res.writeHead(202);
      } catch (error) {
        code = (error as { code?: string }).code;
      }
      res.end("ok");
    });
    expect([answer.status, code]).toEqual([201, "ERR_HTTP_HEADERS_SENT"]);
    expect(answer.cookies).toHaveLength(1);
  });

  it("an answer that a failed change makes untrue leaves nothing of itself behind", async () => {
    const answer = await through((res, session) => {
      void session.set("bad" as "cart", new Map() as never).catch(() => undefined);
      res.setHeader("content-length", "2");
      res.setHeader("cache-control", "public, max-age=600");
      res.setHeader("x-own", "1");
      res.end("ok");
    });
    expect(answer.status).toBe(422);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "invalid_request" });
    const { "x-own": own, "cache-control": cache } = answer.headers;
    expect([own, cache]).toEqual([undefined, "no-store"]);
  });

  it("an answer that the application gives to a failure it caught is left alone", async () => {
    const place = world();
    place.store.fail("create", "before", 2);
    const answer = await through(async (res, session) => {
      try {
        await session.set("n", 1);
      } catch {
        res.statusCode = 418;
        res.end("mine");
      }
    }, place);
    expect([answer.status, answer.body]).toEqual([418, "mine"]);
  });

  it("a header that node refuses ends the answer, not the process", async () => {
    const answer = await through((res, session) => {
      void session.set("n", 1);
      try {
        res.writeHead(200, { "x-own": "bad\nvalue" });
        res.end("ok");
      } catch {
        res.statusCode = 500;
        res.end("refused");
      }
    }).catch((error: unknown) => (error as { code?: string }).code);
    if (typeof answer === "object") expect(answer.status).toBe(500);
    else expect(answer).toBe("ECONNRESET");
  });

  it("before a change was asked for are gone: no cookie, and that is said", async () => {
    const place = world();
    const answer = await through(async (res, session) => {
      res.flushHeaders();
      await login(session);
      res.end("late");
    }, place);
    expect([answer.body, answer.cookies]).toEqual(["late", []]);
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "headers-sent", sent: false }]);
    const [said] = place.warnings.filter((line) => line.includes("headers-sent"));
    expect(said).toMatch(/headers-sent \(at login \(.*node-response\.test\.ts:\d+:\d+\)\)/);
  });

  it("chunks of a stream arrive one by one, not at the end", async () => {
    const arrived: string[] = [];
    const withSession = nodeSessions(world().sessions);
    const { url } = await listen(
      createServer((req, res) => {
        void withSession(req, res).then(async (session) => {
          if (session === undefined) return;
          await login(session);
          res.write("first");
          for (let waited = 0; arrived.length === 0 && waited < 2_000; waited += 1) {
            await new Promise((resolve) => void setTimeout(resolve, 1));
          }
          res.end("second");
        });
      }),
    );
    const response = await fetch(url, { method: "POST", headers: SAME_ORIGIN });
    for await (const chunk of response.body ?? []) arrived.push(Buffer.from(chunk).toString());
    expect(arrived).toEqual(["first", "second"]);
  });
});

describe("Express", () => {
  async function app(place: World, handler: express.RequestHandler, errors = true) {
    const server = express();
    server.use(expressSessions(place.sessions));
    server.use(handler);
    if (errors) server.use(sessionErrors());
    return listen(createServer(server));
  }

  function sessionOf(req: unknown): Session<Data> {
    return (req as SessionRequest<Data>).session;
  }

  it("answers what a handler throws, and the login before it keeps its cookie", async () => {
    const place = world();
    const { url } = await app(place, async (req, res) => {
      await sessionOf(req).login("alice");
      res.statusCode = 500;
      throw new Error("boom");
    });
    const answer = await ask(url, { method: "POST", headers: SAME_ORIGIN });
    expect(answer.status).toBe(500);
    expect(answer.cookies).toHaveLength(1);
  });

  it("answers an outage that a handler let through with 503, not 500 (I7)", async () => {
    const place = world();
    const { url } = await app(place, async (req, res) => {
      place.store.setDown(true);
      await sessionOf(req).set("n", 1);
      res.end();
    });
    const answer = await ask(url, { method: "POST", headers: SAME_ORIGIN });
    expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
    expect(answer.body).not.toContain("at ");
  });

  it.each(["json", "send", "redirect", "sendStatus"] as const)(
    "res.%s waits for a login that nobody awaited",
    async (method) => {
      const place = world();
      const { url } = await app(place, (req, res) => {
        void sessionOf(req).login("alice");
        if (method === "redirect") res.redirect("/");
        else if (method === "sendStatus") res.sendStatus(202);
        else res[method]({ ok: true });
      });
      const answer = await ask(url, { method: "POST", headers: SAME_ORIGIN });
      expect(answer.cookies).toHaveLength(1);
      expect(answer.status).toBe({ json: 200, send: 200, redirect: 302, sendStatus: 202 }[method]);
    },
  );

  it("is mounted below a path and judges the path as it was asked for", async () => {
    const place = world({ csrf: { exempt: ["/api/hooks"] } });
    const { token } = await place.sessions.open({ subject: "alice" });
    const server = express();
    const router = express.Router();
    router.use(expressSessions(place.sessions));
    router.use((req, res) => void res.json(sessionOf(req).subject));
    server.use("/api", router);
    const { url } = await listen(createServer(server));
    const headers = { cookie: `session=${token}`, "sec-fetch-site": "cross-site" };
    const post = (path: string) => ask(url + path, { method: "POST", headers });
    expect((await post("/api/hooks")).status).toBe(200);
    expect((await post("/hooks")).status).toBe(404);
    expect((await post("/api/other")).status).toBe(403);
  });
});
