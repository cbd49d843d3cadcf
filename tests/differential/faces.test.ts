/** The static faces of both, and what `require` gives in a CommonJS program. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { probes } from "./cases/faces.ts";
import { judged } from "./intended.ts";
import { implementations } from "./support/implementations.ts";
import { errorText, show } from "./support/text.ts";
import type { Implementation } from "./support/types.ts";
import { BEGAN_AT } from "./support/world.ts";

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: BEGAN_AT });
  process.on("deprecation" as "warning", () => undefined);
});
afterAll(() => {
  vi.useRealTimers();
});

async function probed(impl: Implementation, name: string): Promise<string> {
  try {
    return show(await probes[name]?.(impl));
  } catch (error) {
    return errorText(error);
  }
}

describe("without a request", () => {
  const { upstream, subject } = implementations;

  it.each(Object.keys(probes))("%s is as upstream's", async (name) => {
    const [expected, found] = [await probed(upstream, name), await probed(subject, name)];
    const differing = expected === found ? [] : [`upstream: ${expected}`, `ours: ${found}`];
    expect(judged(name, differing)).toBe("");
  });
});

const run = promisify(execFile);

/** A folder for programs: notices name the file and the line they come from. */
const folder = mkdtempSync(join(tmpdir(), "sojourn-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let programs = 0;

/** What a CommonJS program prints, with each of the two in turn. */
async function printed(lines: readonly string[], env = {}): Promise<string[]> {
  const file = join(folder, `${++programs}.cjs`);
  const first = "const session = require(require.resolve(process.argv[2], { paths: ['.'] }));";
  writeFileSync(file, [first, ...lines].join("\n"));
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  return Promise.all(
    ["express-session", "sojourn/express-session"].map(async (one) => {
      const { stdout, stderr } = await run(execPath, [file, one], { cwd, env: { ...env } });
      // A notice begins with the time.
      return `${stdout}${stderr.replaceAll(/^.* GMT (?=express-session)/gm, "")}`;
    }),
  );
}

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "the exports": [
    "const { Store, MemoryStore, Cookie, Session } = session;",
    "console.log(typeof session, typeof Store, typeof MemoryStore, typeof Cookie, typeof Session);",
    "console.log(new MemoryStore() instanceof Store, session.name, session.length);",
  ],
  "a store by util.inherits": [
    "const { inherits } = require('node:util');",
    "function Own() { session.Store.call(this); }",
    "inherits(Own, session.Store);",
    "const own = new Own();",
    "console.log(own instanceof session.Store, own instanceof require('node:events'));",
  ],
  "a request": [
    "const { createServer, get } = require('node:http');",
    "const middleware = session({ secret: 'x', resave: false, saveUninitialized: false, genid: () => 'a' });",
    "const server = createServer((req, res) => middleware(req, res, () => {",
    "  req.session.n = 1;",
    "  res.end(JSON.stringify(req.session));",
    "}));",
    "server.listen(0, '127.0.0.1', () => get({ port: server.address().port, agent: false }, (res) => {",
    "  console.log(res.statusCode, res.headers['set-cookie']);",
    "  res.on('data', (data) => console.log(String(data))).on('end', () => server.close());",
    "}));",
  ],
  "an error of the options": [
    "try { session({ genid: 1 }); } catch (error) { console.log(error.name, error.message); }",
    "try { session({ secret: [] }); } catch (error) { console.log(error.name, error.message); }",
    "try { session({ unset: 1 }); } catch (error) { console.log(error.name, error.message); }",
  ],
};

describe("required by a CommonJS program", () => {
  it.each(Object.entries(PROGRAMS))("%s is as upstream's", async (_name, lines) => {
    const [expected, found] = await printed(lines);
    expect(found).toBe(expected);
  });

  it.each([
    "session({});",
    "session({ secret: 'x' });",
    "new session.Cookie({ maxAge: new Date() });",
  ])("%s gives upstream's notice", async (line) => {
    const [expected, found] = await printed([line]);
    expect(expected).toContain("express-session deprecated");
    expect(found).toBe(expected);
  });

  it("its MemoryStore warns in production, in words of its own", async () => {
    const line = "session({ secret: 'x', resave: false, saveUninitialized: false });";
    const [expected, found] = await printed([line], { NODE_ENV: "production" });
    expect(expected).toMatch(/^Warning: connect.session\(\) MemoryStore is not$/m);
    expect(found).toMatch(/^Warning: .*MemoryStore/);
    expect(found).toMatch(/production/);
  });
});
