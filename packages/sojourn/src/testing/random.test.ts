import { describe, expect, it } from "vitest";
import { SeededRandom } from "./random.ts";
import { InsecureSeededEntropy } from "./seeded-entropy.ts";

describe("SeededRandom", () => {
  it("repeats itself for the same seed and not for the next", () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 20 }, () => random.uint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(new Set([...draw(7), ...draw(8)]).size).toBe(40);
  });

  it("draws whole numbers evenly, both ends included", () => {
    const random = new SeededRandom(1);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let draw = 0; draw < 60_000; draw += 1) {
      const face = random.int(1, 6);
      counts[face - 1] = (counts[face - 1] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it("shuffles into every order and loses nothing", () => {
    const random = new SeededRandom(2);
    const orders = new Set(Array.from({ length: 200 }, () => random.shuffle([1, 2, 3]).join("")));
    expect([...orders].toSorted()).toEqual(["123", "132", "213", "231", "312", "321"]);
  });

  it("refuses to pick from nothing", () => {
    expect(() => new SeededRandom(3).pick([])).toThrow(RangeError);
  });

  it("keeps a fork's draws apart from its own", () => {
    const [a, b] = [new SeededRandom(4), new SeededRandom(4)];
    const [fork, other] = [a.fork(), b.fork()];
    for (let draw = 0; draw < 10; draw += 1) fork.uint32();
    expect(a.uint32()).toBe(b.uint32());
    expect(other.uint32()).not.toBe(b.uint32());
  });
});

describe("InsecureSeededEntropy", () => {
  it("gives the bytes of its seed, as many as asked for", () => {
    const [a, b] = [new InsecureSeededEntropy(9), new InsecureSeededEntropy(9)];
    expect(a.bytes(33)).toEqual(b.bytes(33));
    expect(a.bytes(33)).not.toEqual(new InsecureSeededEntropy(10).bytes(33));
    expect(a.bytes(0)).toHaveLength(0);
  });
});
