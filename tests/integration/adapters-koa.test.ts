/** Koa's own ways: bodies of every kind, raw responses, middleware around and below, its errors. */
import { Readable } from "node:stream";
import Koa from "koa";
import koaSession from "koa-session";
import type { DefaultState, ParameterizedContext } from "koa";
import { sessions } from "sojourn/koa";
import type { SessionContext } from "sojourn/koa";
import { createServer } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { ask, listen, SAME_ORIGIN, stopServers } from "../support/servers.ts";
import type { Asking } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

afterEach(stopServers);

type Ctx = ParameterizedContext<DefaultState, SessionContext<Data>>;
type Options = Parameters<typeof sessions<Data>>[1];

async function appWith(
  handler: (ctx: Ctx) => unknown,
  {
    place = world(),
    options,
    around,
  }: { place?: World; options?: Options; around?: Koa.Middleware } = {},
) {
  const app = new Koa<DefaultState, SessionContext<Data>>();
  app.silent = true;
  if (around !== undefined) app.use(around);
  app.use(sessions(place.sessions, options)).use(async (ctx) => void (await handler(ctx)));
  const listener = app.callback();
  const { url } = await listen(createServer((req, res) => void listener(req, res)));
  return {
    place,
    post: (how: Asking = {}) => ask(url, { method: "POST", headers: SAME_ORIGIN, ...how }),
  };
}

describe("an answer of Koa", () => {
  const ways: Readonly<Record<string, (ctx: Ctx) => unknown>> = {
    "a text": (ctx) => (ctx.body = "ok"),
    "an object": (ctx) => (ctx.body = { ok: true }),
    "a buffer": (ctx) => (ctx.body = Buffer.from("ok")),
    "a stream": (ctx) => (ctx.body = Readable.from(["o", "k"])),
    "a web stream": (ctx) => (ctx.body = new Response("ok").body),
    "a Response": (ctx) => (ctx.body = new Response("ok")),
    "no body": (ctx) => (ctx.body = null),
    "a redirect": (ctx) => ctx.redirect("/elsewhere"),
    "a status": (ctx) => (ctx.status = 202),
    "ctx.throw": (ctx) => ctx.throw(409, "busy"),
    "ctx.respond = false": (ctx) => {
      ctx.respond = false;
      ctx.res.end("ok");
    },
  };

  it.each(Object.keys(ways))("by %s carries the cookie, also unawaited", async (way) => {
    for (const awaited of [true, false]) {
      const { post } = await appWith(async (ctx) => {
        const done = ctx.session.login("alice");
        ctx.cookies.set("own", "1");
        if (awaited) await done;
        ways[way]?.(ctx);
      });
      const answer = await post();
      // Koa's own error answers drop what was set before.
      const own = way === "ctx.throw" ? [] : ["own"];
      expect(answer.cookies.map((line) => line.split("=")[0])).toEqual([...own, "session"]);
      expect(answer.headers["cache-control"]).toBe("no-store");
    }
  });
});

describe("the middleware", () => {
  it("leaves refusals and problems to middleware around it, which may change them", async () => {
    const around: Koa.Middleware = async (ctx, next) => {
      await next();
      ctx.set("x-around", String(ctx.status));
    };
    const { post, place } = await appWith((ctx) => ctx.session.set("n", 1), { around });
    const refused = await post({ headers: { "sec-fetch-site": "cross-site" } });
    place.store.setDown(true);
    const failed = await post();
    const seen = [refused, failed].map(({ status, headers }) => [status, headers["x-around"]]);
    expect(seen).toEqual([
      [403, "403"],
      [503, "503"],
    ]);
    expect(refused.headers["content-type"]).toBe("application/problem+json");
  });

  it("lets errors that are not ours through", async () => {
    const caught: unknown[] = [];
    const around: Koa.Middleware = async (ctx, next) => {
      await next().catch((error: unknown) => caught.push(error));
      ctx.body = "caught";
    };
    const error = new Error("own");
    const { post } = await appWith(() => Promise.reject(error), { around });
    expect((await post()).body).toBe("caught");
    expect(caught).toEqual([error]);
  });

  it("asks the application about refusals and activity", async () => {
    const options: Options = {
      activity: (ctx) => ctx.req.url !== "/poll",
      onRefusal: (problem, ctx) => {
        ctx.status = problem.status;
        ctx.body = `mine: ${problem.problem.code}`;
      },
    };
    const { post } = await appWith(() => undefined, { options });
    const answer = await post({ headers: { "sec-fetch-site": "cross-site" } });
    expect([answer.status, answer.body]).toEqual([403, "mine: csrf_failed"]);
  });

  it("judges the path as it was asked for, and reads the form that a parser has read", async () => {
    const place = world({ policy: "nist-aal2", csrf: { exempt: ["/api/hooks"] } });
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const value = await session.csrfToken();
    const form: { body: unknown } = { body: undefined };
    const around: Koa.Middleware = (ctx, next) => {
      ctx.path = ctx.path.replace("/api", "");
      Object.assign(ctx.request, { body: form.body });
      return next();
    };
    const app = new Koa();
    const done = app.use(around).use(sessions(place.sessions));
    done.use((ctx) => void (ctx.body = ctx.session.subject));
    const listener = app.callback();
    const { url } = await listen(createServer((req, res) => void listener(req, res)));
    const headers = { ...SAME_ORIGIN, cookie: `session=${token}` };
    const post = async (path: string) =>
      (await ask(url + path, { method: "POST", headers })).status;
    expect([await post("/api/hooks"), await post("/hooks")]).toEqual([200, 403]);
    form.body = { _csrf: value };
    expect(await post("/hooks")).toBe(200);
  });
});

describe("beside koa-session", () => {
  it.each(["before", "after"])("names it, where ours stands %s it", async (place) => {
    const app = new Koa();
    const theirs = koaSession({ signed: false }, app);
    const ours = sessions(world().sessions) as unknown as Koa.Middleware;
    const chain = place === "before" ? [ours, theirs] : [theirs, ours];
    const heard: string[] = [];
    app.on("error", (error: unknown) => void heard.push(String(error)));
    for (const one of chain) app.use(one);
    app.use((ctx) => void (ctx.body = "reached"));
    const listener = app.callback();
    const { url } = await listen(createServer((req, res) => void listener(req, res)));
    const answer = await ask(url);
    expect([answer.status, answer.body]).toEqual([500, "Internal Server Error"]);
    expect(heard).toEqual([
      expect.stringContaining("ctx.session: is another middleware's (koa-session?)"),
    ]);
  });
});

interface Cart {
  readonly items: string[];
}

/** Compiles, or the types are wrong: `use` hands the type on, and so does the context's own. */
export function typed(place: World): void {
  const of = place.sessions as unknown as Parameters<typeof sessions<Cart>>[0];
  new Koa().use(sessions(of)).use((ctx) => {
    const items: readonly string[] | undefined = ctx.session.data.items;
    // @ts-expect-error a key that the data does not have
    void ctx.session.set("cart", items);
  });
  new Koa<DefaultState, SessionContext<Cart>>().use(sessions(of));
}
