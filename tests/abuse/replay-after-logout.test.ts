/** A copy of the cookie from before the logout is sent again. */
import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, KINDS, notes, serve, stopServers } from "../support/servers.ts";
import { HOUR, successorIn, world } from "../support/world.ts";

afterEach(stopServers);

describe("replay after logout", () => {
  it.each(KINDS)("[TE-01] of the cookie opens nothing, behind %s", async (kind) => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    const jar = new Jar();
    await jar.ask(`${url}/login`, { method: "POST" });
    const stolen = { cookie: jar.header };
    expect((await ask(url, { headers: stolen })).body).toContain("alice");
    await jar.ask(`${url}/logout`, { method: "POST" });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect((await ask(url, { headers: stolen })).body).toContain('"subject":null');
    }
    expect(await place.sessions.subject("alice").count()).toBe(0);
  });

  it("[TE-01] of the successor that was under way opens nothing either", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const pending = successorIn(await place.sessions.authenticate(token, { canSetToken: true }));
    await session.logout();
    const other = world({ beside: place });
    for (const copy of [token, pending]) {
      const ended = { state: "ended", reason: "logout" };
      expect(await place.sessions.authenticate(copy)).toEqual(ended);
      expect(await other.sessions.authenticate(copy)).toEqual(ended);
    }
  });
});
