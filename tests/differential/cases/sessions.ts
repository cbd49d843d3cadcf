/** What handlers do with the session's object: methods, contents, identity. */
import { calling, count, doing } from "../support/acts.ts";
import { show } from "../support/text.ts";
import type { Case, Done, Incoming, LooseSession, Outgoing, Route } from "../support/types.ts";
import type { Routes, Step, World } from "../support/types.ts";

type Look = (session: LooseSession, req: Incoming, world: World) => unknown;

/** Answer with what is seen. */
function looking(look: Look): Route {
  return (req, res, world) => res.end(JSON.stringify(look(req.session, req, world)) ?? "undefined");
}

function keysIn(value: object): string[] {
  const keys: string[] = [];
  for (const key in value) keys.push(key);
  return keys;
}

const METHODS = ["touch", "resetMaxAge", "save", "reload", "destroy", "regenerate"] as const;

const LOOKS: Readonly<Record<string, Look>> = {
  keys: (session) => Object.keys(session),
  "keys by for-in": (session) => keysIn(session),
  "own names": (session) => Object.getOwnPropertyNames(session).sort(),
  JSON: (session) => session,
  spread: (session) => ({ ...session }),
  "own property of req": (session) => Object.getOwnPropertyDescriptor(session, "req")?.enumerable,
  "own property of id": (session) => {
    const { value, ...rest } = Object.getOwnPropertyDescriptor(session, "id") ?? {};
    return { ...rest, text: typeof value };
  },
  "req is the request": (session, req) => session["req"] === req,
  "methods of the prototype": (_session, _req, { impl }) =>
    METHODS.map((name) => {
      const found = Object.getOwnPropertyDescriptor(impl.Session.prototype, name);
      const { enumerable, configurable, writable, value } = found ?? {};
      return [name, enumerable, configurable, writable, typeof value];
    }),
  "methods in the session": (session) => METHODS.map((name) => [name, name in session]),
  "own methods": (session) => METHODS.map((name) => Object.hasOwn(session, name)),
  "methods that can be called": (session) => METHODS.map((name) => typeof session[name]),
  "the session's class": (session, _req, { impl }) => [
    session instanceof impl.Session,
    Object.getPrototypeOf(session) === impl.Session.prototype,
    session.constructor?.name,
    Object.prototype.toString.call(session),
  ],
  "the cookie's class": ({ cookie }, _req, { impl }) => [
    cookie instanceof impl.Cookie,
    Object.getPrototypeOf(cookie) === impl.Cookie.prototype,
    Object.keys(cookie),
    keysIn(cookie),
  ],
  "the cookie's data": ({ cookie }) => Object.keys(cookie.data),
  "the cookie's text": ({ cookie }) => cookie.serialize("name", "a value"),
  "the cookie's JSON": ({ cookie }) => cookie,
  "the request's store": (_session, req, world) =>
    world.store === undefined ? typeof req.sessionStore : req.sessionStore === world.store,
  "the request's keys": (_session, req) =>
    ["session", "sessionID", "sessionStore"].map((name) => Object.hasOwn(req, name)),
  "a key that is no own one": (session) => [session["toString"] === undefined, session["x"]],
  "what touch returns": (session) => session.touch() === session,
  "what resetMaxAge returns": (session) => session.resetMaxAge() === session,
  "a frozen session's keys": (session) => Object.keys(Object.freeze(session)),
  "the store's generate": (_session, req) => [
    typeof req.sessionStore.generate,
    req.sessionStore.generate.length,
  ],
};

function lookCases(): Case[] {
  return Object.entries(LOOKS).map(([name, look]) => ({
    name: `looks at ${name}`,
    routes: { look: looking(look) },
    script: ["/look", "/modify", "/look", "/regenerate-modify", "/look"],
  }));
}

type Change = (session: LooseSession, req: Incoming, world: World) => void;

/** Changes of contents; the hash of the JSON decides whether they are saved. */
const CHANGES: Readonly<Record<string, Change>> = {
  "a nested value": (session) => void ((session["user"] as { name: string }).name = "bob"),
  "a value in a list": (session) => void (session["list"] as unknown[]).push(1),
  "another order of keys": (session) => {
    const { user } = session;
    delete session["user"];
    session["user"] = user;
  },
  "the same value": (session) => void (session["user"] = { name: "alice" }),
  "a key deleted": (session) => void delete session["list"],
  "a key set to undefined": (session) => void (session["extra"] = undefined),
  "a key set to a function": (session) => void (session["extra"] = () => 1),
  "a key set to a symbol": (session) => void (session["extra"] = Symbol("x")),
  "a symbol as the key": (session) => void Object.assign(session, { [Symbol("x")]: 1 }),
  "a date": (session) => void (session["at"] = new Date(0)),
  "a map": (session) => void (session["map"] = new Map([[1, 2]])),
  bytes: (session) => void (session["bytes"] = Buffer.from("abc")),
  "a number that is none": (session) => void (session["number"] = Number.NaN),
  "a big integer": (session) => void (session["big"] = 1n),
  "a circle": (session) => void (session["me"] = session),
  "a circle deeper": (session) => void (session["deep"] = { session }),
  "an object with toJSON": (session) => void (session["own"] = { toJSON: () => "text" }),
  "a getter": (session) => {
    Object.defineProperty(session, "got", { enumerable: true, get: () => "got" });
  },
  "a hidden key": (session) => void Object.defineProperty(session, "hidden", { value: 1 }),
  "a toJSON of the session": (session) => void (session["toJSON"] = () => ({ mine: true })),
  "a toJSON that throws": (session) => {
    session["toJSON"] = () => {
      throw new Error("no JSON today");
    };
  },
  "a key called cookie deeper": (session) => void (session["user"] = { cookie: 1, name: "alice" }),
  "a key called __proto__": (session) => {
    Object.defineProperty(session, "__proto__", { value: 1, enumerable: true });
  },
  "a lone surrogate": (session) => void (session["text"] = "\ud800"),
  "1 MB": (session) => void (session["text"] = "x".repeat(1_000_000)),
  "the id": (session) => void Object.assign(session, { id: "mine" }),
  "a method overwritten": (session) => void Object.assign(session, { touch: () => session }),
  "save overwritten": (session, _req, world) => {
    session.save = (done?: Done) => {
      world.log("own save");
      done?.();
      return session;
    };
    session["n"] = 5;
  },
  "the request's sessionID": (session, req) => {
    req.sessionID = "assigned";
    session["n"] = 3;
  },
  "the request's sessionID alone": (_session, req) => void (req.sessionID = "assigned"),
  "the request's sessionID, undefined": (session, req) => {
    Object.assign(req, { sessionID: undefined });
    session["n"] = 3;
  },
  "the request's sessionID, a number": (session, req) => {
    Object.assign(req, { sessionID: 5 });
    session["n"] = 3;
  },
  "the request's store": (session, req, world) => {
    req.sessionStore = new world.impl.MemoryStore();
    session["n"] = 3;
  },
  "all keys deleted": (session) => {
    for (const key of Object.keys(session)) if (key !== "cookie") delete session[key];
  },
  "nothing but a save": (session) => void session.save(),
  "a save without a callback, then a change": (session) => {
    session.save();
    session["n"] = 9;
  },
};

function changeCases(): Case[] {
  const first = doing((session) => {
    session["user"] = { name: "alice" };
    session["list"] = [1, 2];
  });
  return Object.entries(CHANGES).flatMap(([name, change]) => {
    const routes: Routes = { first, change: doing(change) };
    const again: readonly Step[] = ["/read", "/modify", "/read"];
    const script: readonly Step[] = ["/first", { advance: 1_000 }, "/change", ...again];
    const timed = { cookie: { maxAge: 60_000 } };
    return [
      { name: `changes ${name}`, routes, script },
      { name: `changes ${name}, maxAge`, options: timed, routes, script },
      { name: `changes ${name}, all saved`, options: { resave: true }, routes, script },
      {
        name: `changes ${name}, new session`,
        routes: {
          change: (...all) => (first(req(all), silent(all), all[2]), routes["change"]?.(...all)),
        },
        script: ["/change", ...again],
      },
    ];
  });
}

const req = ([one]: Parameters<Route>): Incoming => one;
const silent = (_all: Parameters<Route>): Outgoing => ({ end: () => undefined }) as never;

/** What may stand in `req.session`'s place. */
function assignedCases(): Case[] {
  const values: Readonly<Record<string, unknown>> = {
    null: null,
    undefined: undefined,
    false: false,
    zero: 0,
    "an empty text": "",
    text: "text",
    "a number": 5,
    "an empty object": {},
    "an object with a cookie": { cookie: { path: "/" } },
    "a list": [],
  };
  return Object.entries(values).flatMap(([name, value]) =>
    ["keep", "destroy"].flatMap((unset) =>
      [false, true].map((rolling) => {
        const assign: Route = (req, res) => {
          Object.assign(req, { session: value });
          res.end("assigned");
        };
        const saved: Route = (req, res, world) => {
          Object.assign(req, { session: null });
          world.log(show(req.session));
          req.sessionStore.generate(req);
          req.session["n"] = 1;
          res.end("generated");
        };
        const script = ["/assign", "/modify", "/assign", "/read", "/saved", "/read"];
        const routes = { assign, saved };
        const label = `assigns ${name}, unset ${unset}${rolling ? ", rolling" : ""}`;
        return { name: label, options: { unset, rolling }, routes, script };
      }),
    ),
  );
}

/** Two requests of one session after the other, and expiry between. */
function lifeCases(): Case[] {
  const script = (pause: number): readonly Step[] => [
    "/modify",
    { advance: pause },
    "/read",
    { advance: pause },
    "/modify",
    { advance: pause },
    "/touch",
    { advance: pause },
    "/reload",
    "/read",
  ];
  return [4_999, 5_000, 5_001, 2_500].flatMap((pause) =>
    [false, true].map((rolling) => ({
      name: `maxAge 5 s, a request every ${pause} ms${rolling ? ", rolling" : ""}`,
      options: { cookie: { maxAge: 5_000 }, rolling },
      stores: ["memory", "spied", "neutral"],
      routes: { reload: calling("reload", count) },
      script: script(pause),
    })),
  ) as Case[];
}

export const sessionCases: readonly Case[] = [
  ...lookCases(),
  ...changeCases(),
  ...assignedCases(),
  ...lifeCases(),
];
