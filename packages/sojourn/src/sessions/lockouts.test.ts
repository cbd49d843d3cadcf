import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, printAddress, readAddress, readNetwork } from "../http/address.ts";
import { Lockouts } from "./lockouts.ts";
import type { Lockout, LockoutKind } from "./lockouts.ts";

let count = 0;

function lockout(kind: LockoutKind, value: string, more: Partial<Lockout> = {}): Lockout {
  count += 1;
  return { id: `lck_${count}`, tenant: "t", kind, value, message: `${kind} ${value}`, ...more };
}

const HANDLE = `ses_${"a".repeat(24)}`;
const WHO = {
  tenant: "t",
  id: "a".repeat(24),
  subject: "alice",
  device: { id: "dev", address: "198.51.100.7" },
  client: "app",
};

describe("lockouts", () => {
  it("keep out whom one is about, and nobody beside", () => {
    const rows: readonly (readonly [LockoutKind, string, string])[] = [
      ["session", HANDLE, `ses_${"b".repeat(24)}`],
      ["subject", "alice", "alic"],
      ["device", "dev", "dev2"],
      ["client", "app", "App"],
      ["network", "203.0.113.0/24", "203.0.112.0/24"],
      ["network", "198.51.100.7", "198.51.100.8"],
      ["tenant", "", ""],
    ];
    for (const [kind, value, beside] of rows) {
      const hit = new Lockouts();
      const own = lockout(kind, value);
      hit.set(own);
      expect(hit.find(WHO, 0, "203.0.113.9")).toBe(own);
      expect(hit.find({ ...WHO, tenant: "u" }, 0, "203.0.113.9")).toBeUndefined();
      const miss = new Lockouts();
      miss.set(kind === "tenant" ? lockout(kind, "", { tenant: "u" }) : lockout(kind, beside));
      expect(miss.find(WHO, 0, "203.0.113.9")).toBeUndefined();
    }
  });

  it("say the most specific one first", () => {
    const lockouts = new Lockouts();
    const kinds: readonly (readonly [LockoutKind, string])[] = [
      ["tenant", ""],
      ["network", "203.0.113.0/24"],
      ["client", "app"],
      ["device", "dev"],
      ["subject", "alice"],
      ["session", HANDLE],
    ];
    for (const [kind, value] of kinds) {
      lockouts.set(lockout(kind, value));
      expect(lockouts.find(WHO, 0, "203.0.113.9")?.kind).toBe(kind);
    }
  });

  it("end at their expiry, not one millisecond before", () => {
    const lockouts = new Lockouts();
    lockouts.set(lockout("subject", "alice", { expiresAt: 1_000 }));
    lockouts.set(lockout("tenant", "", { expiresAt: 2_000 }));
    const kindAt = (now: number) => lockouts.find(WHO, now)?.kind;
    expect([999, 1_000, 1_999, 2_000].map(kindAt)).toEqual([
      "subject",
      "tenant",
      "tenant",
      undefined,
    ]);
  });

  it("hold a target once: the newer word counts, under whatever id, and is lifted for good", () => {
    const lockouts = new Lockouts();
    const rows: readonly (readonly [LockoutKind, string])[] = [
      ["subject", "alice"],
      ["network", "203.0.113.0/24"],
      ["tenant", ""],
    ];
    for (const [kind, value] of rows) {
      const [old, young] = [lockout(kind, value), lockout(kind, value)];
      lockouts.set(old);
      lockouts.set(young);
      expect(lockouts.find(WHO, 0, "203.0.113.9")).toBe(young);
      lockouts.lift(old.id);
      expect(lockouts.find(WHO, 0, "203.0.113.9")).toBe(young);
      lockouts.lift(young.id);
      expect(lockouts.find(WHO, 0, "203.0.113.9")).toBeUndefined();
      expect([lockouts.size, lockouts.hasNetworks]).toEqual([0, false]);
    }
  });

  it("tell what was set and what was lifted, and move their version", () => {
    const lockouts = new Lockouts();
    const told: unknown[] = [];
    const listening = lockouts.onChange((change) => told.push(change));
    const [a, b] = [lockout("subject", "a"), lockout("subject", "b")];
    lockouts.change([a, b], []);
    const before = lockouts.version;
    lockouts.replace([b]);
    expect(lockouts.version).toBeGreaterThan(before);
    lockouts.change([], []);
    expect(told).toEqual([
      { set: [a, b], lifted: [] },
      { set: [b], lifted: [a, b] },
    ]);
    listening.close();
    lockouts.lift(b.id);
    expect(told).toHaveLength(2);
  });

  it("refuse what would keep nobody out, and change nothing then", () => {
    const lockouts = new Lockouts();
    const wrong = [
      lockout("network", "203.0.113.1/24"),
      lockout("network", "10.0.0.0/33"),
      lockout("network", "anywhere"),
      lockout("session", "ses_short"),
      lockout("subject", ""),
      lockout("tenant", "t"),
      lockout("person" as LockoutKind, "x"),
    ];
    for (const one of wrong) {
      const both = (): void => lockouts.change([lockout("subject", "fine"), one], []);
      expect(both).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
    }
    expect([lockouts.size, lockouts.version]).toEqual([0, 0]);
  });

  it("know one host however its address is written", () => {
    const lockouts = new Lockouts();
    lockouts.set(lockout("network", "192.0.2.0/24"));
    lockouts.set(lockout("network", "2001:db8::/32"));
    const nobody = { tenant: "t", subject: null };
    for (const address of ["192.0.2.9", "::ffff:192.0.2.9", "2001:DB8:0::1", "2001:db8::1%eth0"]) {
      expect(lockouts.find(nobody, 0, address)?.kind).toBe("network");
    }
    for (const address of ["192.0.3.9", "2001:db9::1", "unknown", "", "192.0.2"]) {
      expect(lockouts.find(nobody, 0, address)).toBeUndefined();
    }
  });
});

describe("many networks", () => {
  // Few distinct leading bits, so that networks nest and addresses fall into them.
  const group = fc.constantFrom(0, 0x0a00, 0x0a01, 0x0a80, 0xc0a8);
  const address = fc.oneof(
    fc.tuple(group, group),
    fc.tuple(fc.constant(0x2001), group, group, group, group, group, group, group),
  );
  const network = fc.tuple(address, fc.nat({ max: 32 })).map(([groups, bits]) => {
    const masked = groups.map((one, at) => {
      const left = Math.min(Math.max(bits - at * 16, 0), 16);
      return one & ((0xffff << (16 - left)) & 0xffff);
    });
    return `${printAddress(masked)}/${bits}`;
  });

  it("give the innermost one that holds, as a look at each of them would", () => {
    let hits = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(network, fc.boolean()), {
          minLength: 1,
          maxLength: 40,
          selector: ([text]) => text,
        }),
        fc.array(address, { minLength: 1, maxLength: 20 }),
        fc.nat({ max: 10 }),
        (networks, addresses, lift) => {
          const lockouts = new Lockouts();
          const all = networks.map(([text, over]) =>
            lockout("network", text, over ? { expiresAt: 5 } : {}),
          );
          lockouts.change(all, []);
          for (const { id } of all.slice(0, lift)) lockouts.lift(id);
          const left = all.slice(lift).filter(({ expiresAt }) => expiresAt === undefined);
          for (const groups of addresses) {
            const text = printAddress(groups);
            const around = left.filter(({ value }) => within(value, text));
            const bits = around.map(({ value }) => Number(value.split("/")[1]));
            const found = lockouts.find({ tenant: "t", subject: null }, 7, text);
            expect(found?.value).toBe(around[bits.indexOf(Math.max(...bits))]?.value);
            if (found !== undefined) hits += 1;
          }
        },
      ),
      { seed: 6, numRuns: 200 },
    );
    expect(hits).toBeGreaterThan(200);
  });
});

function within(network: string, address: string): boolean {
  const [read, at] = [readNetwork(network), readAddress(address)];
  return typeof read !== "string" && at !== undefined && contains(read, at);
}
