import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { entropy } from "../platform/node.ts";
import { generateSecret, readSecrets, type Secret } from "./secrets.ts";

const good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

function problemsOf(secrets: unknown): readonly { path: string; message: string }[] {
  try {
    readSecrets(secrets as readonly Secret[]);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("readSecrets", () => {
  it("reads base64url text and bytes", () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    expect(readSecrets([good])).toEqual([bytes]);
    expect(readSecrets([bytes])).toEqual([bytes]);
  });

  it("[JW-08] accepts 32 bytes and refuses 31, as text and as bytes", () => {
    expect(problemsOf([entropy.bytes(32)])).toEqual([]);
    for (const short of [entropy.bytes(31), Buffer.from(entropy.bytes(31)).toString("base64url")]) {
      const [problem] = problemsOf([short]);
      expect(problem?.path).toBe("secrets[0]");
      expect(problem?.message).toMatch(/31 bytes.*at least 32.*randomBytes\(32\)/);
    }
  });

  it.each([
    ["is missing", undefined],
    ["is missing", null],
    ["is not a list", good],
    ["is empty", []],
    ["at most 16", Array.from({ length: 17 }, () => generateSecret())],
  ])("refuses a list that %s", (message, secrets) => {
    const problems = problemsOf(secrets);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.path).toBe("secrets");
    expect(problems[0]?.message).toContain(message);
  });

  it.each([
    ["environment variable", undefined],
    ["environment variable", null],
    ["environment variable", ""],
    ["white space", `${good}\n`],
    ["white space", ` ${good}`],
    ["base64, not base64url", `${good}=`],
    ["base64, not base64url", good.replace("A", "+")],
    ["canonical base64url", `${good.slice(0, -1)}9`],
    ["canonical base64url", `${good}A!`],
    ["neither", 42],
    ["neither", {}],
    ["at most 512", new Uint8Array(513)],
  ])("[JW-08] refuses an entry and says: %s", (message, secret) => {
    const [problem, ...others] = problemsOf([secret]);
    expect(others).toEqual([]);
    expect(problem?.path).toBe("secrets[0]");
    expect(problem?.message).toContain(message);
  });

  it.each([
    ["one byte repeated", new Uint8Array(32).fill(7)],
    ["zeros", "A".repeat(43)],
    ["a repeated word", "password".repeat(6)],
    ["eleven values", Uint8Array.from({ length: 64 }, (_, index) => index % 11)],
  ])("[JW-08] refuses what is plainly not random: %s", (_, secret) => {
    expect(problemsOf([secret])[0]?.message).toContain("not random");
  });

  it("accepts twelve different values, which random bytes always have", () => {
    expect(problemsOf([Uint8Array.from({ length: 64 }, (_, index) => index % 12)])).toEqual([]);
    for (let run = 0; run < 1_000; run += 1) expect(problemsOf([entropy.bytes(32)])).toEqual([]);
  });

  it("lists every problem at once, each with its place", () => {
    const bytes = Buffer.from(good, "base64url");
    const problems = problemsOf([undefined, good, "short", bytes, "A".repeat(43)]);
    expect(problems.map(({ path }) => path)).toEqual([
      "secrets[0]",
      "secrets[2]",
      "secrets[3]",
      "secrets[4]",
    ]);
    expect(problems[2]?.message).toContain("same as secrets[1]");
  });

  it("never repeats a secret or a part of it", () => {
    const wrong = [`${good}=`, ` ${good}`, good, good, "password".repeat(6), good.slice(0, 20)];
    const messages = JSON.stringify(problemsOf(wrong));
    for (const secret of [good, "passwordpass"]) {
      for (let at = 0; at + 8 <= secret.length; at += 1) {
        expect(messages).not.toContain(secret.slice(at, at + 8));
      }
    }
  });
});

describe("generateSecret", () => {
  it("makes 43 characters that readSecrets accepts, different each time", () => {
    const secrets = [generateSecret(), generateSecret(entropy)];
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{43}$/);
    expect(readSecrets(secrets)).toHaveLength(2);
  });
});
