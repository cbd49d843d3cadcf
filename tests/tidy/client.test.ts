/** Rules about `sojourn-client`, which every page of an application loads. */
import { stripTypeScriptTypes } from "node:module";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { read, readJson, shipped, withoutComments } from "./repository.ts";

const COMPRESSED_BYTES_MAX = 4_096;
/** `sojourn-client/backend` is for servers; no page loads it. */
const all = shipped.filter((file) => file.startsWith("packages/sojourn-client/src/"));
const sources = all.filter((file) => !file.includes("/src/backend/"));

it(`has at most ${COMPRESSED_BYTES_MAX} bytes, compressed, before anybody minifies it`, () => {
  expect(sources.length).toBeGreaterThan(0);
  const text = sources.map((file) => stripTypeScriptTypes(read(file))).join("\n");
  expect(gzipSync(text).length).toBeLessThanOrEqual(COMPRESSED_BYTES_MAX);
});

it("keeps what is for servers out of pages", () => {
  expect(all.length).toBeGreaterThan(sources.length);
  expect(sources.filter((file) => /from "[^"]*backend/.test(read(file)))).toEqual([]);
});

it("needs nothing but a browser", () => {
  const manifest = readJson<object>("packages/sojourn-client/package.json");
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    expect(manifest).not.toHaveProperty(kind);
  }
  const imports = all.flatMap((file) => withoutComments(read(file)).match(/from "[^"]+"/g) ?? []);
  expect(imports.filter((one) => !/^from "\.\/[a-z-]+\.ts"$/.test(one))).toEqual([]);
});
