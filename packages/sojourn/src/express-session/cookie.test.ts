import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Cookie } from "./cookie.ts";

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000, toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

describe("a cookie", () => {
  it("lasts as long as the browser, for all paths and out of scripts' reach, unless told", () => {
    expect(JSON.parse(JSON.stringify(new Cookie()))).toEqual({
      originalMaxAge: null,
      expires: null,
      httpOnly: true,
      path: "/",
    });
  });

  it("remembers its maxAge while the time left runs down", () => {
    const cookie = new Cookie({ maxAge: 5_000 });
    vi.setSystemTime(1_002_000);
    expect([cookie.maxAge, cookie.originalMaxAge]).toEqual([3_000, 5_000]);
    expect(cookie.expires).toEqual(new Date(1_005_000));
    cookie.maxAge = cookie.originalMaxAge as number;
    expect(cookie.maxAge).toBe(5_000);
  });

  it("takes the later of expires and maxAge", () => {
    expect(new Cookie({ maxAge: 1, expires: null }).expires).toBeNull();
    expect(new Cookie({ expires: null, maxAge: 1 }).maxAge).toBe(1);
  });

  it("keeps an originalMaxAge that it is given", () => {
    const options = { maxAge: 1_000, originalMaxAge: 9_000 };
    expect(new Cookie(options).originalMaxAge).toBe(9_000);
  });

  it("can be the options of another, and ignores their data", () => {
    const first = new Cookie({ path: "/a", maxAge: 1_000, priority: "low" });
    expect(new Cookie(first).data).toEqual(first.data);
    const named = { data: { path: "/no" }, path: "/a" };
    expect(new Cookie(named).data.path).toBe("/a");
  });

  it("refuses options and a maxAge that cannot be meant", () => {
    for (const bad of [42, "foo", true, () => 1]) {
      expect(() => new Cookie(bad as never)).toThrow("argument options must be a object");
    }
    for (const bad of ["42", true, {}]) {
      expect(() => new Cookie({ maxAge: bad as never })).toThrow("maxAge must be a number or Date");
    }
  });

  it("writes itself, without what is not stored", () => {
    const cookie = new Cookie({ maxAge: 1_000, sameSite: "lax", signed: true });
    expect(cookie.serialize("a", "b")).toBe(
      "a=b; Path=/; Expires=Thu, 01 Jan 1970 00:16:41 GMT; HttpOnly; SameSite=Lax",
    );
    expect(Object.keys(cookie.toJSON())).not.toContain("signed");
  });
});
