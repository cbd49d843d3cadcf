import { decodeJwt } from "jose";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AUDIENCE,
  ISSUER,
  sessionOf,
  START,
  tokenWorld,
} from "../../../../../tests/support/token-world.ts";
import { createIssuer } from "./issuer.ts";
import type { ClaimsTemplates } from "./templates.ts";

const MINUTE = 60_000;

/** Problems of options, by path. */
async function problemsWith(options: object): Promise<string[]> {
  const { keys } = await tokenWorld();
  const base = { issuer: ISSUER, keys, templates: { [AUDIENCE]: {} } };
  try {
    createIssuer({ ...base, ...options } as never);
    return [];
  } catch (error) {
    return (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
  }
}

describe("issuing", () => {
  it("[JW-06] needs an audience that has a template", async () => {
    const world = await tokenWorld();
    for (const audience of [undefined, "", "https://other.example", [AUDIENCE], "constructor"]) {
      const issue = world.issue({ audience: audience as string });
      await expect(issue).rejects.toMatchObject({ path: "issue.audience" });
    }
    expect(await problemsWith({ templates: {} })).toEqual(["templates"]);
    expect(await problemsWith({ templates: undefined })).toEqual(["templates"]);
  });

  it("[RT-06] is about a session, not about the refresh tokens below it: they end with it", async () => {
    const world = await tokenWorld();
    const issue = world.issue({ session: sessionOf({ kind: "refresh" }) });
    await expect(issue).rejects.toMatchObject({ path: "issue.session" });
  });

  it("spreads expiries below the life that was asked for, and passes no end of the session (I11)", async () => {
    const world = await tokenWorld({ accessTtlMs: 5 * MINUTE });
    const spans = fc.record({
      idleMs: fc.integer({ min: 2_000, max: 20 * MINUTE }),
      absoluteMs: fc.integer({ min: 2_000, max: 20 * MINUTE }),
    });
    const lives = new Set<number>();
    await fc.assert(
      fc.asyncProperty(spans, async ({ idleMs, absoluteMs }) => {
        const absoluteExpiresAt = START + absoluteMs;
        const session = sessionOf({ idleMs, absoluteExpiresAt });
        const { exp = 0, iat = 0 } = decodeJwt(await world.issue({ session }));
        expect(exp * 1_000).toBeLessThanOrEqual(Math.min(absoluteExpiresAt, START + idleMs));
        expect(exp - iat).toBeLessThanOrEqual(300);
        expect(exp - iat).toBeGreaterThanOrEqual(
          Math.floor(Math.min(270_000, idleMs, absoluteMs) / 1_000),
        );
        lives.add(exp - iat);
      }),
      { numRuns: 60 },
    );
    const long = await Promise.all(Array.from({ length: 40 }, () => world.issue()));
    const longLives = new Set(long.map((token) => decodeJwt(token).exp));
    expect(longLives.size).toBeGreaterThan(8);
  });

  it("gives nothing for a session that is not active", async () => {
    const world = await tokenWorld();
    const issue = (changes: object, subjectEpoch?: number) =>
      world.issue({
        session: sessionOf(changes),
        ...(subjectEpoch === undefined ? {} : { subjectEpoch }),
      });
    const ended = { state: "ended", end: { reason: "logout", at: START } };
    await expect(issue(ended)).rejects.toMatchObject({ code: "ERR_SESSION_ENDED" });
    await expect(issue({}, 1)).rejects.toMatchObject({ reason: "subject_revoked" });
    await expect(issue({ absoluteExpiresAt: START })).rejects.toMatchObject({
      reason: "absolute_timeout",
    });
    await expect(issue({ idleMs: 999 })).rejects.toMatchObject({ code: "ERR_SESSION_ENDED" });
    await expect(issue({ state: "locked", lockFactors: 2 })).rejects.toMatchObject({
      code: "ERR_SESSION_LOCKED",
      factors: 2,
    });
    await expect(issue({ state: "pending" })).rejects.toMatchObject({ code: "ERR_SESSION_LOCKED" });
    await expect(issue({ subject: null })).rejects.toMatchObject({ path: "issue.session" });
  });

  it("names tenant and epoch where they are not the usual ones", async () => {
    const world = await tokenWorld();
    const usual = decodeJwt(await world.issue());
    expect(usual).not.toHaveProperty("tenant");
    expect(usual).not.toHaveProperty("sub_epoch");
    const session = sessionOf({ tenant: "acme", epoch: 3 });
    expect(decodeJwt(await world.issue({ session }))).toMatchObject({
      tenant: "acme",
      sub_epoch: 3,
    });
  });

  it.each([
    [{ clientId: "" }, "issue.clientId"],
    [{ scope: "" }, "issue.scope"],
    [{ scope: "a  b" }, "issue.scope"],
    [{ scope: 'a"b' }, "issue.scope"],
    [{ cnf: {} }, "issue.cnf"],
    [{ cnf: { jkt: "short" } }, "issue.cnf"],
    [{ cnf: { jwk: "k".repeat(43) } }, "issue.cnf"],
  ])("refuses %j", async (request, path) => {
    const world = await tokenWorld();
    await expect(world.issue(request as object)).rejects.toMatchObject({ path });
  });

  it("gives every token an id of its own", async () => {
    const world = await tokenWorld();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => world.issue()));
    const ids = tokens.map((token) => decodeJwt(token).jti ?? "");
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[\w-]{24}$/);
  });

  it("refuses options that cannot be meant, all at once", async () => {
    const wrong = { issuer: "http://auth.example", keys: {}, jitter: 2, accessTtlMs: 5, ttl: 1 };
    expect((await problemsWith(wrong)).toSorted()).toEqual(
      ["accessTtlMs", "issuer", "jitter", "keys", "ttl"].toSorted(),
    );
    expect(await problemsWith({ issuer: "https://auth.example?x" })).toEqual(["issuer"]);
    expect(await problemsWith({ issuer: "http://127.0.0.1:8080" })).toEqual([]);
    expect(await problemsWith({ accessTtlMs: 16 * MINUTE })).toEqual(["accessTtlMs"]);
    expect(await problemsWith({ templates: { a: { accessTtlMs: 16 * MINUTE } } })).toEqual([
      'templates["a"].accessTtlMs',
    ]);
  });
});

describe("a template", () => {
  const withTemplate = (template: ClaimsTemplates[string]) =>
    tokenWorld({ templates: { [AUDIENCE]: template } });

  it("adds the claims it declares, and no others", async () => {
    const world = await withTemplate({
      claims: ["plan", "roles"],
      from: ({ roles = [] }) => ({ plan: "pro", roles, later: undefined }),
    });
    const session = sessionOf({ roles: ["editor"] });
    expect(decodeJwt(await world.issue({ session }))).toMatchObject({
      plan: "pro",
      roles: ["editor"],
    });
    const more = await withTemplate({ claims: ["plan"], from: () => ({ plan: "pro", quota: 3 }) });
    await expect(more.issue()).rejects.toThrow(/"quota" is not declared/);
  });

  it.each(["sub", "aud", "exp", "sid", "cnf", "sub_epoch", "scope", "nbf"])(
    "cannot set %s",
    async (name) => {
      expect(await problemsWith({ templates: { a: { claims: [name] } } })).toEqual([
        'templates["a"].claims',
      ]);
    },
  );

  it.each([
    "email",
    "given_name",
    "phoneNumber",
    "https://example.com/home-address",
    "ssn",
    "birthdate",
    "user_password",
    "refresh_token",
    "apiKey",
    "ip",
  ])("[JW-13] that is only signed cannot declare %s", async (name) => {
    const path = 'templates["a"].claims';
    expect(await problemsWith({ templates: { a: { claims: [name] } } })).toEqual([path]);
    const encrypt = (token: string) => Promise.resolve(token);
    expect(await problemsWith({ templates: { a: { claims: [name], encrypt } } })).toEqual([]);
  });

  it.each(["email_verified", "plan", "roles", "org_id", "feature.flags", "token_count"])(
    "[JW-13] may declare %s",
    async (name) => {
      expect(await problemsWith({ templates: { a: { claims: [name] } } })).toEqual([]);
    },
  );

  it.each([
    "alice@example.org",
    ["x", { deep: "mailto:alice@example.org" }],
    "sj1s_AAAA",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.x",
    "-----BEGIN PRIVATE KEY-----",
  ])("[JW-13] that is only signed gives no value like %j", async (note) => {
    const world = await withTemplate({ claims: ["note"], from: () => ({ note }) });
    await expect(world.issue()).rejects.toThrow(/hides nothing/);
    await expect(world.issue()).rejects.not.toThrow(/alice@|AAAA|eyJ/);
  });

  it("with encryption sends only what was encrypted", async () => {
    const world = await withTemplate({
      claims: ["email"],
      from: () => ({ email: "alice@example.org" }),
      encrypt: (token) => Promise.resolve(`sealed(${token.length})`),
    });
    expect(await world.issue()).toMatch(/^sealed\(\d+\)$/);
  });
});
