/** Arbitrary values of JSON Schemas: what they allow, and what comes near or is meant badly. */
import fc from "fast-check";
import type { OpenApi, Schema } from "./document.ts";
import type { Pool } from "./pool.ts";

/** Words that stand for something here, by the name of the field. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  subject: ["alice", "bob", "käthe / ✓", "carol"],
  amr: ["pwd", "otp", "hwk", "face"],
  acr: ["aal1", "aal2"],
  kind: ["browser", "native"],
  clientId: ["app"],
  client_id: ["app"],
  grant_type: ["refresh_token"],
  audience: ["https://api.example"],
  resource: ["https://api.example"],
  scope: ["cart:read"],
  method: ["GET", "POST"],
  url: ["https://api.example/notes"],
  cause: ["lost_laptop"],
  policy: ["banking"],
};

/** Fields that name what is to be made: they take something new each time. */
const FRESH: ReadonlySet<string> = new Set(["/v1/tenants|id", "/v1/locks|value", "/v1/keys|name"]);
/** Locks of the explorer's own tenant, or of every address, would leave it nothing to learn. */
const KINDS_OF_LOCKS: readonly unknown[] = ["subject", "device", "client"];
const FRESH_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789";
/** Those that it made: were its own tenants suspended or erased, it would learn nothing more. */
const MADE_TENANT = /^[a-z0-9]{12}$/;

/** What breaks parsers, encoders, look-ups and people. */
const HOSTILE_TEXTS: readonly string[] = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\r\nSet-Cookie: x=1",
  "\u001b[31m",
  "__proto__",
  "constructor",
  "toString",
  "../../etc/passwd",
  "%00%zz%",
  "'; DROP TABLE sessions; --",
  "${jndi:ldap://x}",
  "<script>alert(1)</script>",
  "\ud800",
  "\u202e\u200b\ufeff",
  "😀".repeat(300),
  "x".repeat(5_000),
  "9".repeat(400),
  "ses_AAAAAAAAAAAAAAAAAAAAAAAA",
  "ses_",
  "sj1s_x",
  "sj1k_AAAA",
  "NaN",
  "-0",
  "2026-02-30T00:00:00Z",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:60Z",
];

const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e21,
  1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 31,
  [],
  {},
  [[[[]]]],
  [null],
  { length: 1e9 },
  { toString: "x", valueOf: 1, toJSON: "x" },
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 20 }),
);

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...HOSTILE_VALUES),
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer({ min: 70, max: 200 }).map(nested),
);

/** An array in an array in an array. */
export function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at += 1) value = [value];
  return value;
}

/** Of what is known under a name; half of the draws take the newest. */
const RECENT = 12;

/** Where a value goes. */
export interface Place {
  readonly document: OpenApi;
  readonly pool: Pool;
  /** The pattern of the operation. */
  readonly path: string;
}

function resolve(schema: Schema, { document }: Place): Schema {
  const { $ref: ref } = schema;
  if (typeof ref !== "string") return schema;
  return document.components.schemas[ref.slice(ref.lastIndexOf("/") + 1)] ?? {};
}

/** @param name Of the field that holds it: what is known under that name is taken most often. */
export function valueOf(given: Schema, name: string, place: Place): fc.Arbitrary<unknown> {
  const schema = resolve(given, place);
  const { enum: values, const: constant } = schema;
  const choices = (schema["anyOf"] ?? schema["oneOf"]) as readonly Schema[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => valueOf(one, name, place)));
  if (Array.isArray(values)) {
    const spared = place.path === "/v1/locks" && name === "kind" ? KINDS_OF_LOCKS : values;
    return fc.constantFrom(...(spared as unknown[]));
  }
  if ("const" in schema) return fc.constant(constant);
  const types = [schema["type"]].flat();
  return fc.oneof(...types.map((type) => ofType(type, { schema, name, place })));
}

interface Asked {
  readonly schema: Schema;
  readonly name: string;
  readonly place: Place;
}

function ofType(type: unknown, asked: Asked): fc.Arbitrary<unknown> {
  const { schema } = asked;
  switch (type) {
    case "string":
      return textOf(asked);
    case "integer":
    case "number": {
      // A long poll would wait.
      if (asked.name === "wait") return fc.constant(0);
      const min = Math.max(Number(schema["minimum"] ?? -1_000), Number.MIN_SAFE_INTEGER);
      const max = Math.min(Number(schema["maximum"] ?? min + 1_000), Number.MAX_SAFE_INTEGER);
      return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
    }
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return arrayOf(asked);
    case "object":
      return objectOf(asked);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function textOf({ schema, name, place }: Asked): fc.Arbitrary<string> {
  const min = Number(schema["minLength"] ?? 0);
  const max = Number(schema["maxLength"] ?? Infinity);
  const fits = (text: string): boolean => text.length >= min && text.length <= max;
  const spared = (text: string): boolean => name !== "tenant" || MADE_TENANT.test(text);
  if (FRESH.has(`${place.path}|${name}`)) {
    return fc.string({
      unit: fc.constantFrom(...FRESH_CHARS.split("")),
      minLength: 12,
      maxLength: 12,
    });
  }
  if (schema["format"] === "date-time") {
    return fc.date({ min: new Date(0), max: new Date("2100"), noInvalidDate: true }).map(rfc3339);
  }
  const words = (WORDS[name] ?? []).filter(fits);
  const heard = fc.nat(RECENT).map((at) => {
    const known = place.pool.texts(name, place.path);
    const none = known.length === 0 && words.length === 0;
    const texts = (none ? place.pool.any() : known).filter((one) => fits(one) && spared(one));
    // The newest most often: it has not ended yet.
    return texts[texts.length - 1 - Math.min(Math.max(at - RECENT / 2, 0), texts.length - 1)];
  });
  const plain = fc.string({ minLength: min, maxLength: Math.min(max, min + 12) });
  const drawn = words.length === 0 ? plain : fc.constantFrom(...words);
  const any = fc.oneof(
    { weight: words.length === 0 ? 2 : 10, arbitrary: drawn },
    { weight: 1, arbitrary: plain },
    { weight: 1, arbitrary: fc.constant("é".repeat(Math.min(max, 600))).filter(fits) },
  );
  const share = fc.nat(9);
  // Where words are known here, what was heard under the name comes less often.
  const often = words.length === 0 ? 6 : 2;
  return fc.tuple(heard, drawn, any, share).map(([text, word, other, drawnShare]) => {
    if (place.pool.newestOnly) return words.length === 0 ? (text ?? word) : word;
    return drawnShare < often ? (text ?? other) : other;
  });
}

function rfc3339(date: Date): string {
  return date.toISOString();
}

function arrayOf({ schema, name, place }: Asked): fc.Arbitrary<unknown[]> {
  const minLength = Number(schema["minItems"] ?? 0);
  const maxLength = Math.min(Number(schema["maxItems"] ?? 4), minLength + 4);
  const item = valueOf((schema["items"] ?? {}) as Schema, name, place);
  return fc.array(item, { minLength, maxLength });
}

function objectOf({ schema, place }: Asked): fc.Arbitrary<object> {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
  const required = new Set((schema["required"] ?? []) as readonly string[]);
  const fields = properties.map(([name, inner]) => {
    const value = valueOf(inner, name, place);
    const held = required.has(name) ? value : fc.option(value, { nil: undefined, freq: 2 });
    return held.map((one): [string, unknown] => [name, one]);
  });
  const more = (schema["additionalProperties"] ?? false) as Schema | false;
  const free =
    more === false || typeof more === "boolean"
      ? fc.constant({})
      : fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), valueOf(more, "", place), {
          maxKeys: 3,
        });
  return fc.tuple(fc.tuple(...fields), free).map(([known, others]) => {
    const told = known.filter(([, value]) => value !== undefined);
    return { ...others, ...Object.fromEntries(told) };
  });
}
