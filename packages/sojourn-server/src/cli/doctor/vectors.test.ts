import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cookieArrives, headersOf, VECTORS } from "./vectors.ts";
import type { Vector } from "./vectors.ts";

const FIXTURE = "../../../../sojourn/src/http/fixtures/csrf-vectors.tsv";
const PAGES = { "evil.test": "other", "sib.example.test": "sibling", "app.example.test": "own" };

/** Every recorded row in the words of the table; rows that differ only by action are one. */
function recorded(): Map<string, Set<string>> {
  const rows = new Map<string, Set<string>>();
  const lines = readFileSync(new URL(FIXTURE, import.meta.url), "utf8")
    .trim()
    .split("\n");
  for (const line of lines.filter((text) => !text.startsWith("#"))) {
    const [from = "", , method, origin = "", site, mode, dest, cookies = "", type] =
      line.split("\t");
    const [host = "", action = ""] = from.split("|");
    const page = origin === `https://${host}:42185` ? "page" : origin;
    const arrives = [...cookies.matchAll(/__Host-(\w+)=/g)].map(([, name]) => name);
    const initiator = PAGES[host as keyof typeof PAGES];
    const key = JSON.stringify([initiator, method, page, site, mode, dest, arrives, type]);
    rows.set(key, (rows.get(key) ?? new Set()).add(action));
  }
  return rows;
}

function keyOf({ from, method, origin, site, mode, dest, arrives, type }: Vector): string {
  return JSON.stringify([from, method, origin, site, mode, dest, arrives, type]);
}

describe("the table of vectors", () => {
  it("has each distinct recorded request once, with the actions that send it", () => {
    const rows = recorded();
    expect(VECTORS.map(keyOf).toSorted()).toEqual([...rows.keys()].toSorted());
    for (const vector of VECTORS) {
      expect(new Set(vector.action.split("+"))).toEqual(rows.get(keyOf(vector)));
    }
  });
});

describe("the headers of a vector", () => {
  const originsFor = (address: string) =>
    VECTORS.filter(({ action, origin }) => action === "beacon" && origin === "page").map(
      (vector) => headersOf(vector, new URL(address))["origin"],
    );

  it("name a foreign site, a sibling and the application itself", () => {
    expect(originsFor("https://app.example:8443/x")).toEqual([
      "https://evil.test",
      "https://sojourn-doctor.app.example:8443",
      "https://app.example:8443",
    ]);
  });

  it("take another port for the sibling of a host without a domain", () => {
    for (const host of ["http://127.0.0.1", "http://localhost", "http://[::1]"]) {
      expect(originsFor(`${host}:3000`)[1]).toBe(`${host}:1`);
    }
  });
});

describe("a cookie", () => {
  const sitesOf = (sameSite: string) =>
    new Set(
      VECTORS.filter((vector) => vector.method === "POST" && cookieArrives(vector, sameSite)).map(
        ({ from, site }) => `${from} ${site}`,
      ),
    );

  it("comes with other sites' requests by its SameSite alone", () => {
    expect(sitesOf("lax")).toEqual(new Set(["sibling same-site", "own same-origin"]));
    expect(sitesOf("strict")).toEqual(sitesOf("lax"));
    expect(sitesOf("default")).toContain("other cross-site");
    expect(sitesOf("none")).toContain("sibling cross-site");
  });
});
