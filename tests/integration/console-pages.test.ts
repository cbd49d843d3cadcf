import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consoleHeaders, pageRoutes } from "../../packages/sojourn-server/src/console/pages.ts";
import type { ConsoleHouse } from "../../packages/sojourn-server/src/console/house.ts";
import type { App } from "../../packages/sojourn-server/src/api/types.ts";
import { startConsole } from "./console-harness.ts";
import type { ConsoleService } from "./console-harness.ts";
import { folder, SECRET } from "./service-harness.ts";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";

/** A command, in this process. */
async function sojourn(argv: readonly string[], env: Readonly<Record<string, string>>) {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv,
    env,
    out: { write: (text: string) => void (out += text) },
    err: { write: (text: string) => void (err += text) },
  });
  return { code, out, err };
}

const SCRIPT = "console.log(1);";
const INDEX =
  '<!doctype html><script type="module" nonce="__CSP_NONCE__" src="/console/assets/a-1.js"></script>';

let s: ConsoleService;
let away: ConsoleService;
const place = folder();

beforeAll(async () => {
  s = await startConsole();
  away = await startConsole({
    env: { SOJOURN_CONSOLE_ORIGIN: "https://ops.example.com", SOJOURN_PROXIES: "127.0.0.1/32" },
  });
  mkdirSync(join(place.path, "assets"));
  writeFileSync(join(place.path, "index.html"), INDEX);
  writeFileSync(join(place.path, "assets", "a-1.js"), SCRIPT);
  writeFileSync(join(place.path, "assets", "a-1.js.gz"), gzipSync(SCRIPT));
  writeFileSync(join(place.path, "secret.txt"), "not for anybody");
});

afterAll(async () => {
  await Promise.all([s.service.stop(), away.service.stop()]);
  place.remove();
});

/** The built pages, as the service mounts them. */
async function built(): Promise<App> {
  const app = fastify() as unknown as App;
  const house = { settings: { origin: undefined, fourEyes: false } } as ConsoleHouse;
  await app.register(
    async (scope: App) => {
      consoleHeaders(scope, house);
      pageRoutes(scope, house, place.path);
    },
    { prefix: "/console" },
  );
  return app;
}

const at = (host: string) => ({ headers: { host } });

describe("every answer below /console", () => {
  it("[TR-07] carries CSP with nonces, nosniff, Referrer-Policy, no frames, and COOP", async () => {
    for (const path of ["/console/", "/console/sessions/x", "/console/session", "/console/api/x"]) {
      const { headers } = await s.bare("GET", path, at("localhost:1"));
      const policy = String(headers["content-security-policy"]);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
      });
      expect(String(headers["permissions-policy"])).toContain("publickey-credentials-get=(self)");
    }
    const page = await s.bare("GET", "/console/", at("localhost:1"));
    expect(page.headers["content-security-policy"]).toMatch(
      /^default-src 'none'; script-src 'nonce-[\w+/]{22}==' 'strict-dynamic'; style-src 'self';/,
    );
    const policy = String(page.headers["content-security-policy"]);
    for (const rule of ["object-src 'none'", "base-uri 'none'"]) expect(policy).toContain(rule);
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  it("[TR-05] says HSTS for a year where the console is on https, and not on plain loopback", async () => {
    for (const path of ["/console/", "/console/session", "/console/api/v1/sessions"]) {
      const answer = await away.bare("GET", path, at("ops.example.com"));
      const [, seconds] = /^max-age=(\d+); includeSubDomains$/.exec(
        String(answer.headers["strict-transport-security"]),
      ) ?? [path];
      expect(Number(seconds)).toBeGreaterThanOrEqual(31_536_000);
    }
    const plain = await s.bare("GET", "/console/", at("localhost:1"));
    expect(plain.headers["strict-transport-security"]).toBeUndefined();
  });

  it("sets its cookie with the __Host- prefix behind TLS, and not at all before it", async () => {
    const token = await away.invite("ada", "admin");
    const headers = { "sec-fetch-site": "same-origin", "x-forwarded-proto": "https" };
    const body = { token };
    const answer = await away.bare("POST", "/console/session/link", { headers, body });
    const line = String(answer.headers["set-cookie"]);
    expect(line).toMatch(/^__Host-sojourn-console=[^;]+;.*Secure/);
  });
});

describe("the pages", () => {
  it("are one page with a nonce of its own for each answer, for every path that is no file", async () => {
    const app = await built();
    const nonces = new Set<string>();
    for (const url of ["/console/", "/console/sessions/ses_x", "/console/sign-in"]) {
      const { statusCode, body, headers } = await app.inject({ url, ...at("localhost:7380") });
      const [, nonce = ""] = /nonce="([^"]+)"/.exec(body) ?? [];
      expect([url, statusCode, body.includes("__CSP_NONCE__")]).toEqual([url, 200, false]);
      expect(headers["content-security-policy"]).toContain(`'nonce-${nonce}'`);
      nonces.add(nonce);
    }
    expect(nonces.size).toBe(3);
    await app.close();
  });

  it("have files that never change, compressed before, and nothing beside them", async () => {
    const app = await built();
    const headers = { "accept-encoding": "gzip" };
    const asset = await app.inject({ url: "/console/assets/a-1.js", headers });
    expect([asset.statusCode, asset.headers["content-encoding"]]).toEqual([200, "gzip"]);
    expect(asset.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    for (const url of [
      "/console/assets/none.js",
      "/console/assets/../secret.txt",
      "/console/assets/..%2fsecret.txt",
      "/console/assets/%2e%2e/secret.txt",
    ]) {
      const { statusCode, body } = await app.inject({ url });
      // What climbs out is a path of the pages.
      const status = /\/(?:\.\.|%2e%2e)\//.test(url) ? 200 : 404;
      expect([url, statusCode, body.includes("not for anybody")]).toEqual([url, status, false]);
    }
    await app.close();
  });

  it("are at a name: an address leads there, for an address can have no passkey", async () => {
    const answer = await s.bare("GET", "/console/sessions?x=1", at("127.0.0.1:7380"));
    const { location } = answer.headers;
    expect([answer.status, location]).toEqual([307, "http://localhost:7380/console/sessions?x=1"]);
    expect((await s.bare("GET", "/console")).headers["location"]).toBe("/console/");
    const fixed = await away.bare("GET", "/console/", at("127.0.0.1:1"));
    expect(fixed.status).toBe(200);
  });

  it("are no answer to a question of the API", async () => {
    for (const path of ["/console/api/nope", "/console/passkeys/x", "/console/approvals/x"]) {
      const answer = await s.bare("GET", path, at("localhost:1"));
      expect([path, answer.headers["content-type"]]).toEqual([
        path,
        "application/problem+json; charset=utf-8",
      ]);
    }
  });
});

describe("the settings of the console", () => {
  const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: "memory:", SOJOURN_PORT: "0" };

  it("leave it off away from loopback, unless it is told where people open it", async () => {
    const off = await startConsole({ env: { SOJOURN_HOST: "0.0.0.0" } });
    expect((await off.bare("GET", "/console/session")).status).toBe(404);
    expect(off.service.console).toBeUndefined();
    await off.service.stop();
    const none = await startConsole({ env: { SOJOURN_CONSOLE: "false" } });
    expect((await none.bare("GET", "/console/")).status).toBe(404);
    await none.service.stop();
  });

  it("are refused with what is accepted", async () => {
    const bad = [
      { SOJOURN_HOST: "0.0.0.0", SOJOURN_CONSOLE: "true" },
      { SOJOURN_CONSOLE_ORIGIN: "http://ops.example.com" },
      { SOJOURN_CONSOLE_ORIGIN: "https://192.0.2.1" },
      { SOJOURN_CONSOLE_ORIGIN: "https://ops.example.com/console" },
      { SOJOURN_CONSOLE_ORIGIN: "ops.example.com" },
    ];
    for (const more of bad) {
      await expect(startConsole({ env: { ...env, ...more } })).rejects.toThrow(/console\.origin/);
    }
  });
});

describe("sojourn console", () => {
  it("invites, lists and disables, and what it does is in the trail", async () => {
    const control = `sqlite:${place.path}/control.db`;
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
    const run = (...args: string[]) =>
      sojourn([...args, "--json"], { ...env, SOJOURN_CONTROL: control });
    const invited = await run("console", "invite", "--name", "ada", "--role", "admin");
    const { link, role } = JSON.parse(invited.out) as { link: string; role: string };
    expect(link).toMatch(/^http:\/\/localhost:7380\/console\/sign-in#t=sj1i_[\w-]{43}$/);
    expect(role).toBe("admin");
    const service = await startConsole({ env: { ...env, SOJOURN_CONTROL: control } });
    const body = { token: link.split("#t=")[1] };
    const headers = { "sec-fetch-site": "same-origin" };
    const entered = await service.bare("POST", "/console/session/link", { body, headers });
    expect(entered.status).toBe(200);
    const cookie = String(entered.headers["set-cookie"]).split(";")[0] ?? "";
    const disabled = await run("console", "disable", "ada");
    expect(JSON.parse(disabled.out)).toMatchObject({ name: "ada", state: "disabled" });
    const after = await service.bare("GET", "/console/session", { headers: { cookie } });
    expect(after.status).toBe(401);
    await service.service.stop();
    const users = JSON.parse((await run("console", "users")).out) as { name: string }[];
    expect(users.map(({ name }) => name)).toEqual(["ada"]);
    const trail = await run("audit", "list", "--tenant", "sojourn-console");
    for (const name of ["console-user-invited", "console-signed-in", "console-user-disabled"]) {
      expect(trail.out).toContain(name);
    }
  });

  it("refuses what makes no sense, and says what is accepted", async () => {
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/t.db` };
    const runs = [
      [["console", "invite"], 2, "--name is missing"],
      [["console", "invite", "--name", "x", "--role", "king"], 2, "admin, operator, auditor"],
      [["console", "invite", "--name", "new"], 1, "admin, operator, auditor"],
      [["console", "invite", "--name", "A B", "--role", "admin"], 1, "small letters"],
      [["console", "disable", "nobody"], 1, "sojourn console users"],
    ] as const;
    for (const [args, code, text] of runs) {
      const ran = await sojourn(args, env);
      expect([args, ran.code, ran.err.includes(text)]).toEqual([args, code, true]);
    }
  });
});
