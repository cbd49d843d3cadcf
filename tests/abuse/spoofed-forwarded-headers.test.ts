/** The client writes the headers that only a proxy of ours may write. */
import { afterEach, describe, expect, it } from "vitest";
import { ask, KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import { leave, visit, world } from "../support/world.ts";
import type { WorldOptions } from "../support/world.ts";

afterEach(stopServers);

const PRODUCTION = { production: true, csrf: { origins: ["https://app.example"] } } as const;
const LIES = {
  "x-forwarded-proto": "https",
  "x-forwarded-for": "127.0.0.1",
  "x-forwarded-host": "app.example",
  "x-forwarded-ssl": "on",
  "front-end-https": "on",
  "x-real-ip": "127.0.0.1",
  "x-url-scheme": "https",
  forwarded: "for=127.0.0.1;proto=https;host=app.example",
} as const;

/** A login over plain HTTP from a stranger's address. @returns true when a cookie left. */
async function loggedIn(
  options: WorldOptions,
  headers: Readonly<Record<string, string>>,
  remoteAddress = "203.0.113.9",
): Promise<boolean> {
  const place = world({ ...PRODUCTION, ...options });
  const view = { encrypted: false, remoteAddress };
  const exchange = await visit(place, { headers, view });
  await exchange.session.login("alice");
  return leave(exchange).cookies.length > 0;
}

describe("spoofed forwarding headers", () => {
  it("[TR-03] [TR-02] make no plain request a TLS one where no proxy is configured", async () => {
    expect(await loggedIn({}, LIES)).toBe(false);
    expect(await loggedIn({ production: false }, LIES)).toBe(false);
  });

  it("[TR-03] are not believed from a peer that is no configured hop", async () => {
    const proxies = ["10.0.0.0/8"];
    expect(await loggedIn({ proxies }, LIES)).toBe(false);
    expect(await loggedIn({ proxies }, { "x-forwarded-proto": "https" }, "10.1.2.3")).toBe(true);
  });

  it("[TR-03] do not outrank what the hop itself wrote, to their right", async () => {
    const proxies = ["10.0.0.0/8"];
    const header = {
      "x-forwarded-proto": "https, http",
      "x-forwarded-for": "127.0.0.1, 203.0.113.9",
    };
    expect(await loggedIn({ proxies }, header, "10.1.2.3")).toBe(false);
  });

  it("[TR-03] of the family that is not configured are not read", async () => {
    const proxies = ["10.0.0.0/8"];
    const { forwarded } = LIES;
    expect(await loggedIn({ proxies }, { forwarded }, "10.1.2.3")).toBe(false);
    const other = { proxies, forwardedHeader: "forwarded" } as const;
    expect(await loggedIn(other, { "x-forwarded-proto": "https" }, "10.1.2.3")).toBe(false);
    expect(await loggedIn(other, { forwarded: "proto=https" }, "10.1.2.3")).toBe(true);
  });

  it("[CS-11] make no other origin our own on loopback in development", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const headers = { ...LIES, host: "evil.example", origin: "https://app.example" };
    const view = { method: "POST", encrypted: false, remoteAddress: "203.0.113.9" };
    const exchange = await visit(place, { token, headers, view });
    expect(exchange.refusal?.status).toBe(403);
  });

  it.each(KINDS)("[TR-01] [TR-03] set no cookie through a real server behind %s", async (kind) => {
    const place = world(PRODUCTION);
    const { url } = await serve(kind, place, notes);
    const headers = { ...LIES, ...SAME_ORIGIN };
    const answer = await ask(`${url}/login`, { method: "POST", headers });
    expect([answer.status, answer.cookies]).toEqual([303, []]);
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "proxy-not-trusted" }]);
  });
});
