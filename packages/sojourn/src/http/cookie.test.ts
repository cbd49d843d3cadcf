import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cookieRules } from "./cookie-rules.ts";
import { COOKIE_HEADER_MAX_CHARS, clearCookie, readCookie, serializeCookie } from "./cookie.ts";

const NAME = "__Host-session";
const rules = cookieRules({ production: true, loopback: false });
const ABSENT = { kind: "absent" };
const CONFLICT = { kind: "conflict" };

function value(text: string) {
  return { kind: "value", value: text };
}

describe("readCookie", () => {
  it("finds the cookie wherever it stands", () => {
    for (const header of [
      `${NAME}=tok`,
      `a=1; ${NAME}=tok`,
      `${NAME}=tok; b=2`,
      `a=1;${NAME}=tok;b=2`,
      `a=1;\t ${NAME}=tok \t; b=2`,
      ` ${NAME}=tok`,
    ]) {
      expect(readCookie(header, NAME), header).toEqual(value("tok"));
    }
  });

  it("reads no header, an empty one and one without the name as absent", () => {
    for (const header of [undefined, null, "", ";", "a=1; b=2", NAME, `${NAME};a=1`]) {
      expect(readCookie(header, NAME)).toEqual(ABSENT);
    }
  });

  it("[CK-09] matches the exact case-sensitive name only", () => {
    for (const other of [
      `__host-session=evil`,
      `__HOST-SESSION=evil`,
      `x${NAME}=evil`,
      `${NAME}x=evil`,
      `${NAME} =evil`,
      `${NAME}\u0000=evil`,
      `a=${NAME}=evil`,
      `a b ${NAME}=evil`,
      `a,${NAME}=evil`,
    ]) {
      expect(readCookie(other, NAME), other).toEqual(ABSENT);
      expect(readCookie(`${other}; ${NAME}=good`, NAME), other).toEqual(value("good"));
      expect(readCookie(`${NAME}=good; ${other}`, NAME), other).toEqual(value("good"));
    }
  });

  it("[CK-09] ignores a nameless cookie that carries the name in its value", () => {
    expect(readCookie(`=${NAME}=evil`, NAME)).toEqual(ABSENT);
    expect(readCookie(`=${NAME}=evil; ${NAME}=good`, NAME)).toEqual(value("good"));
  });

  it("[CK-09] takes a duplicated name all or nothing", () => {
    expect(readCookie(`${NAME}=tok; ${NAME}=tok`, NAME)).toEqual(value("tok"));
    expect(readCookie(`${NAME}=good; ${NAME}=evil`, NAME)).toEqual(CONFLICT);
    expect(readCookie(`${NAME}=evil; a=1; ${NAME}=good`, NAME)).toEqual(CONFLICT);
    expect(readCookie(`${NAME}=; ${NAME}=good`, NAME)).toEqual(CONFLICT);
    expect(readCookie(`${NAME}="good"; ${NAME}=good`, NAME)).toEqual(CONFLICT);
  });

  it("keeps quotes as part of the value and splits at every semicolon", () => {
    expect(readCookie(`${NAME}="tok"`, NAME)).toEqual(value('"tok"'));
    expect(readCookie(`a="x; ${NAME}=y"`, NAME)).toEqual(value('y"'));
  });

  it("searches a header up to its limit and none beyond", () => {
    const pair = `; ${NAME}=tok`;
    const fits = "a".repeat(COOKIE_HEADER_MAX_CHARS - pair.length) + pair;
    expect(readCookie(fits, NAME)).toEqual(value("tok"));
    expect(readCookie(`a${fits}`, NAME)).toEqual(ABSENT);
  });

  it("is total: agrees with a plain reading of every header and never throws", () => {
    const piece = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom(NAME, "=", ";", "; ", " ", "\t", "a", '"', "\0", "\r\n"),
      },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 5 }) },
    );
    const header = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(header, (text) => {
        const values = new Set<string>();
        for (const pair of text.split(";")) {
          const match = /^[ \t]*__Host-session=[ \t]*([^]*?)[ \t]*$/.exec(pair);
          if (match !== null) values.add(match[1] ?? "");
        }
        const [only] = values;
        const expected = values.size > 1 ? CONFLICT : only === undefined ? ABSENT : value(only);
        expect(readCookie(text, NAME)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads a hostile megabyte in bounded time", () => {
    for (const unit of [NAME, `${NAME} `, `;${NAME}`, "; ", " ", `${NAME}=a;`, "\0", "é"]) {
      for (const size of [COOKIE_HEADER_MAX_CHARS, 1 << 20]) {
        const header = unit.repeat(Math.floor(size / unit.length));
        const start = performance.now();
        readCookie(header, NAME);
        expect(performance.now() - start, JSON.stringify(unit)).toBeLessThan(500);
      }
    }
  });
});

describe("serializeCookie", () => {
  it("[CK-01] [CK-02] [CK-03] [CK-04] writes Secure, HttpOnly, SameSite, Path=/ and no Domain", () => {
    expect(serializeCookie(rules, "tok")).toBe(
      "__Host-session=tok; Path=/; Secure; HttpOnly; SameSite=Lax",
    );
  });

  it("[CK-07] rounds the age up to whole seconds, so that the cookie ends at or soon after", () => {
    const age = (maxAgeMs: number) =>
      /Max-Age=(\d+)/.exec(serializeCookie(rules, "tok", { maxAgeMs }))?.[1];
    expect(age(60_000)).toBe("60");
    expect(age(60_001)).toBe("61");
    expect(age(34_560_000_000)).toBe("34560000");
    expect(age(34_560_000_001)).toBe("34560000");
  });

  it("never deletes: an age that has run out becomes one second", () => {
    for (const maxAgeMs of [0, -1, -60_000]) {
      expect(serializeCookie(rules, "tok", { maxAgeMs })).toContain("; Max-Age=1;");
    }
  });

  it("refuses an age that is no number", () => {
    for (const maxAgeMs of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => serializeCookie(rules, "tok", { maxAgeMs })).toThrow("cookie.maxAgeMs");
    }
  });

  it("[CK-05] writes 4096 bytes of name and value and refuses one more", () => {
    const room = 4096 - NAME.length;
    expect(serializeCookie(rules, "x".repeat(room))).toContain("xxx; Path=/");
    expect(() => serializeCookie(rules, "x".repeat(room + 1))).toThrow("the name leaves");
    expect(() => serializeCookie(rules, "x".repeat(5120))).toThrow("cookie.value");
  });

  it("refuses whatever could leave the value", () => {
    for (const bad of [
      "",
      "a\r\nb",
      "a;b",
      "a,b",
      'a"b',
      "a\\b",
      "a b",
      "a\0",
      "é",
      "\u010d",
      "\x7f",
    ]) {
      expect(() => serializeCookie(rules, bad), JSON.stringify(bad)).toThrow("cookie.value");
    }
  });

  it("never says the value in an error", () => {
    expect(() => serializeCookie(rules, "secret-token;")).toThrow(/^(?!.*secret-token)/);
  });

  it("writes what readCookie reads back", () => {
    const octets = fc.string({
      unit: fc.constantFrom(...Array.from("abcXYZ019!#$%&'()*+-./:<=>?@[]^_`{|}~")),
      minLength: 1,
    });
    fc.assert(
      fc.property(octets, (text) => {
        const [pair] = serializeCookie(rules, text).split(";");
        expect(readCookie(`a=1; ${pair}; b=2`, NAME)).toEqual(value(text));
      }),
    );
  });
});

describe("clearCookie", () => {
  it("[CK-13] repeats every attribute with Max-Age=0 and an empty value", () => {
    for (const options of [
      {},
      { partitioned: true },
      { prefix: "__Secure-", domain: "example.com", sameSite: "Strict" },
      { secure: false },
    ] as const) {
      const made = cookieRules({ ...options, production: true, loopback: false });
      const set = serializeCookie(made, "v").replace("=v;", "=; Max-Age=0;");
      expect(clearCookie(made)).toBe(set);
    }
  });
});
