import { describe, expect, it } from "vitest";
import type { ConfigProblem } from "../engine/errors.ts";
import { createSessions } from "./create-sessions.ts";
import { secretOf, world } from "../../../../tests/support/world.ts";

function problemsOf(options: object): readonly ConfigProblem[] {
  try {
    createSessions({ secrets: [secretOf(1)], sweep: false, ...options });
  } catch (error) {
    expect(error).toMatchObject({ name: "ConfigError", code: "ERR_CONFIG" });
    return (error as { problems: readonly ConfigProblem[] }).problems;
  }
  return [];
}

describe("options", () => {
  it("lists every problem of every option at once, each with its path and what is accepted", () => {
    const problems = problemsOf({
      secrets: ["too short", undefined],
      policy: { extends: "saas", idleMs: -1 },
      tenant: "not a tenant",
      csrf: { origins: ["app.example"] },
      proxies: ["0.0.0.0/0"],
      stalenessMs: -1,
      sweep: { everyMs: 1 },
      surprise: true,
    });
    const paths = problems.map(({ path }) => path.replace(/[[.].*$/, ""));
    expect([...new Set(paths)].toSorted()).toEqual(
      ["csrf", "policy", "proxies", "secrets", "stalenessMs", "surprise", "sweep", "tenant"]
        .map((path) => (path === "policy" && !paths.includes("policy") ? "idleMs" : path))
        .toSorted(),
    );
    for (const { message } of problems) expect(message.length).toBeGreaterThan(10);
  });

  it("names a wrong cookie beside a wrong secret", () => {
    const paths = problemsOf({ secrets: [], cookie: { name: "a b", sameSite: "None" } }).map(
      ({ path }) => path,
    );
    expect(paths).toEqual(expect.arrayContaining(["cookie.name", "cookie.sameSite"]));
    expect(paths.some((path) => path.startsWith("secrets"))).toBe(true);
  });

  it.each([
    ["a missing environment variable", [undefined]],
    ["one that is short", ["c2hvcnQ"]],
    ["one that is no base64url", ["!".repeat(43)]],
    ["the same one twice", [secretOf(1), secretOf(1)]],
    ["none", []],
  ])("refuses %s as secret, and never prints it", (_name, secrets) => {
    const problems = problemsOf({ secrets });
    expect(problems.length).toBeGreaterThan(0);
    const text = JSON.stringify(problems);
    for (const secret of secrets) {
      if (typeof secret === "string") expect(text).not.toContain(secret);
    }
  });

  it("[CK-01] refuses an insecure cookie in production", () => {
    expect(problemsOf({ production: true, cookie: { secure: false } })).toMatchObject([
      { path: "cookie.secure" },
    ]);
  });

  it("[CK-02] [CK-17] refuses Domain with the host prefix, and warns where it is shared", () => {
    expect(problemsOf({ cookie: { domain: "example.com" } }).map(({ path }) => path)).toContain(
      "cookie.domain",
    );
    const place = world({ cookie: { domain: "example.com", prefix: "__Secure-" } });
    expect(place.warnings.some((warning) => warning.includes("example.com"))).toBe(true);
  });

  it("warns once, loudly, of an insecure cookie outside production", () => {
    const { warnings } = world({ cookie: { secure: false } });
    expect(warnings.filter((warning) => warning.includes("cookie.secure"))).toHaveLength(1);
  });

  it("warns of sessions that live in memory in production", () => {
    const warnings: string[] = [];
    createSessions({
      secrets: [secretOf(1)],
      production: true,
      sweep: false,
      warn: (message) => warnings.push(message),
    });
    expect(warnings.some((warning) => warning.includes("memory"))).toBe(true);
  });

  it("[KY-01] lists keys by purpose, and never a key", async () => {
    const place = world({ secrets: [secretOf(1), secretOf(2)] });
    const keys = await place.sessions.keys();
    expect(keys.length).toBeGreaterThan(1);
    const text = JSON.stringify(keys);
    expect(text).not.toContain(secretOf(1));
    expect(text).not.toContain(secretOf(2));
  });
});
