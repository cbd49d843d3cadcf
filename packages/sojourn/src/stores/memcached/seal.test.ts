import { describe, expect, it } from "vitest";
import { storedOf } from "../../../../../tests/support/scripted-store.ts";
import { Seal } from "./seal.ts";

const BUCKET_KEY = Buffer.alloc(32, 7).toString("base64url");
const REF = { tenant: "default", id: "A".repeat(24) };

describe("the seal of the shared cache", () => {
  const seal = new Seal(BUCKET_KEY);
  const key = seal.keyOf(REF);
  const text = "\u{1F36A} \ud800 \0";
  const stored = storedOf(REF, { cart: `"${text}"`, __proto__x: "1" });

  it("gives back what was sealed, to every process of the installation", () => {
    const bytes = seal.seal(key, { stored, readAt: 17 });
    expect(new Seal(BUCKET_KEY).open(key, bytes)).toEqual({ stored, readAt: 17 });
  });

  it("shows nothing of it: neither key nor value, nor twice the same", () => {
    const bytes = seal.seal(key, { stored, readAt: 17 });
    expect(key).toMatch(/^[\w-]{32}$/);
    for (const secret of [REF.id, "ada", "cart", "default"]) {
      expect(key + bytes.toString("latin1")).not.toContain(secret);
    }
    expect(bytes).not.toEqual(seal.seal(key, { stored, readAt: 17 }));
  });

  it("opens nothing that was changed, cut, moved to another key or sealed by others", () => {
    const bytes = seal.seal(key, { stored, readAt: 17 });
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at);
      expect(seal.open(key, changed)).toBeUndefined();
      expect(seal.open(key, bytes.subarray(0, at))).toBeUndefined();
    }
    expect(seal.open(seal.keyOf({ ...REF, tenant: "other" }), bytes)).toBeUndefined();
    const others = new Seal(Buffer.alloc(32, 8).toString("base64url"));
    expect(others.open(key, bytes)).toBeUndefined();
    expect(others.keyOf(REF)).not.toBe(key);
  });

  it("keeps tenant and id apart", () => {
    const keys = [
      { tenant: "a", id: "bc" },
      { tenant: "ab", id: "c" },
      { tenant: 'a","b', id: "c" },
    ].map((ref) => seal.keyOf(ref));
    expect(new Set(keys).size).toBe(3);
  });
});
