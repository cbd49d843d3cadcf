import { describe, expect, it } from "vitest";
import type { StoredSession } from "../../engine/ports.ts";
import { storedOf } from "../../../../../tests/support/scripted-store.ts";
import { Shelf } from "./shelf.ts";

const ROOMY = { maxSessions: 1_000, maxBytes: 1_000_000_000 };

function shelfOf(stored: readonly StoredSession[], limits: Partial<typeof ROOMY> = {}): Shelf {
  const shelf = new Shelf({ ...ROOMY, ...limits });
  for (const one of stored) shelf.put(one);
  return shelf;
}

function idsOf(shelf: Shelf, ids: readonly string[]): readonly string[] {
  return ids.filter((id) => shelf.get(id) !== undefined);
}

describe("the shelf", () => {
  it("drops the sessions of one subject, of no namesake in another tenant, and of nobody else", () => {
    const shelf = shelfOf([
      storedOf({ id: "a1", subject: "ada" }),
      storedOf({ id: "b1", subject: "ben" }),
      storedOf({ id: "a2", subject: "ada" }),
      storedOf({ id: "a3", subject: "ada" }),
      storedOf({ id: "t1", subject: "ada", tenant: "other" }),
      storedOf({ id: "n1", subject: null }),
    ]);
    expect(shelf.dropSubject("default", "ada")).toBe(3);
    expect(idsOf(shelf, ["a1", "a2", "a3", "b1", "t1", "n1"])).toEqual(["b1", "t1", "n1"]);
    expect(shelf.dropSubject("default", "ada")).toBe(0);
    expect(shelf.subjects).toBe(2);
  });

  it("keeps no subject without a session, in whatever order they leave", () => {
    const ids = ["1", "2", "3", "4", "5"];
    const stored = ids.map((id) => storedOf({ id, subject: "ada" }));
    for (const order of [ids, ids.toReversed(), ["3", "1", "5", "2", "4"]]) {
      const shelf = shelfOf(stored);
      for (const [index, id] of order.entries()) {
        expect(shelf.drop(id)).toBe(true);
        expect(shelf.drop(id)).toBe(false);
        const left = order.slice(index + 1);
        expect(idsOf(shelf, ids)).toEqual(ids.filter((one) => left.includes(one)));
      }
      expect([shelf.subjects, shelf.size, shelf.bytes]).toEqual([0, 0, 0]);
    }
  });

  it("holds no more sessions than it may, and lets go of what nobody looked at", () => {
    const shelf = shelfOf([], { maxSessions: 10 });
    const wanted = ["0", "1", "2"];
    for (let index = 0; index < 1_000; index += 1) {
      shelf.put(storedOf({ id: `${index}`, subject: `subject-${index}` }));
      for (const id of wanted) {
        const kept = shelf.get(id);
        if (kept !== undefined) kept.used = true;
      }
      expect(shelf.size).toBeLessThanOrEqual(10);
      expect(shelf.subjects).toBe(shelf.size);
    }
    expect(idsOf(shelf, wanted)).toEqual(wanted);
    expect(shelf.evictions).toBe(990);
  });

  it("lets go of something even when everything is looked at all the time", () => {
    const shelf = shelfOf([], { maxSessions: 200 });
    for (let index = 0; index < 1_000; index += 1) {
      shelf.put(storedOf({ id: `${index}` }));
      for (let one = 0; one <= index; one += 1) {
        const kept = shelf.get(`${one}`);
        if (kept !== undefined) kept.used = true;
      }
    }
    expect(shelf.size).toBe(200);
    // Making room for one takes a bounded number of looks.
    let used = 0;
    for (let one = 0; one < 1_000; one += 1) if (shelf.get(`${one}`)?.used === true) used += 1;
    shelf.put(storedOf({ id: "one more" }));
    for (let one = 0; one < 1_000; one += 1) if (shelf.get(`${one}`)?.used === true) used -= 1;
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThan(100);
  });

  it("holds no more bytes than it may, and nothing that is larger than all of it", () => {
    const data = { cart: "x".repeat(5_000) };
    const shelf = shelfOf([], { maxBytes: 50_000 });
    for (let index = 0; index < 100; index += 1) shelf.put(storedOf({ id: `${index}` }, data));
    expect(shelf.size).toBe(4);
    expect(shelf.bytes).toBeLessThanOrEqual(50_000);
    shelf.put(storedOf({ id: "99" }, { cart: "x".repeat(30_000) }));
    expect(shelf.get("99")).toBeUndefined();
    expect(shelf.size).toBe(3);
  });
});
