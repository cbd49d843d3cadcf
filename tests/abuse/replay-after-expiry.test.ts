/** A cookie from before the time-out is sent again: restored by the browser, or by a thief. */
import { describe, expect, it } from "vitest";
import { HOUR, leave, MINUTE, visit, world } from "../support/world.ts";

describe("replay after expiry", () => {
  it.each([
    ["idle_timeout", 30 * MINUTE],
    ["absolute_timeout", 12 * HOUR],
  ] as const)("[CK-07] [TO-15] after %s revives nothing", async (reason, after) => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { token, session } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    const end = place.clock.now() + after;
    while (reason === "absolute_timeout" && place.clock.now() < end - MINUTE) {
      place.clock.advance(MINUTE);
      await session.extend();
    }
    place.clock.advance(end - place.clock.now());
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const exchange = await visit(place, { token });
      expect(exchange.session.subject).toBeNull();
      expect(exchange.session.data).toEqual({});
      expect(exchange.session.endedReason).toBe(reason);
      expect(leave(exchange).cookies).toEqual([]);
      await place.clock.advanceAsync(MINUTE);
    }
    expect(place.store.calls("touch")).toBe(reason === "idle_timeout" ? 0 : 12 * 60 - 1);
  });

  it("[TO-15] with the clock of the client turned back changes nothing", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(31 * MINUTE);
    const headers = { date: "Fri, 15 Jan 2027 08:00:00 GMT", age: "0" };
    expect((await visit(place, { token, headers })).session.subject).toBeNull();
  });

  it("after the record was purged is unknown, and the id is never live again (I1)", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(31 * MINUTE);
    await place.sessions.sweep();
    place.clock.advance(9 * 24 * HOUR);
    await place.sessions.sweep();
    expect(await place.sessions.authenticate(token)).toEqual({ state: "unknown" });
  });
});
