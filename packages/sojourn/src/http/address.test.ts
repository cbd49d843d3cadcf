import { BlockList, isIP } from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, isLoopbackAddress, printAddress, readAddress, readNetwork } from "./address.ts";

const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }));
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 });

/** A text of this address or of its look-alike, with zeros and case as they come. */
function spelled(groups: readonly number[]): string {
  return groups
    .map((value) =>
      value
        .toString(16)
        .padStart(value % 4, "0")
        .toUpperCase(),
    )
    .join(":");
}

describe("readAddress and printAddress", () => {
  it("agree on the canonical form of RFC 5952", () => {
    for (const [text, canonical] of [
      ["192.0.2.1", "192.0.2.1"],
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["::", "::"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["1::", "1::"],
      ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["::FFFF:c000:0201", "192.0.2.1"],
      ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
      ["fe80::1%eth0", "fe80::1"],
    ] as const) {
      expect(printAddress(readAddress(text) ?? []), text).toBe(canonical);
    }
  });

  it("come back to the same address from any spelling", () => {
    fc.assert(
      fc.property(ipv6, (groups) => {
        const address = readAddress(spelled(groups));
        expect(address).toBeDefined();
        const printed = printAddress(address ?? []);
        expect(isIP(printed)).not.toBe(0);
        expect(readAddress(printed)).toEqual(address);
      }),
    );
  });

  it("accept exactly what the platform accepts", () => {
    // Six to ten groups with a gap or two: the counts where right turns into wrong.
    const counted = fc
      .array(fc.constantFrom("0", "1", "ffff", "1.2.3.4", ""), { minLength: 6, maxLength: 10 })
      .map((parts) => parts.join(":"));
    const text = fc.oneof(
      fc
        .array(fc.constantFrom(":", "::", ".", "0", "1", "ff", "255", "256", "00", "g", "%", "["), {
          maxLength: 12,
        })
        .map((parts) => parts.join("")),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ unit: "binary", maxLength: 80 }),
    );
    for (const wrong of [
      "1::2::3",
      "::1::",
      "1:2:3:4::5:6:7:8",
      "1:2:3:4:5:6:7:8::",
      ":1",
      "1:",
      ":::",
    ]) {
      expect(readAddress(wrong), wrong).toBeUndefined();
      expect(isIP(wrong), wrong).toBe(0);
    }
    fc.assert(
      fc.property(fc.oneof(text, counted), (candidate) => {
        fc.pre(!candidate.includes("%"));
        expect(readAddress(candidate) !== undefined).toBe(isIP(candidate) !== 0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("readNetwork and contains", () => {
  it("agree with the platform's own block list", () => {
    const address = fc.oneof(
      fc.ipV4(),
      ipv6.map((groups) => printAddress(groups)),
    );
    fc.assert(
      fc.property(
        address,
        address,
        fc.nat({ max: 128 }),
        fc.boolean(),
        (base, other, size, near) => {
          const groups = readAddress(base) ?? [];
          const width = groups.length * 16;
          const bits = size % (width + 1);
          const masked = groups.map((value, index) => {
            const kept = Math.min(Math.max(bits - index * 16, 0), 16);
            return value & ((0xffff << (16 - kept)) & 0xffff);
          });
          const network = readNetwork(`${printAddress(masked)}/${bits}`);
          if (typeof network === "string") throw new Error(network);
          const list = new BlockList();
          list.addSubnet(printAddress(masked), bits, width === 32 ? "ipv4" : "ipv6");
          const candidate = near ? base : other;
          // By what was read: ::ffff:0:0 is 0.0.0.0, an IPv4 address.
          const asked = readAddress(candidate) ?? [];
          const family = asked.length === 2 ? "ipv4" : "ipv6";
          // The platform lets ::/0 hold IPv4 too; here the families never meet.
          const meets = asked.length === groups.length;
          const expected = meets && list.check(printAddress(asked), family);
          expect(contains(network, asked)).toBe(expected);
        },
      ),
      { numRuns: 1000, examples: [["::ffff:0:0", "0.0.0.0", 0, true]] },
    );
  });

  it("names what is wrong with a network, and the fix for host bits", () => {
    expect(readNetwork("10.1.0.1/8")).toBe("has bits set behind the first 8; write 10.0.0.0/8");
    for (const text of [
      "",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/08",
      "fd00::/129",
      "x/8",
      "10.0.0.0/8/8",
      "::ffff:10.0.0.0/8",
    ]) {
      expect(typeof readNetwork(text), text).toBe("string");
    }
    expect(readNetwork("::ffff:10.0.0.0/104")).toEqual(readNetwork("10.0.0.0/8"));
  });
});

describe("isLoopbackAddress", () => {
  it("knows 127.0.0.0/8 and ::1, however written", () => {
    for (const text of [
      "127.0.0.1",
      "127.255.255.255",
      "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
    ]) {
      expect(isLoopbackAddress(text), text).toBe(true);
    }
    for (const text of ["128.0.0.1", "126.255.255.255", "::2", "::", "127.1", "localhost", ""]) {
      expect(isLoopbackAddress(text), text).toBe(false);
    }
  });
});
