/** Cookies as clients, proxies and attackers send them. */
import { BEGAN_AT } from "../support/world.ts";
import { signed } from "../support/text.ts";
import type { Case, Incoming, Options, Step, World } from "../support/types.ts";

const GOOD = signed("id-1", "a secret");
const OTHER = signed("id-2", "a secret");
const FORGED = signed("id-1", "another secret");
const MAC = decodeURIComponent(GOOD).slice("s:id-1.".length);
const fill = (length: number): string => "x".repeat(length);

const SENT: Readonly<Record<string, string>> = {
  "the good one": `connect.sid=${GOOD}`,
  "not encoded": `connect.sid=s:id-1.${MAC}`,
  "encoded twice": `connect.sid=${encodeURIComponent(GOOD)}`,
  "with small hex digits": `connect.sid=${GOOD.replaceAll(/%[0-9A-F]{2}/g, (c) => c.toLowerCase())}`,
  "with letters encoded": `connect.sid=%73%3Aid-1.${encodeURIComponent(MAC)}`,
  unsigned: "connect.sid=id-1",
  "signed by another secret": `connect.sid=${FORGED}`,
  "with a padded signature": `connect.sid=${GOOD}%3D`,
  "with a cut signature": `connect.sid=${GOOD.slice(0, -1)}`,
  "with an empty signature": "connect.sid=s%3Aid-1.",
  "without a signature": "connect.sid=s%3Aid-1",
  "a mark alone": "connect.sid=s%3A",
  "a dot alone": "connect.sid=s%3A.",
  "a signed empty id": `connect.sid=${signed("", "a secret")}`,
  "a signed unknown id": `connect.sid=${signed("unknown", "a secret")}`,
  "a signed id with dots": `connect.sid=${signed("a.b.c", "a secret")}`,
  "a signed id beyond ASCII": `connect.sid=${signed("ümlaut €", "a secret")}`,
  "a signed __proto__": `connect.sid=${signed("__proto__", "a secret")}`,
  "a signed id of 5 kB": `connect.sid=${signed(fill(5_000), "a secret")}`,
  "a big mark": `connect.sid=S%3Aid-1.${encodeURIComponent(MAC)}`,
  "a JSON cookie": "connect.sid=j%3A%7B%7D",
  empty: "connect.sid=",
  "an empty header": " ",
  "a name alone": "connect.sid",
  "another case": `Connect.Sid=${GOOD}`,
  "another case, then the good one": `CONNECT.SID=${OTHER}; connect.sid=${GOOD}`,
  nameless: `=${GOOD}`,
  "nameless, then the good one": `=x; connect.sid=${GOOD}`,
  "a name with the good one inside": `x=connect.sid=${GOOD}`,
  "in quotes": `connect.sid="${GOOD}"`,
  "with half a quote": `connect.sid="${GOOD}`,
  "with blanks around": `  connect.sid  =   ${GOOD}   ; a=b`,
  "with tabs around": `\tconnect.sid\t=\t${GOOD}\t`,
  "without blanks between": `a=b;connect.sid=${GOOD};c=d`,
  "with commas between": `a=b, connect.sid=${GOOD}, c=d`,
  "semicolons only": ";;;; ; ;",
  "the good one twice": `connect.sid=${GOOD}; connect.sid=${GOOD}`,
  "good, then forged": `connect.sid=${GOOD}; connect.sid=${FORGED}`,
  "forged, then good": `connect.sid=${FORGED}; connect.sid=${GOOD}`,
  "empty, then good": `connect.sid=; connect.sid=${GOOD}`,
  "good, then another session's": `connect.sid=${GOOD}; connect.sid=${OTHER}`,
  "another session's, then good": `connect.sid=${OTHER}; connect.sid=${GOOD}`,
  "a broken escape": "connect.sid=s%3Aid-1.%E0%A4%A",
  "a percent sign": "connect.sid=%",
  "an escape that ends early": `connect.sid=${GOOD}%2`,
  "a broken escape elsewhere": `a=%zz; connect.sid=${GOOD}`,
  "bytes beyond ASCII": `a=\u00e4\u00f6; connect.sid=${GOOD}`,
  "bytes beyond ASCII within": `connect.sid=s%3Aid-1\u00e4.${encodeURIComponent(MAC)}`,
  "4096 bytes and one": `connect.sid=s%3A${fill(4_097)}`,
  "10 kB of other cookies first": `a=${fill(10_000)}; connect.sid=${GOOD}`,
  "300 other cookies": `${Array.from({ length: 300 }, (_, at) => `c${at}=1`).join("; ")}; connect.sid=${GOOD}`,
  "$Version and $Path": `$Version=1; connect.sid=${GOOD}; $Path=/`,
  "a name like a method of objects": `constructor=1; toString=2; __proto__=3; connect.sid=${GOOD}`,
};

const SEED: readonly Step[] = ["/modify", { ask: "/modify", jar: "b" }];

function sentCases(): Case[] {
  const common: readonly Step[] = [...SEED, { advance: 1_000 }];
  return Object.entries(SENT).map(([name, cookie]) => ({
    name: `a cookie: ${name}`,
    script: [...common, { ask: "/read", cookie }, { ask: "/modify", cookie }, "/read"],
  }));
}

function twoHeaders(): Case {
  const headers = { Cookie: "a=b", cookie: `connect.sid=${GOOD}` };
  return { name: "two Cookie headers", script: [...SEED, { ask: "/read", jar: "none", headers }] };
}

/** Names of the cookie. */
function nameCases(): Case[] {
  const names: Readonly<Record<string, Options>> = {
    "a name": { name: "sid" },
    "a key": { key: "sid" },
    "a name and a key": { name: "one", key: "two" },
    "an empty name": { name: "" },
    "a name with a dash and a prefix": { name: "__Host-a-b" },
    "a name that no cookie may have": { name: "a b" },
    "a name beyond ASCII": { name: "sät" },
    "a name of a method of objects": { name: "toString" },
    "a name as a number": { name: 7 },
  };
  return Object.entries(names).map(([name, options]) => ({
    name,
    options,
    script: ["/modify", "/modify", { ask: "/read", cookie: `connect.sid=${GOOD}` }],
  }));
}

/** A parser of cookies in front, as older applications have one. */
function parserCases(): Case[] {
  const clear = decodeURIComponent(GOOD);
  const parsed: Readonly<Record<string, Partial<Incoming>>> = {
    "a signed cookie parsed before": { signedCookies: { "connect.sid": "id-1" } },
    "a signed cookie that was not genuine": { signedCookies: { "connect.sid": false } },
    "a cookie parsed before": { cookies: { "connect.sid": clear } },
    "a forged cookie parsed before": { cookies: { "connect.sid": decodeURIComponent(FORGED) } },
    "an unsigned cookie parsed before": { cookies: { "connect.sid": "id-1" } },
    "both parsed before": {
      signedCookies: { "connect.sid": "id-2" },
      cookies: { "connect.sid": clear },
    },
    "cookies without the session's": { signedCookies: {}, cookies: { a: "b" } },
    "cookies parsed into an object without prototype": {
      cookies: Object.assign(Object.create(null) as object, { "connect.sid": clear }),
    },
  };
  const before = (fields: Partial<Incoming>) => (req: Incoming) => {
    if (req.url?.endsWith("parsed") === true) Object.assign(req, fields);
  };
  return Object.entries(parsed).flatMap(([name, fields]) =>
    [undefined, `connect.sid=${OTHER}`, `connect.sid=${FORGED}`].map((cookie) => ({
      name: `${name}, ${cookie === undefined ? "no header" : cookie.slice(0, 22)}`,
      before: before(fields),
      script: [...SEED, { ask: "/read?parsed", jar: "none", ...(cookie && { cookie }) }],
    })),
  );
}

/** Sessions in the store before the first request. */
function stored(sid: string, row: unknown): Step {
  const does = ({ store }: World): void => store?.set(sid, row, () => undefined);
  return { act: `a row of ${sid}`, does };
}

function rowCases(): Case[] {
  const iso = (offsetMs: number): string => new Date(BEGAN_AT + offsetMs).toISOString();
  const rows: Readonly<Record<string, unknown>> = {
    "a row of upstream's": { cookie: { originalMaxAge: null, path: "/" }, n: 4 },
    "a row that expires": { cookie: { originalMaxAge: 9_000, expires: iso(9_000) }, n: 4 },
    "a row that has expired": { cookie: { originalMaxAge: 9_000, expires: iso(-1) }, n: 4 },
    "a row that expires now": { cookie: { originalMaxAge: 9_000, expires: iso(0) }, n: 4 },
    "a row whose expires is no date": { cookie: { originalMaxAge: 9_000, expires: "soon" }, n: 4 },
    "a row whose expires is a number": { cookie: { expires: BEGAN_AT + 9_000 }, n: 4 },
    "a row without a cookie": { n: 4 },
    "a row with an empty cookie": { cookie: {}, n: 4 },
    "a row with a cookie that is null": { cookie: null, n: 4 },
    "a row with names of methods": { cookie: { path: "/" }, save: 1, id: "mine", req: 2, touch: 3 },
    "a row with __proto__": JSON.parse('{"cookie":{"path":"/"},"__proto__":{"n":1}}'),
    "a row with a secure cookie": { cookie: { path: "/", secure: true }, n: 1 },
    "a row with attributes of a newer cookie": { cookie: { path: "/", priority: "high", x: 1 } },
    "a row that is text": "text",
    "a row that is a number": 5,
    "a row that is an empty object": {},
  };
  return Object.entries(rows).map(([name, row]) => ({
    name,
    script: [
      stored("id-9", row),
      ...["/read", "/modify"].map((ask) => {
        return { ask, cookie: `connect.sid=${signed("id-9", "a secret")}` };
      }),
      "/read",
    ],
  }));
}

export const cookieInput: readonly Case[] = [
  ...sentCases(),
  twoHeaders(),
  ...nameCases(),
  ...parserCases(),
  ...rowCases(),
];
