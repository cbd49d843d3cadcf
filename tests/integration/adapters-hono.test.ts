/** Hono's own ways, on Node and without it: sub-applications, streams, immutable responses. */
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { stream } from "hono/streaming";
import type { Sessions } from "sojourn";
import { sessions } from "sojourn/hono";
import type { HonoSessionOptions, SessionEnv } from "sojourn/hono";
import { afterEach, describe, expect, it } from "vitest";
import { ask, listen, SAME_ORIGIN, stopServers } from "../support/servers.ts";
import { HOUR, world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

afterEach(stopServers);

type App = Hono<SessionEnv<Data>>;

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly header: (name: string) => string | null;
  readonly body: string;
}
type Post = (path?: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>;

/** The two ways a Hono application is run. */
const RUNTIMES: Readonly<Record<string, (app: App) => Post | Promise<Post>>> = {
  "without Node":
    (app) =>
    async (path = "/", headers = SAME_ORIGIN) => {
      const url = `https://app.example${path}`;
      const response = await app.request(url, { method: "POST", headers });
      const { status } = response;
      const cookies = response.headers.getSetCookie();
      const header = (name: string): string | null => response.headers.get(name);
      return { status, cookies, header, body: await response.text() };
    },
  "on Node": async (app) => {
    const listener = getRequestListener(app.fetch);
    const { url } = await listen(createServer((req, res) => void listener(req, res)));
    return async (path = "/", headers = SAME_ORIGIN) => {
      const answer = await ask(url + path, { method: "POST", headers });
      const header = (name: string): string | null => String(answer.headers[name] ?? "") || null;
      return { ...answer, header };
    };
  },
};

const EMPTY = new Response(null, { status: 202 });

describe.each(Object.keys(RUNTIMES))("Hono %s", (runtime) => {
  async function appWith(
    build: (app: App) => unknown,
    options: HonoSessionOptions = {},
    place: World = world(),
  ): Promise<{ place: World; post: Post }> {
    const app: App = new Hono();
    app.use(sessions(place.sessions, options));
    app.onError((_error, c) => c.text("mine", 500));
    build(app);
    const post = await RUNTIMES[runtime]?.(app);
    if (post === undefined) throw new Error("no such runtime");
    return { place, post };
  }

  const ways: Readonly<Record<string, (app: App) => unknown>> = {
    "c.text": (app) => app.post("/done", (c) => c.text("ok")),
    "c.json": (app) => app.post("/done", (c) => c.json({ ok: true })),
    "c.redirect": (app) => app.post("/done", (c) => c.redirect("/elsewhere")),
    "c.body of nothing": (app) => app.post("/done", (c) => c.body(null, 204)),
    "a new Response": (app) => app.post("/done", () => new Response("ok")),
    "Response.redirect": (app) => app.post("/done", () => Response.redirect("https://x.example/")),
    "a response that fetch gave": (app) =>
      app.post("/done", () => fetch("data:text/plain,ok", { method: "GET" })),
    "a constant without a body": (app) => app.post("/done", () => EMPTY),
    "a stream": (app) =>
      app.post("/done", (c) => stream(c, async (out) => void (await out.write("ok")))),
    "the not-found handler": () => undefined,
    "an error": (app) =>
      app.post("/done", () => {
        throw new Error("own");
      }),
    "app.route": (app) =>
      app.route(
        "/",
        new Hono().post("/done", (c) => c.text("ok")),
      ),
    "app.mount": (app) => app.mount("/", () => new Response("mounted")),
  };

  it.each(Object.keys(ways))("sends the cookie with %s, also unawaited", async (way) => {
    for (const awaited of [true, false]) {
      const { post, place } = await appWith((app) => {
        app.use(async (c, next) => {
          const done = c.get("session").login("alice");
          if (awaited) await done;
          c.header("set-cookie", "own=1");
          await next();
        });
        ways[way]?.(app);
      });
      const answer = await post("/done");
      expect(answer.cookies.filter((line) => line.includes("session=sj1s_"))).toHaveLength(1);
      expect(answer.header("cache-control")).toBe("no-store");
      expect(place.errors).toEqual([]);
    }
    expect(EMPTY.headers.getSetCookie()).toEqual([]);
  });

  it("answers an outage in a handler as a problem, whatever app.onError makes of it", async () => {
    const { post, place } = await appWith((app) =>
      app.post("/", async (c) => {
        await c.get("session").set("n", 1);
        return c.text("stored");
      }),
    );
    place.store.setDown(true);
    const answer = await post();
    expect([answer.status, answer.header("content-type")]).toEqual([
      503,
      "application/problem+json",
    ]);
    expect(answer.header("retry-after")).toBe("1");
  });

  it("lets an error handler with an answer of its own have its way", async () => {
    const { post, place } = await appWith((app) => {
      app.onError((_error, c) => c.text("closed for today", 418));
      app.post("/", async (c) => {
        await c.get("session").set("n", 1);
        return c.text("stored");
      });
    });
    place.store.setDown(true);
    expect(await post()).toMatchObject({ status: 418, body: "closed for today" });
  });

  it("answers refusals itself, or as it is told", async () => {
    const cross = { "sec-fetch-site": "cross-site" };
    const { post } = await appWith(() => undefined);
    const refused = await post("/", cross);
    expect([refused.status, refused.header("content-type")]).toEqual([
      403,
      "application/problem+json",
    ]);
    const onRefusal: HonoSessionOptions["onRefusal"] = ({ status, problem }, c) =>
      new Response(`${c.req.method}: ${problem.code}`, { status });
    const told = await appWith(() => undefined, { onRefusal });
    expect(await told.post("/", cross)).toMatchObject({ status: 403, body: "POST: csrf_failed" });
  });

  it("sends the rotated cookie before the first chunk of a stream", async () => {
    const { post, place } = await appWith((app) =>
      app.post("/", (c) =>
        stream(c, async (out) => void (await out.write(`${c.get("session").subject}`))),
      ),
    );
    const name = runtime === "on Node" ? "session" : "__Host-session";
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const answer = await post("/", { ...SAME_ORIGIN, cookie: `${name}=${token}` });
    expect([answer.body, answer.cookies.length]).toEqual(["alice", 1]);
  });
});

describe("Hono without Node", () => {
  it("believes the address it is told, and no forwarding header without one", async () => {
    const statuses: (string | null)[] = [];
    for (const remoteAddress of [() => "10.0.0.1", () => undefined]) {
      const place = world({ production: true, proxies: ["10.0.0.0/8"] });
      const app: App = new Hono();
      app.use(sessions(place.sessions, { remoteAddress }));
      app.post("/", async (c) => {
        await c.get("session").login("alice");
        return c.text("ok");
      });
      const headers = { ...SAME_ORIGIN, "x-forwarded-proto": "https" };
      const answer = await app.request("http://app.example/", { method: "POST", headers });
      statuses.push(answer.headers.get("set-cookie")?.split("=")[0] ?? null);
    }
    expect(statuses).toEqual(["__Host-session", null]);
  });

  it("is no slower to a binding that only looks like Node's", async () => {
    const app: App = new Hono();
    app.use(sessions(world().sessions));
    app.get("/", (c) => c.text(c.get("session").state));
    const env = { incoming: "a queue", outgoing: { send: () => undefined } };
    expect(await (await app.request("https://app.example/", {}, env)).text()).toBe("anonymous");
  });
});

interface Cart {
  readonly items: string[];
}

/** Compiles, or the types are wrong. */
export function typed(of: Sessions<Cart>): void {
  new Hono<SessionEnv<Cart>>().use(sessions(of)).get("/", (c) => {
    const items: readonly string[] = c.get("session").data.items ?? [];
    // @ts-expect-error a key that the data does not have
    void c.var.session.set("cart", items);
    return c.json(items);
  });
  new Hono().use(sessions(of)).get("/", (c) => c.json(c.get("session").data.items ?? []));
}
