/** A page on b.example.com posts to app.example.com; browsers add even Strict `__Host-` cookies. */
import { describe, expect, it } from "vitest";
import { visit, world } from "../support/world.ts";
import type { WorldOptions } from "../support/world.ts";

const SIBLING = "https://b.example.com";
const PRODUCTION = { production: true, csrf: { origins: ["https://app.example.com"] } };

async function post(headers: Readonly<Record<string, string>>, options: WorldOptions = PRODUCTION) {
  const place = world(options);
  const { token } = await place.sessions.open({ subject: "alice" });
  const exchange = await visit(place, { token, headers, view: { method: "POST" } });
  return exchange.refusal?.status ?? 200;
}

describe("a sibling subdomain", () => {
  it("[CS-04] cannot write, though its requests are same-site and carry the cookie", async () => {
    expect(await post({ "sec-fetch-site": "same-site", origin: SIBLING })).toBe(403);
    expect(await post({ "sec-fetch-site": "same-site" })).toBe(403);
    expect(await post({ "sec-fetch-site": "same-site", origin: "null" })).toBe(403);
    expect(await post({ origin: SIBLING })).toBe(403);
  });

  it("[CS-04] can where it is trusted by name, and only that one", async () => {
    const csrf = { origins: ["https://app.example.com"], trusted: [SIBLING] };
    const options = { production: true, csrf };
    expect(await post({ "sec-fetch-site": "same-site", origin: SIBLING }, options)).toBe(200);
    const other = { "sec-fetch-site": "same-site", origin: "https://c.example.com" };
    expect(await post(other, options)).toBe(403);
  });
});
