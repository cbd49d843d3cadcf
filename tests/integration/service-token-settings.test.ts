/** Settings of tokens about others: whose pages may ask, and whom tokens are encrypted to. */
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createEncryptedVerifier, createVerifier } from "sojourn/tokens";
import { afterAll, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { ConfigError } from "../../packages/sojourn/src/index.ts";
import { folder, SECRET, startTestService } from "./service-harness.ts";

const ISSUER = "https://auth.example";
const SEALED = "https://sealed.example";
const OPEN = "https://open.example";
const place = folder();
afterAll(() => place.remove());

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const named = { kid: "sealed-1", alg: "ECDH-ES+A256KW" };
const publicKey = { ...pair.publicKey.export({ format: "jwk" }), ...named };
const privateKey = { ...pair.privateKey.export({ format: "jwk" }), ...named };

let files = 0;

function settings(tokens: object): Readonly<Record<string, string>> {
  files += 1;
  const path = join(place.path, `config-${files}.json`);
  const keyFile = join(place.path, "keys.jwks");
  const whole = { keyFile, issuer: ISSUER, audiences: [SEALED, OPEN], clients: ["app"], ...tokens };
  writeFileSync(path, JSON.stringify({ tokens: whole }));
  return { SOJOURN_CONFIG: path };
}

function problemsOf(tokens: object): readonly string[] {
  try {
    readConfig({ flags: {}, env: { SOJOURN_SECRETS: SECRET, ...settings(tokens) } });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

describe("origins of single-page applications", () => {
  it("are written as browsers send them, or refused one by one", () => {
    const good = ["https://shop.example", "https://shop.example:8443", "http://localhost:5173"];
    expect(problemsOf({ origins: good })).toEqual([]);
    const wrong = ["*", "null", "https://shop.example/", "https://Shop.example", "shop.example"];
    const unsafe = ["http://shop.example", "https://shop.example:443", "https://*.example"];
    const problems = problemsOf({ origins: [...wrong, ...unsafe] });
    expect(problems).toHaveLength(wrong.length + unsafe.length);
    for (const problem of problems) {
      expect(problem).toMatch(/^tokens\.origins: given ".*"; takes origins as browsers send them/);
    }
  });

  it("mean nothing without keys, and that is said", () => {
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_TOKEN_ORIGINS: "https://shop.example" };
    expect(() => readConfig({ flags: {}, env })).toThrow(/tokens\.keyFile: is missing/);
  });

  it("are none by default: preflights are refused as any unknown method", async () => {
    const s = await startTestService();
    const headers = { origin: "https://shop.example", "access-control-request-method": "POST" };
    expect((await s.bare("OPTIONS", "/oauth/token", { headers })).status).toBe(405);
    await s.service.stop();
  });
});

describe("a key that tokens are encrypted to", () => {
  it("makes tokens that its audience alone reads; others are as before", async () => {
    await keyFileAt(join(place.path, "keys.jwks"));
    const s = await startTestService({ env: settings({ encryptTo: { [SEALED]: publicKey } }) });
    const { id } = await s.open("alice");
    const mint = async (audience: string): Promise<string> => {
      const body = { audience, clientId: "app" };
      const answer = await s.api("POST", `/v1/sessions/${id}/access-token`, { body });
      return String(answer.json["token"]);
    };
    const jwks = (await s.bare("GET", "/.well-known/jwks.json")).json as { keys: unknown[] };
    const verifier = createVerifier({ issuer: ISSUER, audience: SEALED, jwks, feed: "none" });
    const reader = createEncryptedVerifier({ keys: [privateKey], verifier });
    const grant = await s.api("POST", `/v1/sessions/${id}/refresh-token`, {
      body: { clientId: "app", audience: SEALED },
    });
    const form = (path: string, fields: string) => {
      const type = { "content-type": "application/x-www-form-urlencoded" };
      return s.bare("POST", path, { raw: fields, headers: type });
    };
    const refreshed = await form(
      "/oauth/token",
      `grant_type=refresh_token&client_id=app&refresh_token=${String(grant.json["refreshToken"])}`,
    );
    for (const sealed of [await mint(SEALED), String(refreshed.json["access_token"])]) {
      expect(sealed.split(".")).toHaveLength(5);
      expect(await verifier.verify(sealed)).toMatchObject({ state: "unknown" });
      expect(await reader.verify(sealed)).toMatchObject({
        state: "active",
        claims: { sub: "alice", aud: SEALED },
      });
    }
    expect((await mint(OPEN)).split(".")).toHaveLength(3);
    const revoked = await form("/oauth/revoke", `client_id=app&token=${await mint(SEALED)}`);
    expect([revoked.status, revoked.json["error"]]).toEqual([400, "unsupported_token_type"]);
    await s.service.stop();
    const odd = { ...publicKey, x: publicKey.y };
    const env = settings({ encryptTo: { [SEALED]: odd } });
    await expect(startTestService({ env })).rejects.toThrow(
      /tokens\.encryptTo\["https:\/\/sealed\.example"\]: .*make no key/,
    );
  });

  it("is public, for a known audience, and of an algorithm that is taken; all problems at once", () => {
    const encryptTo = {
      [SEALED]: privateKey,
      [OPEN]: { ...publicKey, alg: "RSA1_5" },
      "https://nobody.example": publicKey,
    };
    const problems = problemsOf({ encryptTo });
    expect(problems).toEqual([
      expect.stringMatching(/sealed\.example"\]: holds a secret/),
      expect.stringMatching(/open\.example"\]: needs an alg: A256KW, ECDH-ES\+A256KW/),
      expect.stringMatching(/nobody\.example"\]: is none of those in tokens\.audiences/),
    ]);
    expect(problems.join()).not.toContain(privateKey.d);
    const secret = { kty: "oct", kid: "s", alg: "A256KW", k: SECRET };
    expect(problemsOf({ encryptTo: { [SEALED]: secret } }).join()).toMatch(/holds a secret/);
    expect(problemsOf({ encryptTo: { [SEALED]: "text" } }).join()).toMatch(/needs an alg/);
  });
});
