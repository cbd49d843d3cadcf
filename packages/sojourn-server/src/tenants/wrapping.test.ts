import { describe, expect, it } from "vitest";
import { newTenantKey, Wrapping } from "./wrapping.ts";

const FIRST = "first-secret-first-secret-first-secret-first";
const SECOND = "second-secret-second-secret-second-secret";

describe("a wrapped key", () => {
  const key = newTenantKey();
  const wrapped = new Wrapping([FIRST]).wrap("acme", key);

  it("is opened by any of the secrets, and tells whether it was the first", () => {
    expect(new Wrapping([FIRST]).unwrap("acme", wrapped)).toEqual({ key, current: true });
    expect(new Wrapping([SECOND, FIRST]).unwrap("acme", wrapped)).toEqual({ key, current: false });
    expect(new Wrapping([SECOND]).unwrap("acme", wrapped)).toBeUndefined();
  });

  it("is of one tenant: in another's row it opens nothing", () => {
    expect(new Wrapping([FIRST]).unwrap("other", wrapped)).toBeUndefined();
  });

  it("is never the same twice, and shows no byte of the key", () => {
    const again = new Wrapping([FIRST]).wrap("acme", key);
    expect(Buffer.compare(again, wrapped)).not.toBe(0);
    expect(Buffer.from(wrapped).includes(Buffer.from(key.subarray(0, 8)))).toBe(false);
  });

  it("opens no more when one bit of it is another, or a byte is missing", () => {
    const wrapping = new Wrapping([FIRST]);
    for (let at = 0; at < wrapped.length; at += 1) {
      const changed = Uint8Array.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(wrapping.unwrap("acme", changed)).toBeUndefined();
    }
    expect(wrapping.unwrap("acme", wrapped.subarray(1))).toBeUndefined();
    expect(wrapping.unwrap("acme", new Uint8Array(0))).toBeUndefined();
  });
});
