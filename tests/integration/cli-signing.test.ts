/** `sojourn signing …` beside a running service. */
import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { folder, SECRET, startTestService } from "./service-harness.ts";
import type { Json, Ran, TestService } from "./service-harness.ts";

const place = folder();
const running: TestService[] = [];
let files = 0;

afterAll(() => place.remove());
afterEach(async () => {
  for (const { service } of running.splice(0)) await service.stop();
});

function keyFile(): string {
  files += 1;
  return join(place.path, `keys-${files}.jwks`);
}

async function cli(path: string | undefined, ...argv: string[]): Promise<Ran & { json: Json }> {
  let [out, err] = ["", ""];
  const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${join(place.path, "s.db")}` };
  const code = await runCommandLine({
    argv: [...argv, "--json"],
    env: { ...env, SOJOURN_TOKEN_KEYS: path },
    out: { write: (text) => void (out += text), isTTY: false },
    err: { write: (text) => void (err += text), isTTY: false },
  });
  return { code, out, err, json: out.startsWith("{") ? (JSON.parse(out) as Json) : {} };
}

async function states(path: string): Promise<unknown[]> {
  const { json } = await cli(path, "keys", "inventory");
  const items = json["items"] as Json[];
  return items
    .filter(({ state }) => state !== undefined)
    .map((one) => [one["purpose"], one["state"]]);
}

function kidOf({ json }: { json: Json }, purpose: string): string {
  return String((json["items"] as Json[]).find((one) => one["purpose"] === purpose)?.["kid"]);
}

describe("signing", () => {
  it("[KY-01] begins a file for its owner alone, lists all of it, and rotates it", async () => {
    const path = keyFile();
    expect((await cli(path, "signing", "rotate")).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await states(path)).toEqual([
      ["access-token", "signing"],
      ["revocation-feed", "signing"],
      ["introspection", "signing"],
    ]);
    await cli(path, "signing", "rotate", "--lead", "1h", "--alg", "EdDSA");
    expect(await states(path)).toEqual([
      ["access-token", "signing"],
      ["access-token", "published"],
      ["revocation-feed", "signing"],
      ["revocation-feed", "published"],
      ["introspection", "signing"],
      ["introspection", "published"],
    ]);
  });

  it("[KY-06] revokes a key of a running service, whose tokens and key set follow at once", async () => {
    const path = keyFile();
    const first = await cli(path, "signing", "rotate");
    const kid = kidOf(first, "access-token");
    const s = await startTestService({
      env: {
        SOJOURN_TOKEN_KEYS: path,
        SOJOURN_TOKEN_ISSUER: "https://auth.example",
        SOJOURN_TOKEN_AUDIENCES: "api",
      },
    });
    running.push(s);
    const kids = async () => {
      const { json } = await s.bare("GET", "/.well-known/jwks.json");
      return (json["keys"] as { kid: string }[]).map((one) => one.kid);
    };
    expect(await kids()).toContain(kid);
    const { code, json } = await cli(path, "signing", "revoke", kid);
    expect(code).toBe(0);
    expect(json).toMatchObject({ kid, purpose: "access-token", algorithm: "ES256" });
    for (const name of ["issuedFrom", "issuedUntil", "expiredBy"]) {
      expect(Date.parse(String(json[name]))).toBeGreaterThan(0);
    }
    expect(await kids()).not.toContain(kid);
    const feed = await s.api("GET", "/v1/revocations");
    expect(feed.json["entries"]).toContainEqual(expect.objectContaining({ kind: "key", kid }));
    const { id } = await s.open("alice");
    const body = { audience: "api", clientId: "app" };
    const mint = () => s.api("POST", `/v1/sessions/${id}/access-token`, { body });
    expect((await mint()).status).toBe(503);
    const next = await cli(path, "signing", "rotate", "--lead", "0s");
    expect((await mint()).status).toBe(200);
    expect(await kids()).toContain(kidOf(next, "access-token"));
  });

  it("[KY-06] revokes a key of every purpose that is rotated", async () => {
    const path = keyFile();
    const { json } = await cli(path, "signing", "rotate");
    const made = json["items"] as Json[];
    expect(made).toHaveLength(3);
    for (const { kid, purpose } of made) {
      const revoked = await cli(path, "signing", "revoke", String(kid));
      expect([revoked.code, revoked.json["purpose"]]).toEqual([0, purpose]);
    }
    const { keys } = JSON.parse(readFileSync(path, "utf8")) as { keys: Json[] };
    expect(keys.map(({ revokedAt }) => typeof revokedAt)).toEqual(["string", "string", "string"]);
  });

  it("takes a key's id that begins like an option", async () => {
    const odd = `-${"x".repeat(42)}`;
    const path = keyFile();
    await cli(path, "signing", "rotate");
    const { code, err } = await cli(path, "signing", "revoke", odd);
    expect([code, err]).toEqual([1, expect.stringContaining(`no signing key is "${odd}"`)]);
  });

  it("[KY-06] loses no revocation that comes while new keys are made", async () => {
    const path = keyFile();
    const kid = kidOf(await cli(path, "signing", "rotate"), "access-token");
    // Making RSA keys takes its time.
    const rotating = cli(path, "signing", "rotate", "--alg", "RS256");
    expect((await cli(path, "signing", "revoke", kid)).code).toBe(0);
    expect((await rotating).code).toBe(0);
    expect(await states(path)).toContainEqual(["access-token", "revoked"]);
    expect(await states(path)).toHaveLength(6);
  });

  it("says what it needs, and touches no file that others may open", async () => {
    const without = await cli(undefined, "signing", "rotate");
    expect([without.code, without.err]).toEqual([2, expect.stringContaining("--token-keys")]);
    expect(without.err).toContain("more: sojourn signing rotate --help");
    const other = await cli(undefined, "signing", "revoke", "x");
    expect(other.err).toContain("more: sojourn signing revoke --help");
    const path = keyFile();
    expect((await cli(path, "signing", "revoke", "x")).code).not.toBe(0);
    expect(existsSync(path)).toBe(false);
    await cli(path, "signing", "rotate");
    expect((await cli(path, "signing", "revoke", "x")).err).toContain("keys inventory");
    expect((await cli(path, "signing", "rotate", "--alg", "HS256")).code).toBe(2);
    expect((await cli(path, "signing", "rotate", "--lead", "soon")).code).toBe(2);
    chmodSync(path, 0o644);
    const shared = await cli(path, "signing", "rotate");
    expect([shared.code, shared.err]).toEqual([2, expect.stringContaining("chmod 600")]);
  });
});
