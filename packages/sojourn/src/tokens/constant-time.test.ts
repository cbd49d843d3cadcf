import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { equalText } from "../engine/equal.ts";

const sources = ["./", "../platform/"].flatMap((folder) => {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => ({ name, text: readFileSync(new URL(name, url), "utf8") }));
});

describe("secrets in the sources of tokens/ and platform/", () => {
  it("[ID-17] are compared by equalText and by nothing else", () => {
    const comparing = sources.filter(({ text }) => text.includes("equalText("));
    const names = comparing.map(({ name }) => name);
    expect(new Set(names)).toEqual(
      new Set(["csrf-value.ts", "outside-token.ts", "service-key.ts", "token-proof.ts"]),
    );
    const named = String.raw`\w*(?:mac|hash|verifier|secret|presented)\w*(?:\([^()]*\))?`;
    const harmless = String.raw`(?!\s*(?:undefined|null)\b)`;
    const plain = new RegExp(`${named}\\s*[!=]==${harmless}|[!=]==\\s*${named}`, "i");
    for (const { name, text } of sources) {
      for (const line of text.replaceAll(/typeof \w+ ===|\.length [!=]== \w+/g, "").split("\n")) {
        expect(plain.test(line), `${name}: ${line}`).toBe(false);
      }
      expect(text, name).not.toMatch(/localeCompare|Buffer\.compare|Object\.is\(|\.equals\(/);
    }
  });

  it("[ID-01] come from Web Crypto's generator, never from Math.random or a UUID", () => {
    for (const { name, text } of sources) {
      expect(text, name).not.toMatch(/Math\.random|randomUUID|uuid/i);
    }
  });
});

describe("equalText", () => {
  it("[ID-17] takes as long for a difference in front as for one at the end", () => {
    const secret = "k".repeat(4_096);
    const first = `x${secret.slice(1)}`;
    const last = `${secret.slice(1)}x`;
    // Interleaved batches and the fastest of each: what else the machine does only makes slower.
    // A comparison that stops early differs by a factor of thousands at this length.
    const fastest = { first: Infinity, last: Infinity };
    for (let batch = 0; batch < 60; batch += 1) {
      fastest.first = Math.min(
        fastest.first,
        timeOf(() => equalText(secret, first)),
      );
      fastest.last = Math.min(
        fastest.last,
        timeOf(() => equalText(secret, last)),
      );
    }
    const ratio = fastest.first / fastest.last;
    expect(ratio).toBeGreaterThan(1 / 3);
    expect(ratio).toBeLessThan(3);
  });
});

function timeOf(compare: () => boolean): number {
  const start = performance.now();
  for (let run = 0; run < 50; run += 1) {
    if (compare()) throw new Error("equal");
  }
  return performance.now() - start;
}
