import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isEntryName, SERVICE_ENTRIES } from "./names.ts";

const source = join(import.meta.dirname, "..");
const documentation = join(source, "..", "..", "..", "docs", "operations", "audit.md");

function noted(): readonly string[] {
  const files = readdirSync(source, { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) => {
      const text = readFileSync(join(source, name), "utf8");
      return [...text.matchAll(/\b(?:note|entry)\(\s*(?:house, request, )?"([a-z-]+)"/g)];
    })
    .map(([, name = ""]) => name);
}

it("every name that the service writes is one that webhooks can be asked for, and documented", () => {
  const names = noted();
  expect(names.length).toBeGreaterThan(8);
  expect(names.filter((name) => !isEntryName(name))).toEqual([]);
  const text = readFileSync(documentation, "utf8");
  expect(SERVICE_ENTRIES.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
