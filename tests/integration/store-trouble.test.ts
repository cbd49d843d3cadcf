/** What people see while the store is away: never a sign-out. */
import { afterEach, describe, expect, it } from "vitest";
import { Jar, KINDS, notes, serve, stopServers } from "../support/servers.ts";
import { HOUR, MINUTE, world } from "../support/world.ts";

afterEach(stopServers);

describe.each(KINDS)("an outage behind %s", (kind) => {
  it("is 503 with Retry-After for whoever has a cookie, and keeps the cookie (I7)", async () => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    const jar = new Jar();
    await jar.ask(`${url}/login`, { method: "POST" });
    const before = jar.header;
    place.store.setDown(true);
    for (const how of [{}, { method: "POST" }, { method: "HEAD" }]) {
      const answer = await jar.ask(url, how);
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
      expect(answer.headers["cache-control"]).toBe("no-store");
      expect(answer.headers["www-authenticate"]).toBeUndefined();
      expect(answer.cookies).toEqual([]);
    }
    place.store.setDown(false);
    expect(jar.header).toBe(before);
    expect((await jar.ask(url)).body).toContain("alice");
  });

  it("is no trouble for whoever has none", async () => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    place.store.setDown(true);
    expect((await new Jar().ask(url)).status).toBe(200);
  });

  it("in the middle of a rotation, a logout or a login loses nobody", async () => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    const jar = new Jar();
    const post = { method: "POST" };
    place.store.fail("create", "before");
    expect((await jar.ask(`${url}/login`, post)).status).toBeGreaterThanOrEqual(500);
    expect(jar.cookies.size).toBe(0);
    await jar.ask(`${url}/login`, post);
    for (const kindOfFault of ["before", "after"] as const) {
      place.clock.advance(HOUR);
      place.store.fail("replace", kindOfFault);
      expect((await jar.ask(url)).status).toBe(503);
      expect((await jar.ask(url)).body).toContain("alice");
      // Past the grace of a successor that was stored and never sent.
      place.clock.advance(MINUTE);
      expect((await jar.ask(url)).body).toContain("alice");
    }
    place.store.fail("revoke", "before");
    const logout = await jar.ask(`${url}/logout`, post);
    expect(logout.status).toBeGreaterThanOrEqual(500);
    expect(logout.cookies).toEqual([]);
    expect((await jar.ask(url)).body).toContain("alice");
    expect(place.named("token-fork")).toEqual([]);
  });

  it("by a clock that jumped is 503 until the time is learnt, then all goes on", async () => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    const jar = new Jar();
    await jar.ask(`${url}/login`, { method: "POST" });
    place.clock.jump(-HOUR);
    expect((await jar.ask(url)).status).toBe(503);
    expect((await jar.ask(url)).body).toContain("alice");
  });
});
