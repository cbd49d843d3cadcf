import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { clientOf, forwardedRules } from "./forwarded.ts";
import type { ForwardedOptions } from "./forwarded.ts";

const PROXY = "10.0.0.1";
const PROXIES = ["10.0.0.0/8", "fd00::/8"];
const plain = forwardedRules({ proxies: PROXIES });
const standard = forwardedRules({ proxies: PROXIES, header: "forwarded" });

function client(
  headers: Record<string, string>,
  rules = plain,
  remoteAddress: string | undefined = PROXY,
) {
  return clientOf(rules, {
    remoteAddress,
    header: (name) => headers[name],
    encrypted: false,
  });
}

function addressOf(value: string, rules = plain) {
  const name = rules.header === "forwarded" ? "forwarded" : "x-forwarded-for";
  return client({ [name]: value }, rules).address;
}

const SPOOF = {
  "x-forwarded-for": "192.0.2.66",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "evil.example",
  "x-real-ip": "192.0.2.66",
  forwarded: "for=192.0.2.66;proto=https;host=evil.example",
  host: "app.example",
};

describe("clientOf without a configured hop", () => {
  const socket = { address: "198.51.100.7", protocol: "http", host: "app.example", via: "socket" };

  it("[TR-03] ignores every forwarding header from a peer that is no hop", () => {
    for (const rules of [plain, standard, forwardedRules({}), forwardedRules({ proxies: [] })]) {
      expect(client(SPOOF, rules, "198.51.100.7")).toEqual(socket);
      expect(client(SPOOF, rules, "::ffff:198.51.100.7")).toEqual(socket);
    }
  });

  it("[TR-02] believes no peer unless the deployment names it, loopback included", () => {
    for (const peer of ["127.0.0.1", "::1", "10.0.0.1"]) {
      expect(client(SPOOF, forwardedRules({}), peer)).toMatchObject({
        address: peer,
        via: "socket",
      });
    }
    expect(client(SPOOF, plain, "127.0.0.1").via).toBe("socket");
    expect(client(SPOOF, forwardedRules({ proxies: ["loopback"] }), "::1").via).toBe("proxy");
  });

  it("tells the socket's protocol, and no address where there is none", () => {
    const connection = { remoteAddress: undefined, header: () => undefined, encrypted: true };
    const none = { address: undefined, protocol: "https", host: undefined, via: "socket" };
    expect(clientOf(plain, connection)).toEqual(none);
    expect(clientOf(plain, { ...connection, remoteAddress: "/run/app.sock" })).toEqual(none);
  });
});

describe("clientOf with X-Forwarded-*", () => {
  it("[TR-03] reads from the right: the first address that is no hop is the client", () => {
    expect(addressOf("203.0.113.9")).toBe("203.0.113.9");
    expect(addressOf("192.0.2.66, 203.0.113.9")).toBe("203.0.113.9");
    expect(addressOf("192.0.2.66, 203.0.113.9, 10.0.0.2, fd00::2")).toBe("203.0.113.9");
    expect(addressOf("10.0.0.3 ,10.0.0.2")).toBe("10.0.0.3");
    expect(addressOf("192.0.2.66, ::ffff:10.0.0.2")).toBe("192.0.2.66");
  });

  it("[TR-03] reads only the chosen headers, never X-Real-IP", () => {
    const address = "203.0.113.9";
    expect(client({ ...SPOOF, "x-forwarded-for": address })).toMatchObject({ address });
    const forwarded = `for=${address}`;
    expect(client({ ...SPOOF, forwarded }, standard)).toMatchObject({ address, protocol: "http" });
    expect(client({ "x-real-ip": "192.0.2.66" })).toMatchObject({ address: PROXY, via: "socket" });
  });

  it("keeps the last address it could trust when an entry is garbage", () => {
    for (const garbage of [
      "unknown",
      "_hidden",
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "::g",
      "[::1",
      "a:b",
      "1.2.3.4:",
      "1.2.3.4:port",
      "1.2.3.4:123456",
      "[1.2.3.4]",
      "\0",
      "é",
      "x".repeat(1 << 16),
    ]) {
      expect(addressOf(`203.0.113.9, ${garbage}`), garbage.slice(0, 20)).toBe(PROXY);
      expect(addressOf(`${garbage}, 10.0.0.2`), garbage.slice(0, 20)).toBe("10.0.0.2");
    }
  });

  it("takes ports, brackets and spellings off", () => {
    expect(addressOf("203.0.113.9:4711")).toBe("203.0.113.9");
    expect(addressOf("[2001:DB8::1]:4711")).toBe("2001:db8::1");
    expect(addressOf("[2001:db8::1]")).toBe("2001:db8::1");
    expect(addressOf("2001:db8:0:0::1")).toBe("2001:db8::1");
    expect(addressOf("::ffff:203.0.113.9")).toBe("203.0.113.9");
  });

  it("[TR-03] takes protocol and host of the hop that names the client", () => {
    const two = {
      "x-forwarded-for": "203.0.113.9, 10.0.0.2",
      "x-forwarded-proto": "https, http",
      "x-forwarded-host": "app.example, inner",
    };
    expect(client(two)).toEqual({
      address: "203.0.113.9",
      protocol: "https",
      host: "app.example",
      via: "proxy",
    });
    const spoofed = {
      "x-forwarded-for": "192.0.2.66, 203.0.113.9",
      "x-forwarded-proto": "https, http",
    };
    expect(client(spoofed)).toMatchObject({ address: "203.0.113.9", protocol: "http" });
    const overwritten = { ...two, "x-forwarded-proto": "https", "x-forwarded-host": "app.example" };
    expect(client(overwritten)).toMatchObject({ protocol: "https", host: "app.example" });
    const uneven = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https, http" };
    expect(client(uneven)).toMatchObject({ protocol: "http" });
  });

  it("uses the protocol of a hop that names no client", () => {
    expect(client({ "x-forwarded-proto": "https" })).toMatchObject({
      address: PROXY,
      protocol: "https",
      via: "proxy",
    });
    expect(client({ "x-forwarded-for": "unknown", "x-forwarded-proto": "https" })).toMatchObject({
      address: PROXY,
      protocol: "https",
    });
  });

  it("falls back to the socket for a protocol or host that cannot be meant", () => {
    for (const protocol of ["", "ftp", "https://", "h\0", "x".repeat(1 << 16)]) {
      const headers = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": protocol };
      expect(client(headers).protocol).toBe("http");
    }
    for (const host of ["a b", "a/b", "", "é", "a@b", "x".repeat(262)]) {
      const headers = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": host,
        host: "app.example",
      };
      expect(client(headers).host).toBe("app.example");
    }
    expect(client({ host: "a b" }).host).toBeUndefined();
    expect(client({ "x-forwarded-proto": "WSS" }).protocol).toBe("https");
    expect(client({ "x-forwarded-proto": "ws" }).protocol).toBe("http");
  });

  it("follows at most 32 hops", () => {
    const hops = (count: number) => `203.0.113.9${", 10.0.0.2".repeat(count)}`;
    expect(addressOf(hops(31))).toBe("203.0.113.9");
    expect(addressOf(hops(32))).toBe("10.0.0.2");
    expect(addressOf(hops(100_000))).toBe("10.0.0.2");
  });
});

describe("clientOf with Forwarded", () => {
  it("reads addresses, quoted strings and IPv6 with a port", () => {
    const full = 'For="[2001:db8::9]:4711";Proto=HTTPS;host="app.example:8443";by=10.0.0.1';
    expect(client({ forwarded: `for=192.0.2.66, ${full}` }, standard)).toEqual({
      address: "2001:db8::9",
      protocol: "https",
      host: "app.example:8443",
      via: "proxy",
    });
    expect(addressOf('for="203.0.113.9:4711"', standard)).toBe("203.0.113.9");
    expect(addressOf('for="203\\.0.113.9"', standard)).toBe("203.0.113.9");
    expect(addressOf("for=203.0.113.9;;ext=1;, ,", standard)).toBe("203.0.113.9");
  });

  it("takes protocol and host of the element that names the client", () => {
    const forwarded = "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http;host=inner";
    expect(client({ forwarded, host: "app.example" }, standard)).toEqual({
      address: "203.0.113.9",
      protocol: "https",
      host: "app.example",
      via: "proxy",
    });
  });

  it("keeps the last address it could trust at obfuscated and unknown nodes", () => {
    for (const node of ["unknown", "_hidden", '"_h:_p"', '"[::1"', '""', "1.2.3"]) {
      expect(addressOf(`for=203.0.113.9, for=${node}`, standard), node).toBe(PROXY);
    }
    expect(addressOf("for=203.0.113.9, proto=https", standard)).toBe(PROXY);
  });

  it("[TR-03] believes nothing of a header with any malformed part", () => {
    for (const bad of [
      'for="203.0.113.9',
      "for=",
      "for",
      "=203.0.113.9",
      "for 203.0.113.9",
      'for="203.0.113.9"x=1',
      "for=203.0.113.9 proto=https",
      'for="a"b',
      "for=a b",
      "for=203.0.113.9;for=192.0.2.66",
      "for=[2001:db8::1]",
      "for=1.2.3.4:80",
      'for="a\\',
      "for=203.0.113.9\0",
      "for=é",
      `for=203.0.113.9;x=${"y".repeat(8192)}`,
    ]) {
      const seen = client({ forwarded: bad, host: "app.example" }, standard);
      expect(seen, bad.slice(0, 40)).toEqual({
        address: PROXY,
        protocol: "http",
        host: "app.example",
        via: "socket",
      });
    }
  });

  it("[TR-03] never lets a client's open quote swallow what a hop appends", () => {
    const opening = fc.array(
      fc.constantFrom('"', "\\", ",", ";", "=", " ", "for=192.0.2.66", "x", "proto=https", '"a"'),
      { maxLength: 12 },
    );
    const appended = fc.constantFrom(
      "for=203.0.113.9",
      'for="203.0.113.9:1"',
      'for=203.0.113.9;host="app.example:1"',
      'by="_b";for=203.0.113.9;proto=http',
    );
    fc.assert(
      fc.property(opening, appended, (parts, own) => {
        const address = addressOf(`${parts.join("")}, ${own}`, standard);
        expect(["203.0.113.9", PROXY]).toContain(address);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("clientOf as a whole", () => {
  it("is total: any header gives an address that was named or the peer, in bounded time", () => {
    const text = fc.oneof(
      fc
        .array(
          fc.constantFrom(
            "for=",
            ",",
            ";",
            '"',
            "[",
            "]",
            "::",
            "1.2.3.4",
            "=",
            "\\",
            "\0",
            "\r\n",
            " ",
          ),
          {
            maxLength: 30,
          },
        )
        .map((parts) => parts.join("")),
      fc.string({ unit: "binary", maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(plain, standard), (header, rules) => {
        const connection = { remoteAddress: PROXY, header: () => header, encrypted: false };
        const seen = clientOf(rules, connection);
        expect(seen.address).toMatch(/^[0-9a-f.:]+$/);
        expect(["http", "https"]).toContain(seen.protocol);
      }),
      { numRuns: 2000 },
    );
    for (const unit of [",", "1.2.3.4,", "10.0.0.2,", '"', "for=a;", 'for="\\"";', " ", "\0"]) {
      const header = unit.repeat(Math.floor((1 << 20) / unit.length));
      const start = performance.now();
      clientOf(plain, { remoteAddress: PROXY, header: () => header, encrypted: false });
      clientOf(standard, { remoteAddress: PROXY, header: () => header, encrypted: false });
      expect(performance.now() - start, unit).toBeLessThan(500);
    }
  });
});

describe("forwardedRules", () => {
  function problemsOf(options: unknown): readonly string[] {
    try {
      forwardedRules(options as ForwardedOptions);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map((problem) => problem.path);
      throw error;
    }
    return [];
  }

  it("lists every entry that cannot be meant", () => {
    expect(
      problemsOf({
        proxies: [
          "10.0.0.0/8",
          "10.0.0.1/8",
          "0.0.0.0/0",
          "::/0",
          "proxy.example",
          1,
          "loopback",
          "",
        ],
        header: "x-real-ip",
      }),
    ).toEqual([
      "proxies[1]",
      "proxies[2]",
      "proxies[3]",
      "proxies[4]",
      "proxies[5]",
      "proxies[7]",
      "forwardedHeader",
    ]);
  });

  it("takes no boolean, number or bare string for the list", () => {
    for (const proxies of [true, 1, "loopback", {}]) {
      expect(problemsOf({ proxies })).toEqual(["proxies"]);
    }
    expect(problemsOf({ proxies: Array.from({ length: 257 }, () => "loopback") })).toEqual([
      "proxies",
    ]);
  });
});
