import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketFromId, bucketOf, newSessionId } from "../../tokens/session-id.ts";
import type { Digest, Entropy } from "../../engine/ports.ts";
import { Names, refOfName, sessionName, tenantOfPart, tenantPart } from "./names.ts";

const bucketKey = Buffer.alloc(32, 7);
const names = new Names({ prefix: "", buckets: 256, bucketKey });
const digest = {
  hmac: (key: Uint8Array, message: Uint8Array) =>
    createHmac("sha256", key).update(message).digest(),
} as unknown as Digest;
const entropy: Entropy = { bytes: (length) => new Uint8Array(length).fill(0xa5) };
const text = fc.string({ unit: "grapheme", maxLength: 12 });

describe("names of keys", () => {
  it("put a session into the slot of its subject, as ids are made", () => {
    fc.assert(
      fc.property(text, text, (tenant, subject) => {
        const bucket = bucketOf(digest, bucketKey, tenant, subject) as number;
        const id = newSessionId(entropy, { bucket });
        const place = names.subject(tenant, subject);
        expect(place.bucket).toBe(bucketFromId(id));
        expect(names.session({ tenant, id }).tag).toBe(place.tag);
      }),
    );
  });

  it("keep any two sessions and any two subjects apart", () => {
    const places = fc.tuple(text, text, text, text);
    fc.assert(
      fc.property(places, ([a, b, c, d]) => {
        const same = a === c && b === d;
        const left = { tenant: a, id: b };
        const right = { tenant: c, id: d };
        expect(sessionName(left) === sessionName(right)).toBe(same);
        const [one, other] = [names.subject(a, b), names.subject(c, d)];
        expect(one.index === other.index).toBe(same);
        expect(one.epoch === other.epoch).toBe(same);
      }),
    );
  });

  it("are read back exactly", () => {
    fc.assert(
      fc.property(text, text, (tenant, id) => {
        expect(refOfName(sessionName({ tenant, id }))).toEqual({ tenant, id });
        expect(tenantOfPart(tenantPart(tenant))).toBe(tenant);
      }),
    );
    const id = "A".repeat(24);
    const name = sessionName({ tenant: "default", id });
    expect(name).toBe(id.slice(1));
    expect(refOfName(name)).toEqual({ tenant: "default", id });
    const far = { tenant: "default", id: "B".repeat(24) };
    expect(refOfName(sessionName(far))).toEqual(far);
  });

  it("fit the commonest key into 27 bytes, which Valkey keeps in its entry of 48", () => {
    const place = names.session({ tenant: "default", id: "A".repeat(24) });
    expect(names.key("s", place.tag, place.name)).toHaveLength(27);
  });

  it("show no name of a subject in what outlives an erasure", () => {
    const place = names.subject("default", "alice");
    expect(place.epoch).not.toContain("alice");
    expect(new Names({ prefix: "", buckets: 256, bucketKey: Buffer.alloc(32) })).not.toEqual(names);
  });
});
