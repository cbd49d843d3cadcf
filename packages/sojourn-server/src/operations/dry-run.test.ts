import { describe, expect, it } from "vitest";
import { dryRunToken, dryRunUntil, readDryRun } from "./dry-run.ts";

const tried = { tenant: "default", caller: "key-1", what: ["revoke", [["client", "shop"]], []] };
const outcome = { count: 12, everything: false, at: 1_800_000_000_000 };
const secrets = ["first-secret", "older-secret"];
const { at } = outcome;

describe("the token of a dry run", () => {
  const token = dryRunToken(secrets, tried, outcome);

  it("tells the outcome for ten minutes, and not a millisecond longer", () => {
    expect(readDryRun(secrets, token, tried, at)).toEqual(outcome);
    expect(dryRunUntil(outcome)).toBe(at + 600_000);
    expect(readDryRun(secrets, token, tried, at + 599_999)).toEqual(outcome);
    expect(readDryRun(secrets, token, tried, at + 600_000)).toBeUndefined();
  });

  it("is good for the same request of the same caller alone", () => {
    const others = [
      { ...tried, tenant: "other" },
      { ...tried, caller: "key-2" },
      { ...tried, what: ["lock", [["client", "shop"]], []] },
      { ...tried, what: ["revoke", [["client", "desk"]], []] },
      { ...tried, what: ["revoke", [["client", "shop"]], ["ses_a"]] },
    ];
    for (const other of others) expect(readDryRun(secrets, token, other, at)).toBeUndefined();
  });

  it("cannot be made or changed without a secret of the installation", () => {
    const [told = "", mac = ""] = token.split(".");
    const more = Buffer.from(JSON.stringify({ ...outcome, count: 1 })).toString("base64url");
    for (const odd of [`${more}.${mac}`, told, `${told}.`, `${told}.${"A".repeat(43)}`, "", "."]) {
      expect(readDryRun(secrets, odd, tried, at)).toBeUndefined();
    }
    expect(readDryRun(["another"], token, tried, at)).toBeUndefined();
    expect(readDryRun(["new", ...secrets], token, tried, at)).toEqual(outcome);
  });
});
