/** Activity that was noted before the end is written after it. */
import { describe, expect, it } from "vitest";
import { HOUR, idOf, MINUTE, SECOND, world } from "../support/world.ts";

describe("a touch that comes late", () => {
  it.each(["revoke", "revokeAll", "sweep"] as const)(
    "revives nothing after %s (I1)",
    async (how) => {
      const place = world({ policy: "owasp-asvs-l2" });
      const { token, session } = await place.sessions.open({ subject: "alice" });
      place.clock.advance(2 * MINUTE);
      await place.sessions.authenticate(token);
      // The touch waits in the queue; the end comes first, from another process.
      const other = world({ beside: place, policy: "owasp-asvs-l2" });
      if (how === "revoke") await other.sessions.revoke(idOf(session));
      if (how === "revokeAll") await other.sessions.subject("alice").revokeAll();
      if (how === "sweep") {
        place.store.fail("touch", "hang");
        place.clock.advance(28 * MINUTE);
        expect(await other.sessions.sweep()).toBe(1);
        place.store.release();
      }
      await place.clock.advanceAsync(SECOND);
      expect(place.store.calls("touch")).toBeGreaterThan(0);
      expect((await place.sessions.authenticate(token)).state).toBe("ended");
      expect(await other.sessions.subject("alice").count()).toBe(0);
    },
  );

  it("past the deadline does not move it: a session judged ended stays ended (I6)", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(30 * MINUTE);
    const ref = { tenant: "default", id: token.slice(9, 33) };
    expect(await place.store.touch([{ ref, seenAt: place.clock.now() }])).toEqual(["gone"]);
    expect(await place.sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "idle_timeout",
    });
    expect(session.absoluteExpiresAt).toBe(place.clock.now() - 30 * MINUTE + 12 * HOUR);
  });

  it("of an id that nobody has makes no row (I1)", async () => {
    const place = world();
    const ref = { tenant: "default", id: "A".repeat(24) };
    expect(await place.store.touch([{ ref, seenAt: place.clock.now() }])).toEqual(["gone"]);
    expect(await place.store.find(ref)).toBeUndefined();
  });
});
