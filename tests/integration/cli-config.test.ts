import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { ConfigError } from "../../packages/sojourn/src/index.ts";
import { folder, SECRET, sojourn } from "./service-harness.ts";

const place = folder();
afterAll(() => place.remove());

type Env = Readonly<Record<string, string | undefined>>;

function file(name: string, content: unknown): string {
  const path = join(place.path, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function problemsOf(env: Env, flags: Readonly<Record<string, string>> = {}): string[] {
  try {
    readConfig({ flags, env });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

describe("settings", () => {
  it("come from flags, then the environment, then the file", () => {
    const config = file("rank.json", { port: 1111, host: "0.0.0.0", logLevel: "warn" });
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_CONFIG: config, SOJOURN_PORT: "2222" };
    const fromEnv = readConfig({ flags: {}, env });
    expect([fromEnv.port, fromEnv.host, fromEnv.logLevel]).toEqual([2222, "0.0.0.0", "warn"]);
    expect(readConfig({ flags: { port: "3333" }, env }).port).toBe(3333);
  });

  it("have safe defaults: loopback, metrics apart, a bounded body", () => {
    const config = readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET } });
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 7380,
      store: { kind: "sqlite", path: "sojourn.db" },
      metrics: { host: "127.0.0.1", port: 8380 },
      bodyLimitBytes: 262_144,
    });
  });

  it("put the control store beside sessions in SQL, and into a file beside Redis", () => {
    const controlOf = (store: string) =>
      readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: store } }).control;
    expect(controlOf("memory:")).toEqual({ kind: "memory" });
    expect(controlOf("sqlite:/x/s.db")).toEqual({ kind: "sqlite", path: "/x/control.db" });
    const file = { kind: "sqlite", path: "sojourn-control.db" };
    expect(controlOf("redis://h")).toEqual(file);
    const database = { kind: "postgres", host: "h", database: "d", password: "p@" };
    const theirs = controlOf("postgres://u:p%40@h/d");
    expect(theirs).toMatchObject({ ...database, schema: "sojourn_control" });
    const named = controlOf("postgres://u:p%40@h/d?schema=shop");
    expect(named).toMatchObject({ ...database, schema: "shop_control" });
  });

  it("read the URLs of engines with several hosts, IPv6, TLS and options", () => {
    const storeOf = (store: string) =>
      readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: store } }).store;
    const hosts = [
      { host: "a", port: 26_379 },
      { host: "::1", port: 1 },
    ];
    const sentinel =
      "rediss+sentinel://ann:p%3A@a,[::1]:1/mine?database=2&sentinelPassword=s&ca=/c";
    expect(storeOf(sentinel)).toMatchObject({
      form: "sentinel",
      hosts,
      name: "mine",
      database: 2,
      user: "ann",
      password: "p:",
      tls: { verify: true, caFile: "/c" },
      sentinel: { password: "s" },
    });
    expect(storeOf("redis-cluster://a,b:7?buckets=64&prefix=x:")).toMatchObject({
      form: "cluster",
      database: 0,
      buckets: 64,
      prefix: "x:",
      tls: undefined,
    });
    expect(storeOf("postgres:///d?host=/run/postgresql")).toMatchObject({
      host: "/run/postgresql",
      database: "d",
      tls: undefined,
    });
    expect(storeOf("postgresql://h/d?sslmode=no-verify&connections=7")).toMatchObject({
      tls: { verify: false },
      connections: 7,
      prepare: false,
    });
  });

  it("read sizes, spans and secrets as people write them", () => {
    const secretFile = file("two.secret", `${SECRET}\n\n${SECRET.split("").reverse().join("")}\n`);
    const policy = { extends: "saas", idleMs: "30m" };
    const config = readConfig({
      flags: {},
      env: {
        SOJOURN_CONFIG: file("words.json", { policy, bodyLimit: "1mb", secretFile }),
        SOJOURN_METRICS_PORT: "off",
      },
    });
    expect(config.bodyLimitBytes).toBe(1_048_576);
    expect(config.metrics).toBeUndefined();
    expect(config.secrets).toHaveLength(2);
  });
});

describe("a wrong configuration", () => {
  it("is told with every problem at once: place, what was given, what is accepted", () => {
    const config = file("wrong.json", {
      prot: 1,
      store: "postgres:",
      policy: { extends: "saas", idleMs: "soon", absoluteMss: 1 },
      tenants: { acme: { idleMs: "90d" } },
      csrf: { origins: ["not an origin"] },
      metrics: { prt: 1 },
      cookie: { name: "a b" },
      secrets: ["x"],
    });
    const problems = problemsOf({
      SOJOURN_CONFIG: config,
      SOJOURN_PORT: "70000",
      SOJOURN_LOG_LEVEL: "loud",
      SOJOURN_PROXIES: "not-a-network",
      SOJOURN_HSOT: "x",
    });
    const told = problems.join("\n");
    for (const part of [
      "prot in wrong.json: unknown; did you mean port?",
      "store in wrong.json: accepted: sqlite:PATH, memory:, postgres://…, redis://…",
      'SOJOURN_PORT: given "70000"; accepted: a port from 0 to 65535',
      'SOJOURN_LOG_LEVEL: given "loud"; accepted: debug, info, warn, error, silent',
      "SOJOURN_HSOT: unknown; did you mean SOJOURN_HOST?",
      "metrics.prt in wrong.json: unknown; did you mean metrics.port?",
      "secrets in wrong.json: secrets do not belong into this file",
      "secrets: missing",
      "policy.idleMs",
      "policy.absoluteMss",
      "csrf.origins",
      "proxies",
      "cookie.name",
    ]) {
      expect(told).toContain(part);
    }
  });

  it("of a store or cache says what is accepted and quotes nothing that may be a password", () => {
    const at = (name: string, value: string): string =>
      problemsOf({ SOJOURN_SECRETS: SECRET, [`SOJOURN_${name}`]: value }).join("\n");
    for (const [name, value, expected] of [
      ["STORE", "postgers://u:canary@h/d", "did you mean postgres://?"],
      ["STORE", "redis://u:cana@ry@h", "%40 (@)"],
      ["STORE", "postgres://u:cana/ry@h/d", "%2F (/)"],
      ["STORE", "redis://:canary#@h", "%23 (#)"],
      ["STORE", "redis://:canary%@h", "two hexadecimal digits"],
      ["STORE", "redis://u:canary@", "the host is missing"],
      ["STORE", "redis://u:canary@a,b", "redis-cluster://HOST,HOST"],
      ["STORE", "redis://u:canary@h/sessions", "the number of the database"],
      ["STORE", "redis://u:canary@h?bucket=1", 'option "bucket": unknown; did you mean buckets?'],
      ["STORE", "redis://u:canary@h?buckets=many", "a whole number from 1 to 65536"],
      ["STORE", "redis://u:canary@h?ca=/x", "needs rediss://"],
      ["STORE", "redis+sentinel://u:canary@h", "the primary's name is missing"],
      ["STORE", "redis-cluster://u:canary@h/1", "database 0 alone"],
      ["STORE", "postgres://u:canary@a,b/d", "one address that always leads to the primary"],
      ["STORE", "postgres://u:canary@h/d?sslmode=prefer", "accepted: disable, require"],
      ["STORE", "postgres://u:canary@h:99999/d", "HOST or HOST:PORT"],
      ["CONTROL", "redis://u:canary@h", "accepted: sqlite:PATH or postgres://"],
      ["CACHE", "memcached://u:canary@h", "without a user or a path"],
      ["CACHE", "redis://u:canary@h", "accepted: memcached://HOST:PORT"],
      ["CACHE", "memcached://h", "needs nearCache (--near-cache) of at least 1s"],
    ] as const) {
      const told = at(name, value);
      expect([value, told]).toEqual([value, expect.stringContaining(expected)]);
      expect(told).not.toMatch(/cana|ry@/);
    }
  });

  it("never quotes a secret", () => {
    const secret = "short-secret-value";
    const told = problemsOf({ SOJOURN_SECRETS: secret }).join("\n");
    expect(told).toContain("secrets[0]");
    expect(told).not.toContain(secret);
    const broken = file("broken.json", `{"secretFile": "${secret}",`);
    const parsed = problemsOf({ SOJOURN_SECRETS: SECRET, SOJOURN_CONFIG: broken }).join("\n");
    expect(parsed).toContain("is not JSON");
    expect(parsed).not.toContain(secret);
  });

  it("says how to make a secret when there is none", () => {
    expect(problemsOf({}).join()).toContain("sojourn secret > sojourn.secret");
    const absent = problemsOf({ SOJOURN_SECRET_FILE: join(place.path, "absent") });
    expect(absent.join()).toContain("ENOENT");
  });

  it("[JW-08] refuses a secret that is short or no random bytes", () => {
    expect(problemsOf({ SOJOURN_SECRETS: "cGFzc3dvcmQ" }).join()).toContain("at least 32");
    expect(problemsOf({ SOJOURN_SECRETS: "A".repeat(43) }).join()).toContain("not random");
  });

  it("leaves names of other programs alone", () => {
    expect(problemsOf({ SOJOURN_SECRETS: SECRET, SOJOURN_REEXEC: "1", SOJOURN_DEMO: "x" })).toEqual(
      [],
    );
  });

  it("ends the command with exit code 2, before anything is opened", async () => {
    const { code, out, err } = await sojourn(["serve"], { SOJOURN_PORT: "x", SOJOURN_STORE: "y" });
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/3 configuration problems:/);
  });
});

describe("what cannot be opened", () => {
  it("is said with what to do: a port that is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const { code, err } = await sojourn(["serve"], {
      SOJOURN_SECRETS: SECRET,
      SOJOURN_STORE: "memory:",
      SOJOURN_PORT: String(port),
    });
    taken.close();
    expect(code).toBe(1);
    expect(err).toContain(`127.0.0.1:${port} is taken; choose another port with --port`);
  });

  it("is said with what to do: a file that is no database", async () => {
    const path = file("garbage.db", "this is no database at all, but a text that is long enough");
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${path}` };
    for (const args of [["serve"], ["sessions", "list"]]) {
      const { code, err } = await sojourn(args, { ...env, SOJOURN_PORT: "0" });
      expect(code).toBe(1);
      expect(err).toContain("check SOJOURN_STORE");
      expect(err).not.toMatch(/\n\s+at /);
    }
  });
});
