/** Stores that fail, throw, answer twice or never, and connections that come and go. */
import { show } from "../support/text.ts";
import type { Case, Fault, Incoming, Outgoing, Routes, StoreMethod } from "../support/types.ts";
import type { World } from "../support/types.ts";

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const FAULTS: Readonly<Record<string, Fault>> = {
  "an error": (_args, answer) => void setImmediate(answer, failure("down")),
  "an error at once": (_args, answer) => answer(failure("down")),
  ENOENT: (_args, answer) => void setImmediate(answer, failure("no row", "ENOENT")),
  "another code": (_args, answer) => void setImmediate(answer, failure("refused", "ECONNREFUSED")),
  "a status": (_args, answer) =>
    void setImmediate(answer, Object.assign(new Error("busy"), { status: 503 })),
  "text as the error": (_args, answer) => void setImmediate(answer, "down"),
  "an error after the work": (_args, answer, pass) => {
    pass();
    void setImmediate(answer, failure("late"));
  },
  nothing: (_args, answer) => void setImmediate(answer),
  null: (_args, answer) => void setImmediate(answer, null, null),
  false: (_args, answer) => void setImmediate(answer, false, false),
  "a throw": () => {
    throw failure("thrown by the store");
  },
  "a throw after the answer": (_args, answer) => {
    answer();
    throw failure("thrown by the store");
  },
};

const ROUTES = {
  get: ["/none", "/modify", "/regenerate-modify", "/reload"],
  set: ["/modify", "/modify-save", "/regenerate-modify", "/save-modify"],
  destroy: ["/destroy", "/regenerate", "/regenerate-modify", "/null", "/modify"],
  touch: ["/none", "/read", "/touch", "/modify"],
} as const;

/** Answers of the store, one method at a time; then it is well again. */
function answerCases(): Case[] {
  return Object.entries(FAULTS).flatMap(([name, fault]) =>
    (Object.keys(ROUTES) as StoreMethod[]).flatMap((method) =>
      ROUTES[method].map((route) => ({
        name: `${method} answers with ${name}: ${route.slice(1)}`,
        options: { unset: "destroy" },
        // Late answers are told apart by the turn they come in: that of one store, not of two.
        stores: name.includes("after") ? ["neutral"] : ["spied", "neutral"],
        script: [
          "/modify",
          { act: "broken", does: (world: World) => void (world.faults = { [method]: fault }) },
          { ask: route },
          { ask: route, jar: "fresh" },
          { act: "mended", does: (world: World) => void (world.faults = {}) },
          "/modify",
          "/read",
        ],
      })),
    ),
  ) as Case[];
}

const TWICE: Fault = (_args, answer, pass) => {
  pass();
  void setImmediate(answer);
};

/** A store whose method calls back twice. */
function twiceCases(): Case[] {
  const second: Readonly<Record<string, unknown>> = { "the same": undefined, "an error": "late" };
  return Object.entries(second).flatMap(([name, value]) =>
    (["get", "set", "destroy", "touch"] as const).map((method) => ({
      name: `${method} answers twice, then with ${name}`,
      options: { unset: "destroy" },
      stores: ["neutral"],
      script: [
        "/modify",
        {
          act: "broken",
          does: (world: World) => {
            world.faults = {
              [method]: (
                args: readonly unknown[],
                answer: (error?: unknown) => void,
                pass: never,
              ) => {
                TWICE(args, () => answer(value === undefined ? null : failure("late")), pass);
              },
            };
          },
        },
        { ask: method === "destroy" ? "/null" : "/modify" },
        { ask: "/none" },
        { act: "mended", does: (world: World) => void (world.faults = {}) },
        "/read",
      ],
    })),
  ) as Case[];
}

/** A store that never answers; the client gives up. */
function neverCases(): Case[] {
  const never: Fault = () => undefined;
  return (["get", "set", "destroy", "touch"] as const).map((method) => ({
    name: `${method} never answers`,
    options: { unset: "destroy" },
    script: [
      "/modify",
      { act: "broken", does: (world) => void (world.faults = { [method]: never }) },
      { ask: "/modify" },
      { ask: "/none" },
      { ask: "/null" },
      { act: "mended", does: (world) => void (world.faults = {}) },
      "/modify",
      "/read",
    ],
  }));
}

/** A store that says it has lost its connection. */
function connectionCases(): Case[] {
  const emit = (event: string) => ({
    act: event,
    does: (world: World) => void world.store?.emit(event, new Error("gone")),
  });
  const routes: Routes = {
    look: (req, res) =>
      res.end(`${typeof req.session} ${typeof req.sessionID} ${typeof req.sessionStore}`),
  };
  const down = [emit("disconnect"), "/look", emit("disconnect"), "/look"] as const;
  const up = [emit("connect"), "/look", "/modify", emit("disconnect"), "/look"] as const;
  return [
    { name: "a store that disconnects and connects", routes, script: ["/modify", ...down, ...up] },
    { name: "a store that connects before", routes, script: [emit("connect"), "/modify", "/look"] },
    {
      name: "a store that disconnects while a request is served",
      routes: {
        ...routes,
        away: (req: Incoming, res: Outgoing, world: World) => {
          world.store?.emit("disconnect");
          req.session["n"] = 7;
          res.end("away");
        },
      },
      script: ["/modify", "/away", "/look", emit("connect"), "/read"],
    },
  ];
}

/** What a session's methods say to a handler when the store fails. */
function calledCases(): Case[] {
  const down: Fault = (_args, answer) => void setImmediate(answer, failure("down"));
  return (["save", "reload", "destroy", "regenerate"] as const).map((name) => ({
    name: `all of the store fails within ${name}`,
    routes: {
      late: (req, res, world) => {
        world.faults = { get: down, set: down, destroy: down, touch: down };
        req.session["n"] = 2;
        req.session[name]((error) => {
          world.log(`called back with ${show(error)}`);
          res.end(`${typeof req.session} ${req.sessionID}`);
        });
      },
    },
    script: ["/modify", "/late", "/none", { ask: "/late", jar: "fresh" }],
  }));
}

export const faultCases: readonly Case[] = [
  ...answerCases(),
  ...twiceCases(),
  ...neverCases(),
  ...connectionCases(),
  ...calledCases(),
];
