import { compileFunction } from "node:vm";
import { describe, expect, it } from "vitest";
import { visit, world } from "../../../../tests/support/world.ts";
import type { Data } from "../../../../tests/support/world.ts";
import type { Session } from "./session.ts";

/** As CommonJS without "use strict" runs it, where a refused assignment is silent. */
function sloppily(code: string): (session: unknown) => unknown {
  return compileFunction(code, ["session"]) as (session: unknown) => unknown;
}

async function opened(production: boolean): Promise<Session<Data>> {
  const { sessions } = world({ production });
  const data = { cart: ["book"], user: { name: "Alice" } };
  const { session } = await sessions.open({ subject: "alice", data });
  return session;
}

describe.each([
  ["production", true],
  ["development", false],
])("assigning to a session in %s", (_name, production) => {
  it("throws and names what stores the value, whatever mode the code is in", async () => {
    const session = await opened(production);
    expect(() => Object.assign(session, { basket: [1] })).toThrow(
      new TypeError(
        'session.basket: a property is not stored; await session.set("basket", value) is, ' +
          "and session.data.basket reads it",
      ),
    );
    expect(() => sloppily("session.user = 1")(session)).toThrow(/await session\.set\("user", /);
    expect(Object.keys(session)).toEqual([]);
    const anonymous = (await visit(world({ production }))).session;
    expect(() => sloppily("session.user = 1")(anonymous)).toThrow(TypeError);
  });

  it("throws for what is read-only, and names the call that changes it", async () => {
    const session = await opened(production);
    expect(() => sloppily("session.data = { cart: [] }")(session)).toThrow(
      new TypeError("session.data: is read-only; change it with await session.set(key, value)"),
    );
    expect(() => sloppily("session.subject = 'bob'")(session)).toThrow(/session\.login\(/);
    expect(() => sloppily("session.roles = ['admin']")(session)).toThrow(/session\.setRoles\(/);
    expect(() => sloppily("session.id = 'x'")(session)).toThrow(/^session\.id: is read-only$/);
    expect(session.subject).toBe("alice");
  });

  it("throws for a change of the snapshot, at any depth", async () => {
    const session = await opened(production);
    const data = session.data as { cart: string[]; user: { name: string }; extra?: string };
    expect(() => (data.extra = "x")).toThrow(TypeError);
    expect(() => (data.cart = [])).toThrow(TypeError);
    expect(() => data.cart.push("pen")).toThrow(TypeError);
    expect(() => (data.user.name = "Bob")).toThrow(TypeError);
    expect(() => delete (data as { cart?: unknown }).cart).toThrow(TypeError);
    expect(session.data).toEqual({ cart: ["book"], user: { name: "Alice" } });
  });

  it("leaves alone what only looks, and what a test puts in place of a method", async () => {
    const session = await opened(production);
    expect(sloppily("return session.nothing")(session)).toBeUndefined();
    expect(sloppily("return 'nothing' in session")(session)).toBe(false);
    expect(session).toBeInstanceOf(Object);
    expect(JSON.stringify(session)).toBe("{}");
    const extend = (): Promise<void> => Promise.resolve();
    session.extend = extend;
    expect(session.extend).toBe(extend);
    expect(structuredClone(session.data["cart"])).toEqual(["book"]);
    const copy = { ...session.data, mine: true };
    expect(copy).toEqual({ cart: ["book"], user: { name: "Alice" }, mine: true });
    await session.update((draft) => void (draft["cart"] as string[]).push("pen"));
    expect(session.data["cart"]).toEqual(["book", "pen"]);
  });

  it.each(["regenerate", "destroy", "save", "reload", "touch"])(
    "says what there is instead of express-session's %s",
    async (name) => {
      const session = await opened(production);
      expect(() => sloppily(`session.${name}(() => undefined)`)(session)).toThrow(
        new RegExp(`^session\\.${name}: is express-session's; here `),
      );
    },
  );
});

describe("changing the snapshot in development", () => {
  it.each(["session.data.cart = []", "session.data.extra = 1", "delete session.data.cart"])(
    "names what stores the value: %s, also in sloppy mode",
    async (code) => {
      const session = await opened(false);
      expect(() => sloppily(code)(session)).toThrow(
        /^session\.data\.(cart|extra): the snapshot is read-only; await session\.set\("\1", /,
      );
    },
  );
});

describe("changing the snapshot in sloppy code", () => {
  it.each([
    [true, "session.data.cart = []"],
    [true, "session.data.user.name = 'Bob'"],
    [false, "session.data.user.name = 'Bob'"],
  ])("is silent where JavaScript is, and changes nothing (production %s: %s)", async (...is) => {
    const [production, code] = is;
    const session = await opened(production);
    sloppily(code)(session);
    expect(session.data).toEqual({ cart: ["book"], user: { name: "Alice" } });
    expect(() => sloppily("session.data.cart.push('pen')")(session)).toThrow(TypeError);
  });
});
