/** Judges the headers a real browser sent, one test per recorded request. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { csrfRules, judgeCsrf } from "./csrf.ts";

interface Vector {
  readonly initiator: string;
  readonly action: string;
  readonly method: string;
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  readonly cookies: boolean;
}

const OWN = "https://app.example.test:42185";
const SAFE = new Set(["GET", "OPTIONS"]);
const file = new URL("./fixtures/csrf-vectors.tsv", import.meta.url);

function header(text: string | undefined): string | undefined {
  return text === "-" ? undefined : text;
}

const vectors: Vector[] = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [from = "", , method = "", origin, secFetchSite, , , cookies] = line.split("\t");
    const [initiator = "", action = ""] = from.split("|");
    return {
      initiator,
      action,
      method,
      origin: header(origin),
      secFetchSite: header(secFetchSite),
      cookies: header(cookies) !== undefined,
    };
  });

/** From who started the request alone: a sandboxed frame is nobody's page, its host's included. */
function expectedOf(vector: Vector): boolean {
  if (SAFE.has(vector.method)) return true;
  return vector.initiator === "app.example.test" && vector.action !== "sandbox-form";
}

function rowOf(vector: Vector): string {
  if (SAFE.has(vector.method)) return "CS-03";
  if (vector.initiator === "sib.example.test") return "CS-04";
  if (vector.action === "form-iframe-noref" && expectedOf(vector)) return "CS-06";
  const simple = ["fetch-nocors", "beacon"].includes(vector.action);
  return simple && !expectedOf(vector) ? "CS-02" : "CS-01";
}

const rules = csrfRules({ origins: [OWN] });

function judged(vector: Vector, secFetchSite: string | undefined): boolean {
  return judgeCsrf(rules, {
    method: vector.method,
    path: "/account",
    origin: vector.origin,
    secFetchSite,
    host: "app.example.test:42185",
    encrypted: true,
    hasSessionCookie: vector.cookies,
  }).allowed;
}

describe("requests recorded from Chromium 156", () => {
  it("has every kind of initiator", () => {
    expect(vectors).toHaveLength(45);
    expect(new Set(vectors.map((vector) => vector.initiator)).size).toBe(3);
  });

  for (const [index, vector] of vectors.entries()) {
    const verb = expectedOf(vector) ? "passes" : "denies";
    const what = `${vector.method} by ${vector.action} from ${vector.initiator}`;
    it(`[${rowOf(vector)}] ${verb} ${what} (line ${index + 2})`, () => {
      expect(judged(vector, vector.secFetchSite)).toBe(expectedOf(vector));
    });
  }

  it("[CS-05] gives the same answers from Origin alone, except that `null` is always denied", () => {
    for (const vector of vectors) {
      const expected = expectedOf(vector) && (vector.origin !== "null" || SAFE.has(vector.method));
      expect(judged(vector, undefined), JSON.stringify(vector)).toBe(expected);
    }
  });
});
