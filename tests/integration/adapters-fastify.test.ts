/** Fastify's own ways: hooks, hijacked replies, streams, injection, contexts, error handlers. */
import { Readable } from "node:stream";
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Session } from "sojourn";
import { sessionErrors, sessionOf, sessions } from "sojourn/fastify";
import type { FastifySessionOptions } from "sojourn/fastify";
import { describe, expect, it } from "vitest";
import { SAME_ORIGIN } from "../support/servers.ts";
import { HOUR, world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;
type Options = Partial<FastifySessionOptions<Data>>;

async function appWith(
  handler: Handler,
  more: Options = {},
  place: World = world(),
): Promise<{ app: FastifyInstance; place: World }> {
  const app = Fastify();
  await app.register(sessions, { sessions: place.sessions, ...more });
  app.all("/*", handler);
  return { app, place };
}

const POST = { method: "POST", url: "/", headers: SAME_ORIGIN } as const;

const login = (request: FastifyRequest): Promise<unknown> => sessionOf(request).login("alice");

describe("an answer of Fastify", () => {
  const ways: Readonly<Record<string, (reply: FastifyReply) => unknown>> = {
    "reply.send of a text": (reply) => reply.send("ok"),
    "reply.send of an object": (reply) => reply.send({ ok: true }),
    "reply.send of a buffer": (reply) => reply.send(Buffer.from("ok")),
    "reply.send of a stream": (reply) => reply.send(Readable.from(["o", "k"])),
    "reply.send of a web stream": (reply) => reply.send(new Response("ok").body),
    "reply.send of a Response": (reply) =>
      reply.send(new Response("ok", { headers: { "set-cookie": "own=1" } })),
    "reply.redirect": (reply) => reply.redirect("/elsewhere"),
    "reply.callNotFound": (reply) => reply.callNotFound(),
    "a hijacked reply": (reply) => {
      reply.hijack();
      reply.raw.writeHead(200, { "x-own": "1" }).end("ok");
    },
    "the raw response": (reply) => {
      reply.raw.end("ok");
      return reply;
    },
  };

  it.each(Object.keys(ways))("by %s carries the cookie, also unawaited", async (way) => {
    for (const awaited of [true, false]) {
      const { app } = await appWith(async (request, reply) => {
        const done = login(request);
        if (awaited) await done;
        return ways[way]?.(reply);
      });
      const answer = await app.inject(POST);
      const cookies = answer.cookies.map(({ name }) => name);
      expect(cookies).toEqual(way.endsWith("Response") ? ["own", "session"] : ["session"]);
      expect(answer.headers["cache-control"]).toBe("no-store");
    }
  });

  it("that is a value, an error or nothing carries it as well", async () => {
    const handlers: Handler[] = [
      async (request) => {
        await login(request);
        return { ok: true };
      },
      async (request) => {
        await login(request);
        throw Object.assign(new Error("teapot"), { statusCode: 418 });
      },
      async (request, reply) => {
        await login(request);
        return reply.code(204).send();
      },
    ];
    const statuses: number[] = [];
    for (const handler of handlers) {
      const { app } = await appWith(handler);
      const answer = await app.inject(POST);
      statuses.push(answer.statusCode);
      expect(answer.cookies).toHaveLength(1);
    }
    expect(statuses).toEqual([200, 418, 204]);
  });

  it("is held for a stream, too: a write that failed unawaited is answered 503", async () => {
    const { app, place } = await appWith((request, reply) => {
      void sessionOf(request)
        .set("n", 1)
        .catch(() => undefined);
      return reply.header("x-own", "1").send(Readable.from(["stored!"]));
    });
    place.store.before("create", async () => {
      await new Promise((resolve) => void setTimeout(resolve, 20));
      throw new Error("too late");
    });
    const answer = await app.inject(POST);
    expect([answer.statusCode, answer.headers["x-own"]]).toEqual([503, undefined]);
    expect(answer.body).not.toContain("stored!");
  });
});

describe("the plugin", () => {
  it("reaches routes of every context and none of another application", async () => {
    const place = world();
    const app = Fastify();
    await app.register(async (scope) => {
      scope.get("/before", (request) => sessionOf(request).state);
    });
    await app.register(sessions, { sessions: place.sessions });
    await app.register(async (scope) => {
      scope.get("/inside", (request) => sessionOf(request).state);
    });
    app.get("/after", (request) => sessionOf(request).state);
    for (const url of ["/before", "/inside", "/after"]) {
      expect((await app.inject(url)).body).toBe("anonymous");
    }
    const other = Fastify();
    other.get("/", (request) => sessionOf(request).state);
    expect((await other.inject("/")).json()).toMatchObject({ code: "FST_ERR_DEC_UNDECLARED" });
  });

  it("refuses to stand beside another plugin that calls itself session", async () => {
    const app = Fastify();
    app.decorateRequest("session", null);
    const registered = app.register(sessions, { sessions: world().sessions });
    await expect(registered).rejects.toThrow(/request\.session: .*@fastify\/session/);
  });

  it("lets later hooks and error handlers see the session", async () => {
    const { app } = await appWith(login);
    const seen: string[] = [];
    app.addHook("preHandler", async (request) => void seen.push(sessionOf(request).state));
    app.addHook("onResponse", async (request) => void seen.push(sessionOf(request).state));
    await app.inject(POST);
    expect(seen).toEqual(["anonymous", "active"]);
  });

  it("answers refusals itself, with what earlier hooks have set, or as it is told", async () => {
    const cross = { ...POST, headers: { "sec-fetch-site": "cross-site" } };
    const { app } = await appWith(login);
    const own = await app.inject(cross);
    expect([own.statusCode, own.headers["content-type"]]).toEqual([
      403,
      "application/problem+json",
    ]);
    const onRefusal: Options["onRefusal"] = (problem, request, reply) =>
      void reply.code(problem.status).send(`${request.method} refused: ${problem.problem.code}`);
    const told = await (await appWith(login, { onRefusal })).app.inject(cross);
    expect([told.statusCode, told.body]).toEqual([403, "POST refused: csrf_failed"]);
    const failing: Options["onRefusal"] = () => {
      throw Object.assign(new Error("no"), { statusCode: 418 });
    };
    const failed = await (await appWith(login, { onRefusal: failing })).app.inject(cross);
    expect(failed.statusCode).toBe(418);
  });

  it("never lets a refused request through, though its answer takes a while to leave", async () => {
    let called = 0;
    const { app } = await appWith(() => (called += 1));
    app.addHook("onSend", async () => {
      await new Promise((resolve) => void setImmediate(resolve));
    });
    const answer = await app.inject({ ...POST, headers: { "sec-fetch-site": "cross-site" } });
    expect([answer.statusCode, called]).toEqual([403, 0]);
  });

  it("counts as activity what it is told", async () => {
    const activity: Options["activity"] = (request) => request.url !== "/poll";
    const place = world({ policy: "owasp-asvs-l2" });
    const { app } = await appWith((request) => sessionOf(request).subject, { activity }, place);
    const { token } = await place.sessions.open({ subject: "alice" });
    const ask = (url: string) => app.inject({ url, cookies: { session: token } });
    for (let half = 0; half < 2; half += 1) {
      await place.clock.advanceAsync(HOUR / 4 + half);
      await ask("/poll");
    }
    expect((await ask("/")).body).toBe("null");
  });

  it("reads a form's _csrf where it judges after the body", async () => {
    const place = world({ policy: "nist-aal2" });
    const statuses: number[] = [];
    for (const hook of ["onRequest", "preValidation"] as const) {
      const app = Fastify();
      app.addContentTypeParser(
        "application/x-www-form-urlencoded",
        { parseAs: "string" },
        (_request, body, done) =>
          done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
      );
      await app.register(sessions, { sessions: place.sessions, hook });
      app.post("/", () => "ok");
      const { token, session } = await place.sessions.open({ subject: "alice" });
      const value = (await session.csrfToken()) ?? "";
      const headers = { ...SAME_ORIGIN, "content-type": "application/x-www-form-urlencoded" };
      const cookies = { session: token };
      const payload = `_csrf=${encodeURIComponent(value)}`;
      const answer = await app.inject({ method: "POST", url: "/", headers, cookies, payload });
      statuses.push(answer.statusCode);
    }
    expect(statuses).toEqual([403, 200]);
  });
});

describe("sessionErrors", () => {
  it("passes on what is not ours to the handler of the context around, or to Fastify's", async () => {
    const failing: Handler = async (request) => {
      if (request.url === "/own") throw Object.assign(new Error("own"), { statusCode: 409 });
      await sessionOf(request).rotate();
    };
    const answers: unknown[] = [];
    for (const own of [true, false]) {
      const app = Fastify();
      if (own) app.setErrorHandler((_error, _request, reply) => reply.code(410).send("mine"));
      await app.register(sessions, { sessions: world().sessions });
      await app.register(async (scope) => {
        scope.setErrorHandler(sessionErrors());
        scope.all("/*", failing);
      });
      const [foreign, ours] = [await app.inject({ ...POST, url: "/own" }), await app.inject(POST)];
      answers.push([foreign.statusCode, ours.statusCode, ours.headers["content-type"]]);
    }
    const type = "application/problem+json";
    expect(answers).toEqual([
      [410, 400, type],
      [409, 400, type],
    ]);
  });
});

interface Cart {
  readonly items: string[];
}

/** Compiles, or the types are wrong. */
export const typed: Handler = (request) => {
  const session: Session<Cart> = sessionOf<Cart>(request);
  const items: readonly string[] = session.data.items ?? [];
  // @ts-expect-error a key that the data does not have
  void session.set("cart", items);
  return items;
};
