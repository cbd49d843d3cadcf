/** Options one by one: validation, ids, secrets. */
import { createSecretKey } from "node:crypto";
import { signed } from "../support/text.ts";
import type { Case, Incoming, Options, Step, World } from "../support/types.ts";

const BASIC: Case["script"] = [
  "/read",
  "/modify",
  "/read",
  "/modify",
  "/regenerate-modify",
  "/read",
];

/** What is refused when the middleware is built, or taken for something else. */
const GIVEN: Readonly<Record<string, Options>> = {
  "genid as text": { genid: "x" },
  "genid as an object": { genid: {} },
  "genid null": { genid: null },
  "genid false": { genid: false },
  "unset maybe": { unset: "maybe" },
  "unset true": { unset: true },
  "unset null": { unset: null },
  "unset in capitals": { unset: "DESTROY" },
  "an empty unset": { unset: "" },
  "no secret in a list": { secret: [] },
  "an empty secret": { secret: "" },
  "an empty secret in a list": { secret: [""] },
  "an undefined secret": { secret: undefined },
  "an undefined secret in a list": { secret: [undefined] },
  "a number as the secret": { secret: 42 },
  "an object as the secret": { secret: {} },
  "bytes as the secret": { secret: Buffer.from("a secret") },
  "a key as the secret": { secret: createSecretKey(Buffer.from("a secret")) },
  "a list of secrets": { secret: ["a secret", "an older one"] },
  "a store that is none": { store: {} },
  "a store that is text": { store: "memory" },
  "an undefined resave": { resave: undefined },
  "resave null": { resave: null },
  "resave as a word": { resave: "false" },
  "an undefined saveUninitialized": { saveUninitialized: undefined },
  "saveUninitialized null": { saveUninitialized: null },
  "saveUninitialized as a number": { saveUninitialized: 1 },
  "rolling as a word": { rolling: "no" },
  "rolling null": { rolling: null },
  "proxy as a word": { proxy: "yes", cookie: { secure: "auto" } },
  "options of another library": { ttl: 1, httpOnly: false, maxAge: 1 },
};

function givenCases(): Case[] {
  return Object.entries(GIVEN).map(([name, options]) => ({ name, options, script: BASIC }));
}

/** Ids as applications make them. */
function idCases(): Case[] {
  const results: Readonly<Record<string, (req: Incoming, world: World) => unknown>> = {
    "one and the same": () => "constant",
    "the path": (req) => `at${req.url}`,
    undefined: () => undefined,
    null: () => null,
    "a number": () => 17,
    zero: () => 0,
    "an object": () => ({ id: 1 }),
    "a promise": () => Promise.resolve("later"),
    "an empty text": () => "",
    "text that needs encoding": () => "a b;c,d=é%€",
    "a lone surrogate": () => "\ud800",
    "text with dots": () => "a.b",
    "text of 4 kB": () => "x".repeat(4_000),
    "a name of objects": () => "__proto__",
    "an error": () => {
      throw new Error("no ids today");
    },
    "the session of before": (req) => `${typeof req.session}-${typeof req.sessionID}-id`,
  };
  return Object.entries(results).flatMap(([name, result]) =>
    [false, true].map((saveUninitialized) => ({
      name: `genid gives ${name}${saveUninitialized ? ", saved uninitialized" : ""}`,
      options: (_impl, world): Options => ({
        saveUninitialized,
        genid: (req: Incoming) => {
          world.log(`genid(${req.url})`);
          return result(req, world);
        },
      }),
      script: BASIC,
    })),
  );
}

const OLD = signed("id-7", "old");
const KEPT: Step = {
  act: "a row of an existing user",
  does: ({ store }) =>
    store?.set("id-7", { cookie: { originalMaxAge: null, path: "/" }, n: 41 }, () => undefined),
};

function secretCases(): Case[] {
  const lists: Readonly<Record<string, readonly string[]>> = {
    "the new secret before the old": ["new", "old"],
    "the old secret before the new": ["old", "new"],
    "the new secret alone": ["new"],
    "three secrets": ["new", "newer", "old"],
  };
  const cookie = `connect.sid=${OLD}`;
  const script: readonly Step[] = [KEPT, { ask: "/read", cookie }, { ask: "/modify", cookie }];
  const rotated = Object.entries(lists).flatMap(([name, secret]) =>
    [false, true].map((rolling) => ({
      name: `${name}${rolling ? ", rolling" : ""}`,
      options: { secret, rolling },
      script: [...script, "/read", { ask: "/regenerate-modify", cookie }, "/read"],
    })),
  );
  const before = (req: Incoming): void => void (req.secret = "from the parser");
  const parser: Case[] = [
    {
      name: "a secret from a cookie parser",
      options: { secret: undefined },
      before,
      script: BASIC,
    },
    { name: "a secret beside a cookie parser's", before, script: BASIC },
    {
      name: "a secret list that changes later",
      options: (_impl, world) => {
        const secret = ["old"];
        world.memory.set("secret", secret);
        return { secret };
      },
      script: [
        ...script,
        {
          act: "a new secret",
          does: ({ memory }) => void (memory.get("secret") as string[]).unshift("new"),
        },
        { ask: "/modify", cookie },
        "/regenerate-modify",
        "/read",
      ],
    },
  ];
  return [...rotated, ...parser];
}

/** The library's own ids and store. */
function defaultCases(): Case[] {
  const options = { genid: undefined };
  return (["default", "spied", "neutral"] as const).map((kind) => ({
    name: `ids of the library's own (${kind} store)`,
    options,
    stores: [kind],
    script: [...BASIC, { ask: "/modify", jar: "b" }, { ask: "/destroy", jar: "b" }, "/read"],
  }));
}

export const optionCases: readonly Case[] = [
  ...givenCases(),
  ...idCases(),
  ...secretCases(),
  ...defaultCases(),
];
