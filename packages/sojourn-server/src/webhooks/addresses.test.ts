import { describe, expect, it } from "vitest";
import { AddressError, addressRule, judgedLookup, readNetwork } from "./addresses.ts";

const publicOnly = addressRule([]);

describe("an address", () => {
  it("is taken when it is public", () => {
    for (const address of [
      "8.8.8.8",
      "1.1.1.1",
      "172.15.255.255",
      "172.32.0.0",
      "100.63.255.255",
      "223.255.255.255",
      "2606:4700:4700::1111",
      "2001:4860:4860::8888",
      "::ffff:8.8.8.8",
    ]) {
      expect([address, publicOnly(address, false)]).toEqual([address, true]);
    }
  });

  it("is refused when it is private, local to a link, of metadata, or no address at all", () => {
    for (const address of [
      "0.0.0.0",
      "10.0.0.1",
      "100.64.0.1",
      "127.0.0.1",
      "127.255.255.255",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.192",
      "192.168.1.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "::ffff:10.0.0.1",
      "::ffff:169.254.169.254",
      "64:ff9b::a00:1",
      "fd00::1",
      "fd00:ec2::254",
      "fe80::1",
      "ff02::1",
      "2002:a00:1::",
      "2001:db8::1",
      "2001::1",
      "localhost",
      "",
    ]) {
      expect([address, publicOnly(address, false)]).toEqual([address, false]);
    }
  });

  it("is taken in a network that is allowed besides, and without TLS on loopback alone", () => {
    const rule = addressRule(["10.20.0.0/16", "127.0.0.0/8", "fd00:1::/32"]);
    expect(rule("10.20.3.4", false)).toBe(true);
    expect(rule("10.21.0.1", false)).toBe(false);
    expect(rule("::ffff:10.20.3.4", false)).toBe(true);
    expect(rule("fd00:1::5", false)).toBe(true);
    expect(rule("127.0.0.1", true)).toBe(true);
    expect(rule("10.20.3.4", true)).toBe(false);
    expect(rule("8.8.8.8", true)).toBe(false);
    expect(publicOnly("127.0.0.1", true)).toBe(false);
  });

  it("is of a network as it is written, and of nothing else", () => {
    expect(readNetwork("10.0.0.0/8")).toEqual(["10.0.0.0", 8]);
    for (const text of ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "ten/8", "/8"]) {
      expect([text, readNetwork(text)]).toEqual([text, undefined]);
    }
  });
});

describe("a name", () => {
  const look = (
    rule: (address: string) => boolean,
    all: boolean,
    name = "localhost",
  ): Promise<unknown> =>
    new Promise((resolve) => {
      judgedLookup(rule, false)(name, { all }, (error, found) => resolve(error ?? found));
    });

  it("leads to the very addresses that were judged", async () => {
    const judged: string[] = [];
    const found = await look((address) => judged.push(address) > 0, true);
    expect((found as { address: string }[]).map(({ address }) => address)).toEqual(judged);
    expect(judged).toContain("127.0.0.1");
    expect(["127.0.0.1", "::1"]).toContain(await look(() => true, false));
  });

  it("is refused when one of its addresses is, and when it has none", async () => {
    const refused = await look((address) => publicOnly(address, false), true);
    expect(refused).toBeInstanceOf(AddressError);
    expect((refused as AddressError).code).toBe("refused-address");
    const nowhere = await look(() => true, true, "x".repeat(300));
    expect((nowhere as AddressError).code).toBe("unresolved");
  });
});
