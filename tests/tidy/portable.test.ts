/**
 * What runs on Bun, Deno and edge runtimes is shown by following imports: with the web platform in
 * place of Node's, nothing that these subpaths reach may name a module of Node.
 */
import { posix } from "node:path";
import { expect, it } from "vitest";
import { read, withoutComments } from "./repository.ts";

const SOURCES = "packages/sojourn/src";
const PLATFORM = `${SOURCES}/platform/web.ts`;

/** @returns every specifier a module of ours loads at run time; types are erased. */
function specifiers(file: string): string[] {
  const text = withoutComments(read(file)).replace(/^\s*(?:import|export) type\b[^;]*;/gm, "");
  const loads = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\n]+)["']/g);
  return [...loads].map(([, specifier = ""]) => specifier);
}

/** @returns `module → specifier` for each import that leaves the library, following the rest. */
function outside(entry: string): string[] {
  const seen = new Set([entry]);
  const found: string[] = [];
  for (const file of seen) {
    for (const specifier of specifiers(file)) {
      if (specifier === "#platform") seen.add(PLATFORM);
      else if (specifier.startsWith(".")) seen.add(posix.join(posix.dirname(file), specifier));
      else found.push(`${file} → ${specifier}`);
    }
  }
  return found;
}

it.each([
  "index.ts",
  "adapters/fetch.ts",
  "adapters/dbsc.ts",
  "adapters/sse.ts",
  "adapters/hono.ts",
  "stores/memory.ts",
  "tokens/index.ts",
  "sessions/sealed/index.ts",
  "testing/index.ts",
])("reaches no module outside the library from %s", (entry) => {
  // jose runs wherever Web Crypto does, and is loaded only when a token is verified.
  const jose = `${SOURCES}/tokens/jwt/jose.ts → jose`;
  expect(outside(posix.join(SOURCES, entry)).filter((one) => one !== jose)).toEqual([]);
});

it("sees the modules of Node where they are used", () => {
  expect(outside(`${SOURCES}/platform/node.ts`).join()).toContain("node:");
});
