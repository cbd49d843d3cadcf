/** What the options say about the cookie, and what becomes of its Set-Cookie. */
import { doing } from "../support/acts.ts";
import { BEGAN_AT } from "../support/world.ts";
import type { Case, Incoming, Options } from "../support/types.ts";

const at = (offsetMs: number): Date => new Date(BEGAN_AT + offsetMs);

/** Options of the cookie, on plain HTTP and over TLS. */
const ATTRIBUTES: Readonly<Record<string, unknown>> = {
  "path /": { path: "/" },
  "an empty path": { path: "" },
  "path null": { path: null },
  "a path that no cookie may have": { path: "/;" },
  domain: { domain: "example.test" },
  "a domain with a leading dot": { domain: ".example.test" },
  "a domain that no cookie may have": { domain: "example.test;" },
  "httpOnly false": { httpOnly: false },
  "httpOnly undefined": { httpOnly: undefined },
  "sameSite true": { sameSite: true },
  "sameSite false": { sameSite: false },
  "sameSite lax": { sameSite: "lax" },
  "sameSite strict": { sameSite: "strict" },
  "sameSite none": { sameSite: "none" },
  "sameSite in capitals": { sameSite: "LAX" },
  "sameSite auto": { sameSite: "auto" },
  "sameSite that is none": { sameSite: "sometimes" },
  "sameSite as a number": { sameSite: 1 },
  "secure true": { secure: true },
  "secure false": { secure: false },
  "secure auto": { secure: "auto" },
  "secure and sameSite auto": { secure: "auto", sameSite: "auto" },
  "secure as a word": { secure: "yes" },
  partitioned: { partitioned: true },
  "partitioned as a word": { partitioned: "no" },
  "priority low": { priority: "low" },
  "priority Medium": { priority: "Medium" },
  "priority high": { priority: "high" },
  "priority that is none": { priority: "urgent" },
  "priority as a number": { priority: 3 },
  encode: { encode: (value: string) => value },
  overwrite: { overwrite: true },
  signed: { signed: false },
  "an attribute of the application's": { comment: "mine" },
  everything: { path: "/", domain: "a.test", sameSite: "none", partitioned: true, maxAge: 1_000 },
  "an attribute called data": { data: { path: "/other" } },
  "an attribute called serialize": { serialize: "mine" },
  "inherited attributes": Object.create({ domain: "inherited.test", maxAge: 5_000 }),
  "a frozen object": Object.freeze({ maxAge: 5_000, domain: "frozen.test" }),
  "maxAge 0": { maxAge: 0 },
  "maxAge below 0": { maxAge: -1 },
  "maxAge null": { maxAge: null },
  "maxAge undefined": { maxAge: undefined },
  "maxAge false": { maxAge: false },
  "maxAge with a fraction": { maxAge: 1_500.75 },
  "maxAge of a second and one more millisecond": { maxAge: 1_001 },
  "maxAge as text": { maxAge: "60000" },
  "maxAge as an empty text": { maxAge: "" },
  "maxAge as a date": { maxAge: at(45_000) },
  "maxAge not a number": { maxAge: Number.NaN },
  "maxAge without end": { maxAge: Number.POSITIVE_INFINITY },
  "maxAge of a year": { maxAge: 365 * 86_400_000 },
  "expires in a minute": { expires: at(60_000) },
  "expires in the past": { expires: at(-60_000) },
  "expires null": { expires: null },
  "expires undefined": { expires: undefined },
  "expires false": { expires: false },
  "expires as text": { expires: "Wed, 02 Jan 2030 00:00:00 GMT" },
  "expires that is no date": { expires: new Date(Number.NaN) },
  "expires as a number": { expires: BEGAN_AT + 60_000 },
  "expires, then maxAge": { expires: at(60_000), maxAge: 10_000 },
  "maxAge, then expires": { maxAge: 10_000, expires: at(60_000) },
  "originalMaxAge of its own": { originalMaxAge: 30_000 },
  "originalMaxAge beside maxAge": { maxAge: 10_000, originalMaxAge: 30_000 },
  "maxAge after originalMaxAge": { originalMaxAge: 30_000, maxAge: 10_000 },
  "_expires given directly": { _expires: at(20_000) },
  "null as the cookie's options": null,
  "a number as the cookie's options": 7,
  "text as the cookie's options": "text",
  "true as the cookie's options": true,
  "a list as the cookie's options": [],
};

function encrypted(req: Incoming): void {
  Object.defineProperty(req.socket, "encrypted", { value: true });
}

const WALK: Case["script"] = [
  "/modify",
  { advance: 2_500 },
  "/read",
  "/modify",
  { advance: 20_000 },
  "/modify-save",
  "/regenerate-modify",
  "/read",
];

function attributeCases(): Case[] {
  return Object.entries(ATTRIBUTES).flatMap(([name, cookie]) => [
    { name, options: { cookie }, script: WALK },
    { name: `${name}, rolling`, options: { cookie, rolling: true }, script: WALK },
    { name: `${name}, over TLS`, options: { cookie }, before: encrypted, script: WALK },
  ]);
}

/** What handlers set on `req.session.cookie`. */
const CHANGES: Readonly<Record<string, (cookie: Record<string, unknown>) => void>> = {
  "maxAge longer": (cookie) => void (cookie["maxAge"] = 120_000),
  "maxAge 0": (cookie) => void (cookie["maxAge"] = 0),
  "maxAge below 0": (cookie) => void (cookie["maxAge"] = -5_000),
  "maxAge null": (cookie) => void (cookie["maxAge"] = null),
  "maxAge as text": (cookie) => void (cookie["maxAge"] = "9000"),
  "maxAge as a date": (cookie) => void (cookie["maxAge"] = at(99_000)),
  "expires later": (cookie) => void (cookie["expires"] = at(300_000)),
  "expires in the past": (cookie) => void (cookie["expires"] = at(-1)),
  "expires null": (cookie) => void (cookie["expires"] = null),
  "expires false": (cookie) => void (cookie["expires"] = false),
  "expires as text": (cookie) => void (cookie["expires"] = "2030-02-01T00:00:00.000Z"),
  "originalMaxAge alone": (cookie) => void (cookie["originalMaxAge"] = 77_000),
  "originalMaxAge null": (cookie) => void (cookie["originalMaxAge"] = null),
  path: (cookie) => void (cookie["path"] = "/elsewhere"),
  domain: (cookie) => void (cookie["domain"] = "elsewhere.test"),
  secure: (cookie) => void (cookie["secure"] = true),
  httpOnly: (cookie) => void (cookie["httpOnly"] = false),
  sameSite: (cookie) => void (cookie["sameSite"] = "none"),
  "sameSite that is none": (cookie) => void (cookie["sameSite"] = "sometimes"),
  partitioned: (cookie) => void (cookie["partitioned"] = true),
  "an attribute of the application's": (cookie) => void (cookie["comment"] = "mine"),
};

function changeCases(): Case[] {
  return Object.entries(CHANGES).flatMap(([name, change]) =>
    [{}, { maxAge: 60_000 }].flatMap((cookie) => {
      const routes = {
        change: doing((session) => change(session.cookie)),
        "change-modify": doing((session) => {
          change(session.cookie);
          session["m"] = 1;
        }),
      };
      const script = ["/change-modify", "/read", "/modify", { advance: 3_000 }] as const;
      const after = ["/change", "/read", "/change-modify", { advance: 1_000 }, "/read"] as const;
      const since = "maxAge" in cookie ? "maxAge 60 s" : "a session cookie";
      return [false, true].map((rolling) => ({
        name: `${name} set on ${since}${rolling ? ", rolling" : ""}`,
        options: { cookie, rolling },
        routes,
        script: [...script, ...after],
      }));
    }),
  );
}

/** A handler that replaces the cookie's object. */
function replacedCases(): Case[] {
  const values: Readonly<Record<string, () => unknown>> = {
    "an empty object": () => ({}),
    "a plain object": () => ({ path: "/", maxAge: 5_000, originalMaxAge: 5_000 }),
    null: () => null,
    undefined: () => undefined,
  };
  const replaced = Object.entries(values).map(([name, value]): Case => {
    const set = doing((session) => Object.assign(session, { cookie: value(), n: 2 }));
    return { name: `${name} in place of the cookie`, routes: { set }, script: ["/set", "/read"] };
  });
  const fresh = doing((session, _req, world) => {
    session.cookie = new world.impl.Cookie({ maxAge: 8_000, path: "/" });
    session["n"] = 2;
  });
  const name = "another Cookie in place of the cookie";
  return [...replaced, { name, routes: { fresh }, script: ["/fresh", "/read", "/fresh", "/read"] }];
}

/** A function that gives the cookie's options. */
function functionCases(): Case[] {
  const results: Readonly<Record<string, (req: Incoming) => unknown>> = {
    "maxAge by request": (req) => ({ maxAge: req.url === "/modify" ? 60_000 : 5_000 }),
    "a path by request": (req) => ({ path: req.url === "/none" ? "/other" : "/" }),
    "secure auto": () => ({ secure: "auto" }),
    "sameSite auto": () => ({ sameSite: "auto" }),
    "secure true": () => ({ secure: true }),
    undefined: () => undefined,
    null: () => null,
    "an error": () => {
      throw new Error("no options today");
    },
  };
  return Object.entries(results).map(([name, result]) => ({
    name: `a function that gives ${name}`,
    options: (_impl, world): Options => ({
      cookie: (req: Incoming) => {
        world.log(`cookie(${req.url})`);
        return result(req);
      },
    }),
    script: ["/modify", { advance: 1_000 }, "/none", "/read", "/regenerate-modify", "/read"],
  }));
}

export const cookieAttributes: readonly Case[] = [
  ...attributeCases(),
  ...changeCases(),
  ...replacedCases(),
  ...functionCases(),
];
