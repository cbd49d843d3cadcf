/** A page of another site opens a socket: the browser adds the cookie, and CORS asks nobody. */
import { afterEach, describe, expect, it } from "vitest";
import { dial, serveSockets, settle, stopLive } from "../integration/live-harness.ts";
import type { Dialling, LiveServer } from "../integration/live-harness.ts";
import { COOKIE, world } from "../support/world.ts";
import type { World, WorldOptions } from "../support/world.ts";

afterEach(stopLive);

const APP = "https://app.example.com";

interface Target {
  readonly place: World;
  readonly server: LiveServer;
  /** The victim's browser, on a page of `origin`. Chromium says no `Sec-Fetch-Site` here. */
  readonly from: (origin: string, headers?: Readonly<Record<string, string>>) => Promise<number>;
}

/** An application behind a proxy that ends TLS, with alice signed in. */
async function target(options: WorldOptions = {}): Promise<Target> {
  const place = world({
    production: true,
    csrf: { origins: [APP] },
    proxies: ["127.0.0.0/8"],
    ...options,
  });
  const { token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const server = await serveSockets(place);
  const proxied = { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" };
  const from: Target["from"] = async (origin, headers = {}) => {
    const cookie = `${COOKIE}=${token}`;
    const how: Dialling = { origin, headers: { ...proxied, cookie, ...headers } };
    return (await dial(server, how)).status;
  };
  return { place, server, from };
}

describe("a page of another origin", () => {
  it("[TR-09] gets no socket, whatever its origin looks like", async () => {
    const { server, from } = await target();
    const origins = [
      "https://evil.example",
      "https://app.example.com.evil.example",
      "https://evil-app.example.com",
      "https://app.example.comx",
      "http://app.example.com",
      "https://app.example.com:8443",
      "https://app.example.com/",
      "https://APP.example.com.",
      `${APP}, https://evil.example`,
      `https://evil.example, ${APP}`,
      `${APP} x`,
      "null",
      "file://",
      "chrome-extension://abcdefghijklmnop",
    ];
    for (const origin of origins) expect(await from(origin), origin).toBe(403);
    expect(server.guests).toEqual([]);
    expect(await from(APP)).toBe(101);
  });

  it("[TR-09] of a sibling subdomain, whose requests carry even Strict cookies, gets none", async () => {
    const { from } = await target();
    expect(await from("https://b.example.com")).toBe(403);
    expect(await from("https://b.example.com", { "sec-fetch-site": "same-site" })).toBe(403);
    expect(await from(APP, { "sec-fetch-site": "cross-site" })).toBe(403);
  });

  it("[TR-09] is not helped by a missing Origin, by what looks like a tunnel, or by its Host", async () => {
    const { server, from } = await target();
    expect(await from("")).toBe(403);
    const { host } = new URL(server.origin);
    expect(await from(`http://${host}`, { host })).toBe(403);
    expect(await from("https://evil.example", { host: "evil.example" })).toBe(403);
    const forwarded = { "x-forwarded-host": "evil.example" };
    expect(await from("https://evil.example", forwarded)).toBe(403);
  });

  it("[TR-09] gets none where no origin is configured either: nothing is guessed in production", async () => {
    const { from } = await target({ csrf: {} });
    expect(await from("https://evil.example")).toBe(403);
    expect(await from(APP)).toBe(403);
  });

  it("cannot make a ticket of its own count for the victim's cookie", async () => {
    const { place, server, from } = await target();
    const mallory = await place.sessions.open({ subject: "mallory", amr: ["pwd"] });
    const { ticket } = await place.sessions.tickets.issue(mallory.session);
    const headers = { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" };
    const protocols = ["app", `sojourn.ticket.${ticket}`];
    await dial(server, { origin: "https://evil.example", headers, protocols });
    expect(server.guests.map(({ subject }) => subject)).toEqual(["mallory"]);
    expect(await from("https://evil.example", { "sec-websocket-protocol": "app" })).toBe(403);
  });

  it("leaves nothing open behind a thousand refusals", async () => {
    const { place, server, from } = await target();
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => from("https://evil.example")));
    }
    await settle(place);
    expect([place.sessions.live.size, place.clock.pending]).toEqual([0, 0]);
    const open = await new Promise((resolve) => {
      server.server.getConnections((_error, count) => resolve(count));
    });
    expect(open).toBe(0);
  });
});
