import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { StoreChange, TailHandlers } from "../engine/ports.ts";
import { ChangeLog } from "./memory-log.ts";
import { comparePlaces } from "../engine/listing.ts";
import type { Place } from "../engine/listing.ts";
import { CreationOrder } from "./memory-order.ts";
import { DeadlineWheel } from "./memory-wheel.ts";
import type { WheelEntry } from "./memory-wheel.ts";

interface Entry extends WheelEntry<Entry> {
  readonly name: number;
  at: number;
}

function entry(name: number, at: number): Entry {
  return { name, at, bucket: undefined, next: undefined, previous: undefined };
}

describe("DeadlineWheel", () => {
  const at = fc.integer({ min: -5_000, max: 60_000 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), at }),
    // Weighted to later: that is what touches do, and what the wheel is not told of.
    fc.record({
      kind: fc.constant("move" as const),
      pick: fc.nat(),
      by: fc.integer({ min: -9_000, max: 40_000 }),
    }),
    fc.record({ kind: fc.constant("remove" as const), pick: fc.nat() }),
    fc.record({
      kind: fc.constant("take" as const),
      now: at,
      limit: fc.integer({ min: 0, max: 5 }),
    }),
  );

  it("gives each entry once its deadline has come, never before, whatever moved meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
        const wheel = new DeadlineWheel<Entry>((one) => one.at);
        let model: Entry[] = [];
        for (const [index, one] of steps.entries()) {
          if (one.kind === "add") {
            const added = entry(index, one.at);
            wheel.schedule(added);
            model.push(added);
          } else if (one.kind === "take") {
            const { taken, more } = wheel.takeDue(one.now, one.limit);
            const due = model.filter((item) => item.at <= one.now);
            expect(taken.every((item) => due.includes(item))).toBe(true);
            expect(new Set(taken).size).toBe(taken.length);
            expect(taken.length).toBe(Math.min(due.length, one.limit));
            if (!more) expect(taken.length).toBe(due.length);
            model = model.filter((item) => !taken.includes(item));
          } else {
            const item = model[one.pick % Math.max(model.length, 1)];
            if (item === undefined) continue;
            if (one.kind === "remove") {
              wheel.remove(item);
              wheel.remove(item);
              model = model.filter((other) => other !== item);
            } else {
              item.at += one.by;
              // The wheel is told of earlier deadlines only.
              if (one.by < 0) wheel.schedule(item);
            }
          }
          expect(wheel.size).toBe(model.length);
        }
        const rest = wheel.takeDue(10_000_000, 1_000).taken;
        expect(new Set(rest)).toEqual(new Set(model));
        expect([wheel.size, wheel.earliest()]).toEqual([0, undefined]);
      }),
      { numRuns: 500 },
    );
  });

  it("stays short for a thread when very many moved on, and finds the due ones all the same", () => {
    const wheel = new DeadlineWheel<Entry>((one) => one.at);
    const entries = Array.from({ length: 50_000 }, (_, name) => entry(name, 5_000));
    for (const one of entries) wheel.schedule(one);
    for (const one of entries) if (one.name % 10_000 !== 0) one.at = 5_000_000;
    const taken: Entry[] = [];
    let calls = 0;
    for (let more = true; more; calls += 1) {
      const due = wheel.takeDue(20_000, 3);
      taken.push(...due.taken);
      ({ more } = due);
    }
    expect(taken.map((one) => one.name % 10_000)).toEqual([0, 0, 0, 0, 0]);
    expect(calls).toBeGreaterThan(2);
    expect(calls).toBeLessThan(10);
  });
});

describe("CreationOrder", () => {
  const place = fc.record({
    createdAt: fc.integer({ min: 0, max: 30 }),
    id: fc.string({ minLength: 1, maxLength: 2 }),
  });

  it("gives the same order as sorting, from any place, after any additions and removals", () => {
    const places = fc.uniqueArray(place, {
      selector: (one) => JSON.stringify(one),
      minLength: 1,
      maxLength: 1_500,
      size: "max",
    });
    fc.assert(
      fc.property(places, fc.nat(), place, (all, seed, from) => {
        const order = new CreationOrder<Place>((one) => one);
        for (const one of all) order.add(one);
        const left = all.filter((_, index) => (index * 7 + seed) % 3 !== 0);
        for (const one of all) if (!left.includes(one)) order.remove(one);
        const sorted = left.toSorted((a, b) => comparePlaces(b, a));
        expect([...order.before(undefined)]).toEqual(sorted);
        expect([...order.before(from)]).toEqual(
          sorted.filter((one) => comparePlaces(one, from) < 0),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("keeps the order over many chunks, appended and inserted", () => {
    const order = new CreationOrder<Place>((one) => one);
    const places = Array.from({ length: 5_000 }, (_, n) => ({
      createdAt: (n * 37) % 4_999,
      id: `${n}`,
    }));
    for (const one of places) order.add(one);
    const sorted = places.toSorted((a, b) => comparePlaces(b, a));
    expect([...order.before(undefined)]).toEqual(sorted);
    for (const one of places) order.remove(one);
    expect([...order.before(undefined)]).toEqual([]);
  });
});

describe("ChangeLog", () => {
  const change = { kind: "subject", tenant: "t", subject: "s" } as const;

  function listener(): TailHandlers & { readonly heard: (number | "gap")[] } {
    const heard: (number | "gap")[] = [];
    return {
      heard,
      change: (one: StoreChange) => void (one.kind === "subject" && heard.push(one.epoch)),
      gap: () => void heard.push("gap"),
    };
  }

  it("tells changes within the write that makes them, each listener all of them in order", () => {
    const log = new ChangeLog("i", 10);
    const [first, second] = [listener(), listener()];
    log.subscribe("now", {
      change(one) {
        first.change(one);
        // A listener that writes: what it writes comes after what it was told of, for everybody.
        if (one.kind === "subject" && one.epoch < 3)
          log.append({ ...change, epoch: one.epoch + 1 });
      },
    });
    log.subscribe("now", second);
    log.append({ ...change, epoch: 1 });
    expect([first.heard, second.heard]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("resumes from what the ring still holds, and tells a gap for what it has lost", async () => {
    const log = new ChangeLog("i", 5);
    const positions: string[] = [];
    log.subscribe("now", { change: (one) => void positions.push(one.position) });
    for (let epoch = 1; epoch <= 8; epoch += 1) log.append({ ...change, epoch });
    const heard = positions.map((from) => {
      const one = listener();
      log.subscribe(from, one);
      return one.heard;
    });
    await Promise.resolve();
    expect(heard.slice(2)).toEqual([[4, 5, 6, 7, 8], [5, 6, 7, 8], [6, 7, 8], [7, 8], [8], []]);
    expect(heard.slice(0, 2)).toEqual([["gap"], ["gap"]]);
  });

  it("tells a gap for the position of another incarnation or of the future", async () => {
    const log = new ChangeLog("i", 5);
    log.append({ ...change, epoch: 1 });
    for (const from of ["j:1", "i:99", "i:-1", "i:x", "i"]) {
      const one = listener();
      log.subscribe(from, one);
      log.append({ ...change, epoch: 2 });
      await Promise.resolve();
      expect(one.heard).toEqual(["gap", 2]);
    }
  });

  it("tells a gap to a listener whose own writes outran the ring", () => {
    const log = new ChangeLog("i", 4);
    const one = listener();
    log.subscribe("now", {
      ...one,
      change(told) {
        one.change(told);
        if (one.heard.length === 1)
          for (let n = 0; n < 9; n += 1) log.append({ ...change, epoch: n });
      },
    });
    log.append({ ...change, epoch: 100 });
    expect(one.heard).toEqual([100, "gap", 5, 6, 7, 8]);
  });

  it("proves its freshness with every change and, when it is quiet, five times a second", () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const log = new ChangeLog("i", 4);
    const proofs: unknown[] = [];
    const frontier = (position: string, at: number): void => void proofs.push([position, at]);
    const following = log.subscribe("now", { change: () => undefined, frontier });
    const began = performance.now();
    log.append({ ...change, epoch: 1 });
    vi.advanceTimersByTime(400);
    following.close();
    vi.advanceTimersByTime(400);
    vi.useRealTimers();
    expect(proofs).toEqual([0, 200, 400].map((after) => ["i:1", began + after]));
  });

  it("proves nothing where others may write past it", () => {
    const log = new ChangeLog("i", 4, false);
    let proofs = 0;
    log.subscribe("now", { change: () => undefined, frontier: () => void (proofs += 1) });
    log.append({ ...change, epoch: 1 });
    expect(proofs).toBe(0);
    log.close();
  });
});
