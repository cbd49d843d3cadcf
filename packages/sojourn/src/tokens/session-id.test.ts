import { describe, expect, it } from "vitest";
import * as node from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { bucketFromId, bucketOf, newSessionId } from "./session-id.ts";

const { digest, entropy } = node;
const key = entropy.bytes(32);

describe("newSessionId", () => {
  it("is 24 base64url characters with region and bucket in front", () => {
    const id = newSessionId(entropy, { region: 0xab, bucket: 0xcdef });
    expect(id).toMatch(/^[\w-]{24}$/);
    expect(Buffer.from(id, "base64url").subarray(0, 3).toString("hex")).toBe("abcdef");
    expect(bucketFromId(id)).toBe(0xcdef);
  });

  it("takes region 0 and a random bucket when none is given", () => {
    const ids = Array.from({ length: 200 }, () => newSessionId(entropy));
    expect(new Set(ids).size).toBe(200);
    expect(new Set(ids.map(bucketFromId)).size).toBeGreaterThan(150);
    for (const id of ids) expect(Buffer.from(id, "base64url")[0]).toBe(0);
  });

  it.each([{ region: 256 }, { region: -1 }, { bucket: 65_536 }, { bucket: 0.5 }])(
    "refuses %j",
    (place) => {
      expect(() => newSessionId(entropy, place)).toThrow(
        expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
      );
    },
  );
});

describe("bucketOf", () => {
  it("is the same for a subject for ever, on every platform", async () => {
    const bucket = bucketOf(digest, key, "acme", "alice");
    expect(bucketOf(digest, key.slice(), "acme", "alice")).toBe(bucket);
    expect(await bucketOf(web.digest, key, "acme", "alice")).toBe(bucket);
  });

  it("spreads subjects over all 65 536 buckets", () => {
    const buckets = Array.from({ length: 4_000 }, (_, index) =>
      bucketOf(digest, key, "acme", `user-${index}`),
    ) as number[];
    expect(new Set(buckets).size).toBeGreaterThan(3_700);
    expect(Math.min(...buckets)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...buckets)).toBeLessThan(65_536);
    expect(Math.max(...buckets)).toBeGreaterThan(60_000);
  });

  it("depends on tenant, subject and installation", () => {
    const others = Array.from({ length: 8 }, () => entropy.bytes(32));
    const buckets = others.map((other) => bucketOf(digest, other, "acme", "alice"));
    expect(new Set(buckets).size).toBeGreaterThan(1);
    const shifted = others.map((other) => bucketOf(digest, other, "acmea", "lice"));
    expect(shifted).not.toEqual(buckets);
  });
});

describe("bucketFromId", () => {
  it.each(["", "A".repeat(23), "A".repeat(25), `${"A".repeat(23)}=`])("refuses %j", (id) => {
    expect(() => bucketFromId(id)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
  });
});
