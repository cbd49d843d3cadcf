/** Another site signs the victim in to the attacker's account, to collect what he types there. */
import { describe, expect, it } from "vitest";
import { visit, world } from "../support/world.ts";

const FROM = { "sec-fetch-site": "cross-site", origin: "https://evil.example" } as const;

describe("login CSRF", () => {
  it("[CS-09] is refused before the application runs, with and without a session", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    for (const credential of [undefined, token]) {
      const view = { method: "POST", path: "/login" };
      const exchange = await visit(place, { token: credential, headers: FROM, view });
      expect(exchange.refusal?.status).toBe(403);
      expect(exchange.refusal?.problem.code).toBe("csrf_failed");
    }
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it("[CS-09] of an old browser, by Origin alone, is refused too", async () => {
    const place = world({ production: true, csrf: { origins: ["https://app.example"] } });
    for (const origin of ["https://evil.example", "null", "https://app.example.evil.example"]) {
      const exchange = await visit(place, { headers: { origin }, view: { method: "POST" } });
      expect([origin, exchange.refusal?.status]).toEqual([origin, 403]);
    }
    const own = { origin: "https://app.example" };
    const exchange = await visit(place, { headers: own, view: { method: "POST" } });
    expect(exchange.refusal).toBeUndefined();
  });

  it("[CS-03] a sub-request that does not name the original method counts as unsafe", async () => {
    const place = world();
    const exchange = await visit(place, { headers: FROM, view: { method: undefined } });
    expect(exchange.refusal?.status).toBe(403);
  });
});
