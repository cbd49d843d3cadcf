/** Arbitrary calls of an operation: as the document has them, and then spoilt in a few places. */
import fc from "fast-check";
import { bodyOf, guardOf, parametersOf } from "./document.ts";
import type { Parameter, Route, Schema } from "./document.ts";
import { hostileText, hostileValue, nested, valueOf } from "./values.ts";
import type { Place } from "./values.ts";

type Query = readonly (readonly [name: string, value: string])[];

/** A request as it is sent. */
export interface Call {
  readonly route: Route;
  /** Escaped; without the query. */
  readonly address: string;
  readonly query: Query;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly type: string | undefined;
  readonly body: unknown;
  /** Sent in place of `body`. */
  readonly raw?: string | Uint8Array;
  /** Who says to send it. */
  readonly as: Credential;
  /** What was spoilt; nothing: it is as the document wants it. */
  readonly spoilt: readonly string[];
}

/** `right`: what the operation wants. */
export type Credential = "right" | "none" | "garbage" | "foreign" | "poor" | "other-kind" | "twice";

const OWN: readonly string[] = ["if-match", "idempotency-key"];

/** As the document has it. */
export function validCall(route: Route, place: Place): fc.Arbitrary<Call> {
  const named = (which: Parameter["in"]): fc.Arbitrary<[string, string | undefined][]> =>
    fc.tuple(
      ...parametersOf(route, which).map((one) => {
        const value = valueOf(one.schema, one.name, place);
        const held = one.required === true ? value : fc.option(value, { nil: undefined });
        return held.map((given): [string, string | undefined] => [
          one.name,
          given === undefined ? undefined : plainText(given),
        ]);
      }),
    );
  const wanted = bodyOf(route);
  const body = wanted === undefined ? fc.constant(undefined) : bodyValue(wanted.schema, place);
  return fc
    .record({ path: named("path"), query: named("query"), body, match: fc.nat(9), once: fc.nat(9) })
    .map(({ path, query, body: content, match, once }) => {
      const address = addressOf(route.path, Object.fromEntries(path) as Record<string, string>);
      return {
        route,
        address,
        query: query.filter((pair): pair is [string, string] => pair[1] !== undefined),
        headers: ownHeaders(route, place, { address, match, once }),
        type: content === undefined ? undefined : wanted?.type,
        body: once > 0 ? confirmed(content, path) : content,
        as: "right",
        spoilt: [],
      };
    });
}

function plainText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What is confirmed by typing it again is what the path names. */
function confirmed(body: unknown, path: readonly [string, string | undefined][]): unknown {
  const [[, name] = []] = path;
  if (typeof body !== "object" || body === null || name === undefined) return body;
  return "confirm" in body ? { ...body, confirm: name } : body;
}

function bodyValue(schema: Schema, place: Place): fc.Arbitrary<unknown> {
  return valueOf(schema, "", place);
}

function addressOf(path: string, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encoded(values[name] ?? "x") || "x");
}

function encoded(text: string): string {
  return encodeURIComponent(wellFormed(text));
}

/** Half of a character cannot be written. */
export function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, "\ufffd");
}

interface Drawn {
  readonly address: string;
  readonly match: number;
  readonly once: number;
}

/** `If-Match` and `Idempotency-Key`, where the document has them. */
function ownHeaders(
  route: Route,
  { pool }: Place,
  { address, match, once }: Drawn,
): Record<string, string> {
  const names = new Set(parametersOf(route, "header").map(({ name }) => name.toLowerCase()));
  const headers: Record<string, string> = {};
  const [resource = address] = /^\/v1\/[\w-]+\/[^/]+/.exec(address) ?? [];
  const etag = pool.etagOf(address) ?? pool.etagOf(resource);
  if (names.has("if-match") && match > 2 && etag !== undefined) headers["if-match"] = etag;
  if (names.has("idempotency-key") && once > 4) headers["idempotency-key"] = `key-${once}`;
  return headers;
}

type Spoil = (call: Call) => fc.Arbitrary<Call>;

/** @returns the call, spoilt in up to three places. */
export function hostileCall(route: Route, place: Place): fc.Arbitrary<Call> {
  const ways = waysOf(route);
  const picks = fc.array(fc.constantFrom(...ways), { minLength: 1, maxLength: 3 });
  return fc
    .tuple(validCall(route, place), picks)
    .chain(([call, spoils]) =>
      spoils.reduce<fc.Arbitrary<Call>>((before, spoil) => before.chain(spoil), fc.constant(call)),
    );
}

function waysOf(route: Route): Spoil[] {
  const ways: Spoil[] = [spoilHeaders, spoilHeaders, spoilCredential, spoilQuery];
  if (bodyOf(route) !== undefined) ways.push(spoilBody, spoilBody, spoilRaw, spoilType);
  else ways.push(spoilType);
  if (route.path.includes("{")) ways.push(spoilPath, spoilPath);
  if (parametersOf(route, "query").length > 0) ways.push(spoilQuery);
  return ways;
}

function told(call: Call, how: string, changes: Partial<Call>): Call {
  return { ...call, ...changes, spoilt: [...call.spoilt, how] };
}

const ODD_PATHS =
  "%|%zz|%00|%2e%2e|..%2f..|%c0%af|%ff|%E2%28%A1|;a=b|a%20b|*|%2F|__proto__|%23|@|a//b|%25";
const pathPart = fc.oneof(
  fc.constantFrom(...ODD_PATHS.split("|"), "x".repeat(9_000), "%41".repeat(3_000)),
  hostileText.map(encoded),
);

const spoilPath: Spoil = (call) =>
  pathPart.map((part) => {
    const address = call.route.path.replaceAll(/\{\w+\}/g, () => part);
    return told(call, "path", { address });
  });

const QUERY_VALUES = "0|-1|1000000000|1e9|NaN|Infinity|1.5| 1|0x10|null|true|[object Object]|,|;";

const spoilQuery: Spoil = (call) => {
  const known = parametersOf(call.route, "query").map(({ name }) => name);
  const name = fc.oneof(
    fc.constantFrom(
      ...known.filter((one) => one !== "wait"),
      "limit",
      "cursor",
      "__proto__",
      "x",
      "limit[]",
      "constructor",
    ),
    fc.string({ maxLength: 6 }),
  );
  const value = fc.oneof(fc.constantFrom(...QUERY_VALUES.split("|")), hostileText);
  const pair = fc.tuple(name, value).map(([one, other]): [string, string] => [one, other]);
  return fc.array(pair, { minLength: 1, maxLength: 3 }).map((more) => {
    return told(call, "query", { query: [...call.query, ...more] });
  });
};

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "if-match": ["*", '"x"', 'W/"1.1"', '""', "1.1", '"1.1", "1.2"', ",,,", '"', "x".repeat(3_000)],
  "idempotency-key": ["a", "x".repeat(255), "x".repeat(256), "a b", "é", '"q"', "__proto__"],
  "last-event-id": ["0", "-1", "x", "x".repeat(999)],
  "x-csrf-token": ["", "x", "null"],
  "x-request-id": ["ok-1", "sj1s_abc", "x".repeat(65), "a b", "{}"],
  accept: ["text/html", "application/jwt", "", "*/*;q=0", "application/xml"],
  "accept-encoding": ["gzip", "identity;q=0"],
  "content-encoding": ["gzip", "br", "x"],
  "x-http-method-override": ["DELETE"],
  "x-forwarded-for": ["127.0.0.1", "'", "x".repeat(2_000)],
  "x-forwarded-method": ["DELETE", "GET"],
  forwarded: ['for="[::1]";proto=https', "for="],
  origin: ["null", "https://evil.example", "http://"],
  "sec-fetch-site": ["cross-site", "none", "x"],
  cookie: ["session=", "session=x; session=y", "=;;=", "__proto__=1", "a=" + "b".repeat(3_000)],
  range: ["bytes=0-1"],
  "if-none-match": ["*", '"1.1"'],
  dpop: ["x", "a.b.c"],
  "secure-session-response": ["x", '"a.b.c"'],
  "sec-secure-session-id": ['"x"', "x"],
  prefer: ["respond-async"],
  upgrade: ["websocket"],
};

const spoilHeaders: Spoil = (call) => {
  const names = [...Object.keys(HEADERS), ...OWN];
  const header = fc.constantFrom(...names).chain((name) => {
    const values = fc.oneof(
      fc.constantFrom(...(HEADERS[name] ?? ["x"])),
      fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,30}$/),
    );
    // Sent as often as there are values.
    const some = fc.oneof(
      { weight: 3, arbitrary: values },
      { weight: 1, arbitrary: fc.array(values, { minLength: 2, maxLength: 3 }) },
    );
    return some.map((value) => [name, value] as const);
  });
  return fc.array(header, { minLength: 1, maxLength: 3 }).map((all) => {
    return told(call, "headers", { headers: { ...call.headers, ...Object.fromEntries(all) } });
  });
};

const spoilCredential: Spoil = (call) =>
  fc
    .constantFrom<Credential>("none", "garbage", "foreign", "poor", "other-kind", "twice")
    .map((as) => (guardOf(call.route) === "nobody" ? call : told(call, "credential", { as })));

const TYPES =
  "text/plain|application/x-www-form-urlencoded|multipart/form-data; boundary=x|application/jsonx|" +
  "application/json; charset=utf-16|APPLICATION/JSON|application/merge-patch+json|text/json|;|json|" +
  "application/json, text/plain|application/xml|*/*";

const spoilType: Spoil = (call) =>
  fc
    .constantFrom(...TYPES.split("|"), undefined)
    .map((type) => told(call, "type", { type, body: call.body ?? {} }));

const RAW: readonly (string | Uint8Array)[] = [
  "",
  " ",
  "{",
  "[",
  '{"subject":',
  '{"subject":"a",}',
  "{'a':1}",
  "nul",
  "NaN",
  "1e999",
  '{"subject":"a","subject":"b"}',
  '{"__proto__":{"a":1}}',
  '{"subject":"a","__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"a":1}}}',
  '\ufeff{"subject":"a"}',
  '{"subject":"\\ud800"}',
  '{"subject":"a","subjectEpoch":1e999}',
  '{"a":"\u0000"}',
  "[".repeat(100_000),
  JSON.stringify(nested(63)),
  JSON.stringify({ data: nested(62), subject: "deep" }),
  JSON.stringify({ subject: "big", data: { a: "x".repeat(2_000_000) } }),
  JSON.stringify({ tokens: Array.from({ length: 501 }, () => "x") }),
  Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
  "a=1&b=2",
  "a=%zz&a=1&&&=",
];

const spoilRaw: Spoil = (call) =>
  fc.oneof(fc.constantFrom(...RAW), hostileText, fc.uint8Array({ maxLength: 30 })).map((raw) =>
    told(call, "raw", {
      raw: typeof raw === "string" ? raw : Buffer.from(raw),
      type: call.type ?? "application/json",
    }),
  );

/** Another value at some place of the body, a member more, or one that is gone. */
const spoilBody: Spoil = (call) => {
  const places = placesIn(call.body);
  const change = fc.record({
    at: fc.constantFrom(...places),
    value: hostileValue,
    how: fc.constantFrom("replace", "replace", "remove", "add"),
    name: fc.oneof(
      fc.constantFrom("x", "id", "__proto__", "constructor", "", "tenant", "\u0000"),
      hostileText,
    ),
  });
  return change.map(({ at, value, how, name }) => {
    const path = how === "add" ? [...at, name] : at;
    const body = how === "remove" ? without(call.body, path) : set(call.body, path, value);
    return told(call, "body", { body, type: call.type ?? "application/json" });
  });
};

type Path = readonly string[];

function placesIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null || at.length > 4) return [at];
  const inner = Object.entries(value).flatMap(([name, one]) => placesIn(one, [...at, name]));
  return [at, ...inner];
}

/** A copy with another value there. Members are own ones, whatever their name. */
function set(body: unknown, [name, ...rest]: Path, value: unknown): unknown {
  if (name === undefined) return value;
  const before = typeof body === "object" && body !== null ? body : {};
  const inner = Object.hasOwn(before, name) ? (before as Record<string, unknown>)[name] : undefined;
  const changed = set(inner, rest, value);
  if (Array.isArray(before)) {
    return before.map((one: unknown, at) => (String(at) === name ? changed : one));
  }
  return Object.fromEntries([
    ...Object.entries(before).filter(([key]) => key !== name),
    [name, changed],
  ]);
}

function without(body: unknown, path: Path): unknown {
  const [name, ...rest] = path;
  if (name === undefined || typeof body !== "object" || body === null) return undefined;
  const entries = Object.entries(body);
  if (rest.length === 0) return Object.fromEntries(entries.filter(([key]) => key !== name));
  return Object.fromEntries(
    entries.map(([key, one]) => [key, key === name ? without(one, rest) : one]),
  );
}
