import { describe, expect, it } from "vitest";
import { generateSecret } from "../secrets.ts";
import { createAccessGuard } from "./access-guard.ts";
import { createDpop } from "./dpop.ts";
import { memoryReplays } from "./memory-replays.ts";
import { Nonces } from "./nonces.ts";
import { externalUrlProblem, normalTarget, targetOf } from "./target.ts";

const SECRETS = [generateSecret()];

describe("options of DPoP", () => {
  it("are refused all at once, each with what is taken", () => {
    const nonces = new Nonces({ secrets: SECRETS });
    const wrong = {
      externalUrl: "api.example",
      replays: new Map(),
      algorithms: ["RS256"],
      proofAgeMs: 1,
      leewayMs: -1,
      nonces,
      window: 5,
    };
    expect(() => createDpop(wrong as never)).toThrow(/^7 configuration problems:/);
    expect(() => createDpop(wrong as never)).toThrow(/algorithms: takes ES256, EdDSA, Ed25519/);
    expect(() => createAccessGuard({} as never)).toThrow(/^2 configuration problems:/);
  });

  it("[DP-07] take no secret that can be guessed, and no life without end", () => {
    expect(() => new Nonces({ secrets: ["short"] })).toThrow(/secrets\[0\]/);
    expect(() => new Nonces({ secrets: SECRETS, lifeMs: 3_600_001 })).toThrow(/lifeMs: takes/);
    expect(() => new Nonces({ secrets: SECRETS, lifeMs: 9_999 })).toThrow(/lifeMs: takes/);
    expect(() => memoryReplays({ max: 0 })).toThrow(/max: takes/);
  });

  it.each([
    ["https://api.example", true],
    ["https://api.example:8443/base/", true],
    ["http://127.0.0.1:3000", true],
    ["http://localhost:3000", true],
    ["http://api.example", false],
    ["https://user@api.example", false],
    ["https://api.example?x=1", false],
    ["https://api.example#x", false],
    ["ftp://api.example", false],
    [undefined, false],
  ])("[DP-03] take %s for an address: %s", (url, fits) => {
    expect(externalUrlProblem(url) === undefined).toBe(fits);
  });
});

describe("the address of a request", () => {
  it("[DP-03] is in one spelling", () => {
    expect(normalTarget("HTTPS://Api.Example:443/%7euser/%c3%a9?x#y")).toBe(
      "https://api.example/~user/%C3%A9",
    );
    expect(normalTarget("https://api.example")).toBe("https://api.example/");
    expect(normalTarget(`https://api.example/${"x".repeat(2_048)}`)).toBeUndefined();
  });

  it("[DP-03] is made of what is configured, whatever the request line says", () => {
    const ours = "https://api.example/v1/";
    expect(targetOf(ours, "/notes?x#y")).toBe("https://api.example/v1/notes");
    expect(targetOf(ours, "http://other.example/notes")).toBe("https://api.example/v1/notes");
    expect(targetOf(ours, "//other.example/notes")).toBe(
      "https://api.example/v1//other.example/notes",
    );
    expect(targetOf(ours, "/@other.example")).toBe("https://api.example/v1/@other.example");
    expect(targetOf(ours, "@other.example/notes")).toBeUndefined();
    expect(targetOf(ours, "*")).toBeUndefined();
  });
});
