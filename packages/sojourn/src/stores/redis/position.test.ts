import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { positionOf, seqsOf, Step } from "./position.ts";
import { ownersOf, slotOf } from "./slots.ts";

const BUCKETS = 256;
const seqs = fc.array(fc.oneof(fc.constant(0), fc.nat()), {
  minLength: BUCKETS,
  maxLength: BUCKETS,
});

describe("a position", () => {
  it("is read as it was written, by the incarnation it is of alone", () => {
    fc.assert(
      fc.property(seqs, (given) => {
        const position = positionOf("one", given);
        expect(seqsOf(position, "one", BUCKETS)).toEqual(given);
        expect(seqsOf(position, "two", BUCKETS)).toBeUndefined();
      }),
    );
  });

  it("is short where few buckets have changes", () => {
    const given = Array.from({ length: 65_536 }, () => 0);
    given[4_000] = 17;
    expect(positionOf("one", given).length).toBeLessThan(12);
    expect(seqsOf(positionOf("one", given), "one", 65_536)).toEqual(given);
  });

  it("is refused when it is none, or of more buckets than there are", () => {
    for (const odd of ["", "one", "one:-1", "one:a b", "one:1.2.3", "one:_3.1", "one:1..?"]) {
      expect(seqsOf(odd, "one", 2)).toBeUndefined();
    }
    expect(seqsOf("one:", "one", 2)).toEqual([0, 0]);
  });

  it("after a change is that of the place it came from, and of all changes since", () => {
    const place = { incarnation: "one", seqs: [4, 0, 9] };
    const first = new Step(place, 1, 1);
    const third = new Step(new Step(first, 0, 5), 1, 2);
    expect(first.position()).toBe(positionOf("one", [4, 1, 9]));
    expect(third.position()).toBe(positionOf("one", [5, 2, 9]));
    expect(third.length).toBe(3);
  });
});

describe("slots", () => {
  it("are those of the cluster's specification", () => {
    expect(slotOf("123456789")).toBe(0x31c3);
    expect(slotOf("{ff}abc")).toBe(slotOf("ff"));
    expect(slotOf("foo{}{bar}")).not.toBe(slotOf("bar"));
    expect(slotOf("foo{{bar}}zap")).toBe(slotOf("{bar"));
  });

  it("belong to whom a node names, or to itself where it does not know its name", () => {
    const reply = [
      [0, 9, ["10.0.0.1", 6379, "id"], ["10.0.0.2", 6379, "id"]],
      [10, 10, ["", 6380, "id"]],
    ];
    const owners = ownersOf(reply, "host:1");
    expect(owners[9]).toBe("10.0.0.1:6379");
    expect(owners[10]).toBe("host:6380");
    expect(owners[11]).toBeUndefined();
  });
});
