/** HTTP/1.0, keep-alive and pipelining, HTTP/2, upgrades, clients that go away. */
import { count, tell } from "../support/acts.ts";
import type { Case, Fault, Route, Routes, Step, World } from "../support/types.ts";

const slow: Route = async (req, res, world) => {
  await world.hold();
  count(req.session, req, world);
  tell(req, res, world);
};

const streamed: Route = async (req, res, world) => {
  count(req.session, req, world);
  res.write("first");
  await world.hold();
  world.log(`destroyed ${res.destroyed} writable ${res.writable}`);
  res.end("last");
};

const routes: Routes = {
  slow,
  streamed,
  "never-ends": (req, res, world) => {
    count(req.session, req, world);
    res.on("close", () => void 0);
    void world.hold();
  },
  "ends-before-save": (req, res, world) => {
    count(req.session, req, world);
    res.end("ended");
    req.session.save((error) => world.log(`saved ${String(error)}`));
  },
  "saves-and-ends": (req, res, world) => {
    count(req.session, req, world);
    req.session.save((error) => world.log(`saved ${String(error)}`));
    res.end("ended");
  },
  "saves-then-redirects": (req, res, world) => {
    count(req.session, req, world);
    req.session.save(() => {
      res.writeHead(302, { Location: "/read" });
      res.end();
    });
  },
};

function http1Cases(): Case[] {
  const old = (ask: string, headers: Readonly<Record<string, string>> = {}): Step => ({
    ask,
    version: "1.0",
    headers,
  });
  const keep = { Connection: "keep-alive" };
  return [
    {
      name: "HTTP/1.0",
      script: [old("/modify"), old("/modify"), old("/read"), old("/destroy"), old("/read")],
    },
    {
      name: "HTTP/1.0 with keep-alive asked for",
      script: [{ ask: "/modify", version: "1.0", headers: keep }, old("/read")],
    },
    {
      name: "pipelined reads",
      script: ["/modify", { pipeline: ["/read", "/none", "/read"] }, "/read"],
    },
    {
      name: "pipelined writes",
      script: ["/modify", { pipeline: ["/modify", "/none"] }, "/read"],
    },
    {
      name: "pipelined without a session",
      script: [{ pipeline: ["/none", "/read", "/modify"] }, "/read"],
    },
    {
      name: "a body that nobody reads",
      script: [
        { ask: "/modify", method: "POST", body: "a=b" },
        { ask: "/read", method: "PUT" },
      ],
    },
    {
      name: "methods of HTTP",
      script: ["POST /modify", "PUT /modify", "DELETE /read", "OPTIONS /read", "PATCH /modify"],
    },
    { name: "OPTIONS *", routes: { "*": (_req, res) => void res.end() }, script: ["OPTIONS *"] },
    {
      name: "an expectation",
      script: [{ ask: "/modify", method: "POST", headers: { Expect: "100-continue" }, body: "a" }],
    },
  ];
}

function endCases(): Case[] {
  const names = ["ends-before-save", "saves-and-ends", "saves-then-redirects"];
  return names.map((name) => ({
    name,
    routes,
    script: [`/${name}`, "/read", `/${name}`, "/read"],
  }));
}

/** A client that goes away at different moments. */
function abortCases(): Case[] {
  const never: Fault = () => undefined;
  const cut = (path: string, until: string, before: readonly Step[] = []): readonly Step[] => [
    "/modify",
    ...before,
    { start: path, as: "one", until },
    { abort: "one" },
    "/read",
  ];
  const hang = (method: "get" | "set" | "touch"): Step => ({
    act: `${method} hangs`,
    does: (world: World) => void (world.faults = { [method]: never }),
  });
  const well: Step = { act: "well", does: (world) => void (world.faults = {}) };
  return [
    { name: "aborted before the handler writes", routes, script: cut("/slow", "held") },
    { name: "aborted within a stream", routes, script: cut("/streamed", "held") },
    { name: "aborted, and the handler never ends", routes, script: cut("/never-ends", "held") },
    ...(["get", "set", "touch"] as const).map((method) => ({
      name: `aborted while ${method} hangs`,
      routes,
      script: [
        ...cut(method === "touch" ? "/none" : "/modify", `${method}(`, [hang(method)]).slice(0, -1),
        well,
        "/read",
      ],
    })),
  ].map((one) => Object.assign(one, { stores: ["spied", "neutral"] })) as Case[];
}

/** Other ways to ask than HTTP/1. */
function otherCases(): Case[] {
  const endings: Routes = {
    head: (req, res, world) => {
      count(req.session, req, world);
      res.writeHead(201, { "x-mine": "1" });
      res.end("head");
    },
    parts: (req, res, world) => {
      count(req.session, req, world);
      res.write("one");
      res.write("two");
      res.end("three");
    },
    length: (req, res, world) => {
      count(req.session, req, world);
      res.setHeader("content-length", "10");
      res.end("abcdefghij");
    },
    cookies: (req, res, world) => {
      count(req.session, req, world);
      res.setHeader("set-cookie", ["mine=1", "yours=2"]);
      res.end();
    },
  };
  const steps = ["/modify", "/read", "/none", "/head", "/parts", "/length", "/cookies"];
  const after = ["/regenerate-modify", "/null", "/read", "/destroy", "/read"];
  const script = [...steps, ...after];
  return [
    { name: "HTTP/2", over: "http2", routes: endings, script },
    { name: "HTTP/2, all saved", over: "http2", options: ALL, routes: endings, script },
    { name: "HTTP/2, cookie secure auto", over: "http2", options: AUTO, routes: endings, script },
  ];
}

const ALL = { resave: true, saveUninitialized: true, rolling: true };
const AUTO = { cookie: { secure: "auto", maxAge: 9_000 } };

const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

/** Servers of WebSockets run the middleware with an object that is no response. */
function upgradeCases(): Case[] {
  const up = (ask: string, jar = "a"): Step => ({ ask, jar, headers: UPGRADE });
  const saving: Routes = {
    saving: (req, res, world) => {
      count(req.session, req, world);
      req.session.save((error) => {
        world.log(`saved ${String(error)}`);
        tell(req, res, world);
      });
    },
  };
  const script = [
    "/modify",
    up("/read"),
    up("/saving"),
    up("/modify"),
    up("/destroy"),
    up("/read"),
  ];
  return [
    { name: "upgrades", routes: saving, script: [up("/read", "fresh"), ...script, "/read"] },
    {
      name: "upgrades, all saved",
      options: ALL,
      routes: saving,
      script: [up("/saving", "fresh"), ...script, "/read"],
    },
  ];
}

export const protocolCases: readonly Case[] = [
  ...http1Cases(),
  ...endCases(),
  ...abortCases(),
  ...otherCases(),
  ...upgradeCases(),
];
