/** Where the middleware stands: mount points, several of them, proxies in front. */
import express from "express";
import express4 from "express4";
import type { Case, Implementation, Incoming, LooseStore, Middleware } from "../support/types.ts";
import type { Next, Outgoing, Parts, World } from "../support/types.ts";

type Answer = (req: Incoming, res: Outgoing) => unknown;

interface App {
  (req: unknown, res: unknown): unknown;
  set(name: string, value: unknown): unknown;
  use(...handlers: readonly unknown[]): unknown;
}

function application(make: unknown, settings: Readonly<Record<string, unknown>>): App {
  const app = (make as () => App)();
  for (const [name, value] of Object.entries(settings)) app.set(name, value);
  return app;
}

/** An Express application whose errors end where those of every case end. */
function onExpress(
  make: unknown,
  settings: Readonly<Record<string, unknown>>,
  mount = "/",
): (parts: Parts) => Answer {
  return (parts) => {
    const app = application(make, settings);
    app.use(mount, parts.middleware);
    app.use(parts.handler);
    app.use((error: unknown, req: Incoming, res: Outgoing, _next: Next) =>
      parts.failed(error, req, res),
    );
    return (req, res) => app(req, res);
  };
}

const FRAMEWORKS = { "Express 5": express, "Express 4": express4 };

/** Cookie paths against the paths of requests. */
function pathCases(): Case[] {
  const paths = ["/admin", "/admin/", "/", "", "/a%20b", "admin"];
  const asked = ["/admin/modify", "/adminx/modify", "/modify", "/Admin/modify", "/admin/../read"];
  const more = [
    "/a%20b/modify",
    "/a%2520b/modify",
    "//admin/modify",
    "/?/admin/modify",
    "/admin#/read",
  ];
  const odd = ["http://example.test/admin/modify", "/read?a=/admin", "/\tadmin/read"];
  const script = [...asked, ...more, ...odd].map((ask) => ({ ask, jar: "a" }));
  return paths.flatMap((path) => {
    const options = { cookie: { path } };
    const none = (_req: Incoming, res: Outgoing): void => void res.end();
    const routes = { "": none, admin: none };
    return [{ name: `cookie path ${JSON.stringify(path)}`, options, routes, script }];
  });
}

function mountCases(): Case[] {
  return Object.entries(FRAMEWORKS).flatMap(([framework, make]) =>
    ["/", "/admin"].flatMap((mount) =>
      ["/", "/admin", "/other"].map((path) => ({
        name: `${framework}, mounted at ${mount}, cookie path ${path}`,
        options: { cookie: { path } },
        stack: onExpress(make, { env: "test" }, mount),
        routes: {
          seen: (req: Incoming, res: Outgoing) =>
            res.end(`${typeof req.session} ${typeof req.sessionID} ${typeof req.sessionStore}`),
        },
        script: ["/seen", "/admin/seen", "/admin/seen", "/other/seen", "/adminx/seen"],
      })),
    ),
  );
}

/** `trust proxy` of Express, `proxy` of the middleware, and what a proxy or a liar says. */
function proxyCases(): Case[] {
  const trusts: readonly unknown[] = [undefined, true, false, 1, "loopback", "10.0.0.0/8"];
  const said = ["https", "http", "https,http", "http,https", "HTTPS", " https ", "httpsx", ""];
  const more = ["https,https", ",https", "wss", '"https"'];
  const script = [...said, ...more].flatMap((proto) => [
    { ask: "/modify", jar: "none", headers: { "X-Forwarded-Proto": proto } },
  ]);
  const cookies: readonly Readonly<Record<string, unknown>>[] = [
    { secure: true },
    { secure: "auto" },
    { sameSite: "auto" },
  ];
  return trusts.flatMap((trust) =>
    [undefined, true, false].flatMap((proxy) =>
      cookies.map((cookie) => ({
        name: `trust proxy ${String(trust)}, proxy ${String(proxy)}, ${JSON.stringify(cookie)}`,
        options: { proxy, cookie },
        stores: ["neutral"],
        stack: onExpress(express, { env: "test", "trust proxy": trust }),
        script: [...script, { ask: "/modify", jar: "none" }],
      })),
    ),
  ) as Case[];
}

/** A session that begins over TLS and is used without, and the other way round. */
function schemeCases(): Case[] {
  const https = { "X-Forwarded-Proto": "https" };
  return [{ secure: true }, { secure: "auto" }].map((cookie) => ({
    name: `${JSON.stringify(cookie)}, TLS now and then`,
    options: { proxy: true, rolling: true, cookie },
    script: [
      { ask: "/modify", headers: https },
      "/modify",
      { ask: "/read", headers: https },
      "/regenerate-modify",
      "/read",
      { ask: "/regenerate-modify", headers: https },
      "/modify",
    ],
  }));
}

type Chain = (impl: Implementation, world: World) => readonly Middleware[];

function chained(chain: Chain): (parts: Parts) => Answer {
  return (parts) => {
    const all = [...chain(parts.world.impl, parts.world), parts.handler];
    return (req, res) => {
      const run = (at: number): void => {
        const next: Next = (error) => {
          if (error === undefined || error === null) run(at + 1);
          else parts.failed(error, req, res);
        };
        all[at]?.(req, res, next);
      };
      run(0);
    };
  };
}

/** Several session middlewares in one application. */
function severalCases(): Case[] {
  const ids = (prefix: string): (() => string) => {
    let count = 0;
    return () => `${prefix}-${++count}`;
  };
  const common = { secret: "a secret", resave: false, saveUninitialized: true };
  const one = (impl: Implementation, store: LooseStore | undefined, name: string): Middleware =>
    impl({ ...common, name, genid: ids(name), ...(store === undefined ? {} : { store }) });
  const chains: Readonly<Record<string, Chain>> = {
    "two names, one store": (impl, { store }) => [one(impl, store, "a"), one(impl, store, "b")],
    "one name, one store": (impl, { store }) => [one(impl, store, "a"), one(impl, store, "a")],
    "one name, two stores": (impl, { store }) => [one(impl, store, "a"), one(impl, undefined, "a")],
    "one middleware twice": (impl, { store }) => {
      const middleware = one(impl, store, "a");
      return [middleware, middleware];
    },
    "a session put aside between two": (impl, { store }) => [
      one(impl, store, "a"),
      (req, _res, next) => {
        req["first"] = req.session;
        delete (req as Partial<Incoming>).session;
        next();
      },
      one(impl, new impl.MemoryStore(), "b"),
    ],
    "a session of another library's": (impl, { store }) => [
      (req, _res, next) => {
        req.session = { other: true } as unknown as Incoming["session"];
        next();
      },
      one(impl, store, "a"),
    ],
    "a session that is false": (impl, { store }) => [
      (req, _res, next) => {
        req.session = false as unknown as Incoming["session"];
        next();
      },
      one(impl, store, "a"),
    ],
  };
  return Object.entries(chains).map(([name, chain]) => ({
    name: `several: ${name}`,
    stack: chained(chain),
    script: ["/read", "/read", "/modify", "/destroy", "/read", "/null", "/modify"],
  }));
}

export const placeCases: readonly Case[] = [
  ...pathCases(),
  ...mountCases(),
  ...proxyCases(),
  ...schemeCases(),
  ...severalCases(),
];
