import { describe, expect, it } from "vitest";
import { baseOf, changesSince, jsonOf, partsOf, rememberBase } from "./changes.ts";

const base = (of: object) => ({ life: "one", parts: partsOf(of) });

describe("parts", () => {
  it("are the JSON of the top-level keys, without the cookie and without what JSON leaves out", () => {
    const session = { cookie: { path: "/" }, n: 1, at: new Date(0), no: undefined, f: () => 1 };
    expect([...partsOf(session)]).toEqual([
      ["n", "1"],
      ["at", '"1970-01-01T00:00:00.000Z"'],
    ]);
  });

  it("are those of the session's own toJSON, if it has one", () => {
    expect([...partsOf({ hidden: 1, toJSON: () => ({ shown: 2 }) })]).toEqual([["shown", "2"]]);
    expect([...partsOf({ hidden: 1, toJSON: () => "text" })]).toEqual([]);
  });

  it.each([{}, { a: 1 }, { 'quo"te': [1, { b: null }], 7: "x", a: "ü" }])("join to %j", (value) => {
    expect(jsonOf(partsOf(value))).toBe(JSON.stringify(value));
  });
});

describe("changes", () => {
  it("are what was set, changed inside or removed since", () => {
    const session: Record<string, unknown> = { same: { a: 1 }, deep: { a: 1 }, gone: 1 };
    const before = base(session);
    (session["deep"] as { a: number }).a = 2;
    delete session["gone"];
    session["set"] = true;
    expect(changesSince(before, session)).toEqual([
      { key: "deep", json: '{"a":2}' },
      { key: "set", json: "true" },
      { key: "gone", json: undefined },
    ]);
  });

  it("are none when a value was replaced by an equal one, or the cookie changed", () => {
    const before = base({ cookie: { path: "/" }, deep: { a: 1 } });
    expect(changesSince(before, { cookie: { path: "/x" }, deep: { a: 1 } })).toEqual([]);
  });
});

describe("the memory of a base", () => {
  it("leaves no trace on the object, be it frozen", () => {
    const session = Object.freeze({ a: 1 });
    rememberBase(session, base(session));
    expect(Reflect.ownKeys(session)).toEqual(["a"]);
    expect(baseOf(session)).toEqual(base({ a: 1 }));
    expect(baseOf({ ...session })).toBeUndefined();
  });

  it("is replaced by a later one", () => {
    const session = {};
    rememberBase(session, base({ a: 1 }));
    rememberBase(session, base({ a: 2 }));
    expect(baseOf(session)).toEqual(base({ a: 2 }));
  });

  it("has nothing to say about what is no object", () => {
    for (const value of ["text", 5, null, undefined] as unknown as object[]) {
      rememberBase(value, base({}));
      expect(baseOf(value)).toBeUndefined();
    }
  });
});
