import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { visit, world } from "../../../../tests/support/world.ts";
import type { ForeignSessions } from "./foreign.ts";

/** A format whose only session holds `data`; it counts the ends. */
function formatOf(data: unknown): ForeignSessions & { ended: number } {
  return {
    name: "test",
    expire: [],
    ended: 0,
    present: () => true,
    find: () =>
      Promise.resolve({ state: "live", key: "k", session: { subject: "a", data: data as object } }),
    end() {
      this.ended += 1;
      return Promise.resolve();
    },
  };
}

describe("a format", () => {
  it("that gives no plain object as data is at fault: 500, and the old session stays", async () => {
    class Cart {
      readonly items: readonly string[] = ["apple"];
    }
    const wrong = [
      undefined,
      null,
      "x",
      1,
      [1],
      new Map([["a", 1]]),
      new Cart(),
      Promise.resolve({}),
    ];
    for (const data of wrong) {
      const format = formatOf(data);
      const place = world({ convert: [format] });
      const { refusal, session } = await visit(place);
      expect([data, refusal?.status, session.subject]).toEqual([data, 500, null]);
      expect([format.ended, place.store.calls("create")]).toEqual([0, 0]);
      expect(place.errors[0]).toBeInstanceOf(ConfigError);
      expect(String(place.errors[0])).toContain("convert (test): session.data: a plain object");
    }
  });

  it("that throws is at fault, too: 500, nothing is stored, and its words stay in the log", async () => {
    const broken = new TypeError("Cannot read properties of undefined (reading 'mail of alice')");
    const format = { ...formatOf({}), find: () => Promise.reject(broken) };
    const place = world({ convert: [format] });
    const { refusal, session } = await visit(place);
    expect([refusal?.status, session.subject, place.store.calls("create")]).toEqual([500, null, 0]);
    expect(refusal?.body).not.toContain("alice");
    const [told] = place.errors;
    expect(told).toBeInstanceOf(ConfigError);
    expect(String(told)).toContain("convert (test): threw TypeError on a session of its own");
    expect(String(told)).not.toContain("alice");
    expect((told as ConfigError).cause).toBe(broken);
  });

  it("may give an object without a prototype", async () => {
    const bare = Object.assign(Object.create(null) as object, { cart: 1 });
    const { session } = await visit(world({ convert: [formatOf(bare)] }));
    expect(session.data).toEqual({ cart: 1 });
  });
});
