/** The guide for NestJS as it stands: Node does not run decorators, so it is compiled first. */
import { execFile } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { read, root } from "../tidy/repository.ts";
import { folder, SECRET } from "./service-harness.ts";

const run = promisify(execFile);
const place = folder();
afterAll(() => place.remove());

const LANGUAGE =
  "--strict --experimentalDecorators --emitDecoratorMetadata --target es2023 --module nodenext --types node --skipLibCheck";

/** After the last line of the page, where the application listens. */
const VISIT = `
import assert from "node:assert/strict";
const url = (await app.getUrl()).replace("[::1]", "127.0.0.1");
let cookie = "";
const ask = async (path: string, method: string, body: object = {}) => {
  const headers = { cookie, "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const more = method === "POST" ? { body: JSON.stringify(body) } : {};
  const answer = await fetch(url + path, { method, headers, ...more });
  for (const line of answer.headers.getSetCookie()) cookie = line.split(";")[0] ?? "";
  return answer;
};
assert.equal((await ask("/cart", "POST", { id: "pen" })).status, 401);
await ask("/login", "POST");
await Promise.all([ask("/cart", "POST", { id: "pen" }), ask("/cart", "POST", { id: "cup" })]);
const me = await (await ask("/me", "GET")).json();
assert.deepEqual([me.user, me.cart.toSorted()], ["alice", ["cup", "pen"]]);
const refused = await ask("/password", "POST");
assert.equal(refused.status, 403);
assert.match(refused.headers.get("www-authenticate") ?? "", /insufficient_user_authentication/);
await ask("/logout", "POST");
assert.equal((await (await ask("/me", "GET")).json()).user, null);
await app.close();
await sessions.close();
console.log("visited");
`;

it("compiles and runs", async () => {
  const [, program = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(read("docs/guide/nestjs.md")) ?? [];
  writeFileSync(join(place.path, "guide.mts"), program + VISIT);
  symlinkSync(join(root, "node_modules"), join(place.path, "node_modules"));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const options = { cwd: place.path, env: { PORT: "0", SOJOURN_SECRET: SECRET } };
  const compiled = run(process.execPath, [compiler, ...LANGUAGE.split(" "), "guide.mts"], options);
  await compiled.catch((error: { stdout?: string }) => expect(error.stdout).toBe(""));
  const { stdout } = await run(process.execPath, ["guide.mjs"], options);
  expect(stdout.trim().split("\n").at(-1)).toBe("visited");
});
