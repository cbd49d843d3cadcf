import { describe, expect, it } from "vitest";
import { digest } from "../platform/node.ts";
import * as web from "../platform/web.ts";
import { outsideSessionId } from "./outside-key.ts";
import { bucketFromId, bucketOf } from "./session-id.ts";

const bucketKey = new Uint8Array(32).fill(7);
const base = { purpose: "express-session", tenant: "default", key: "abc" };

describe("the id of an outside key", () => {
  it("is the same session id for the same key, for ever", async () => {
    const id = await outsideSessionId(digest, bucketKey, base);
    expect(id).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(await outsideSessionId(web.digest, bucketKey.slice(), { ...base })).toBe(id);
    // Stored ids are found by this derivation: a change of it signs everybody out.
    expect(id).toBe("APn-e2oMrbBGoL6d250K3jAV");
  });

  it("differs for every field, however the text is cut into fields", async () => {
    const variants = [
      base,
      { ...base, key: "abd" },
      { ...base, key: "" },
      { ...base, key: "\ud800" },
      { ...base, key: "\udfff" },
      { ...base, tenant: "other" },
      { ...base, purpose: "next-auth" },
      { ...base, tenant: "default-a", key: "bc" },
      { ...base, tenant: "defaulta", key: "bc" },
      { purpose: "express-sessiond", tenant: "efault", key: "abc" },
      { ...base, key: "a".repeat(100_000) },
    ];
    const ids: string[] = [];
    for (const outside of variants) ids.push(await outsideSessionId(digest, bucketKey, outside));
    ids.push(await outsideSessionId(digest, new Uint8Array(32).fill(8), base));
    expect(new Set(ids).size).toBe(variants.length + 1);
  });

  it("lies in the subject's bucket and in the region, where they are given", async () => {
    const bucket = await bucketOf(digest, bucketKey, "default", "alice");
    const id = await outsideSessionId(digest, bucketKey, base, { bucket, region: 3 });
    expect(bucketFromId(id)).toBe(bucket);
    expect(Buffer.from(id, "base64url")[0]).toBe(3);
    const anonymous = await outsideSessionId(digest, bucketKey, base);
    expect(Buffer.from(anonymous, "base64url")[0]).toBe(0);
    expect(id.slice(4)).toBe(anonymous.slice(4));
  });
});
