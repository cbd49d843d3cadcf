import { describe, expect, it } from "vitest";
import type { CookieData } from "./cookie.ts";
import { serializeCookie } from "./set-cookie.ts";

const written = (data: Partial<Record<keyof CookieData, unknown>> | undefined): string =>
  serializeCookie("sid", "s:1/ü", data as CookieData);

describe("Set-Cookie", () => {
  it("has the attributes in express-session's order", () => {
    const data = {
      originalMaxAge: 1_000,
      domain: ".example.com",
      path: "/a",
      expires: new Date(0),
      httpOnly: true,
      secure: true,
      partitioned: true,
      priority: "HIGH",
      sameSite: "none",
    };
    expect(written(data)).toBe(
      "sid=s%3A1%2F%C3%BC; Domain=.example.com; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 GMT; " +
        "HttpOnly; Secure; Partitioned; Priority=High; SameSite=None",
    );
    expect(written({ sameSite: true })).toBe("sid=s%3A1%2F%C3%BC; SameSite=Strict");
  });

  it("is bare without attributes, or when they are off", () => {
    expect(written(undefined)).toBe("sid=s%3A1%2F%C3%BC");
    expect(written({ path: "", secure: false, sameSite: false, expires: null })).toBe(
      "sid=s%3A1%2F%C3%BC",
    );
  });

  it.each([
    [{ domain: "a b" }, "option domain is invalid"],
    [{ domain: "a..b" }, "option domain is invalid"],
    [{ domain: `${"a".repeat(64)}.b` }, "option domain is invalid"],
    [{ path: "/;" }, "option path is invalid"],
    [{ path: "/\n" }, "option path is invalid"],
    [{ expires: new Date(Number.NaN) }, "option expires is invalid"],
    [{ expires: "2030-01-01" }, "option expires is invalid"],
    [{ priority: "urgent" }, "option priority is invalid"],
    [{ priority: true }, "option priority is invalid"],
    [{ sameSite: "auto" }, "option sameSite is invalid"],
    [{ sameSite: "constructor" }, "option sameSite is invalid"],
  ])("refuses %j", (data, message) => {
    expect(() => written(data)).toThrow(new TypeError(message));
  });

  it.each(["", "a b", "a;b", "ü", 'a"'])("refuses the name %j", (name) => {
    expect(() => serializeCookie(name, "1", undefined)).toThrow("argument name is invalid");
  });
});
