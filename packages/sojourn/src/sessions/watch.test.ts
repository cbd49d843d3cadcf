import { describe, expect, it } from "vitest";
import type { SessionNews } from "./watch.ts";
import { HOUR, idOf, MINUTE, SECOND, world } from "../../../../tests/support/world.ts";
import type { World, WorldOptions } from "../../../../tests/support/world.ts";

async function watched(options: WorldOptions = {}) {
  const place = world({ policy: "owasp-asvs-l2", ...options });
  const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const news: SessionNews[] = [];
  const subscription = place.sessions.watch(idOf(session), (one) => news.push(one));
  await pause(place);
  const types = (): string[] => news.map(({ type }) => type);
  return { place, session, token, news, types, subscription };
}

async function pause(place: World): Promise<void> {
  await place.clock.advanceAsync(0);
}

describe("watch", () => {
  it("says hello with the deadlines, and is no activity", async () => {
    const { place, news, session } = await watched();
    expect(news).toMatchObject([
      { type: "hello", serverNow: place.clock.now(), idleExpiresAt: session.idleExpiresAt },
    ]);
    await place.clock.advanceAsync(20 * MINUTE);
    const later = await place.sessions.find(idOf(session));
    expect(later?.idleExpiresAt).toBe(session.idleExpiresAt);
    expect(place.store.calls("touch")).toBe(0);
  });

  it("hears of an end by another process, once, and then no more", async () => {
    const { place, session, types, news } = await watched();
    const other = world({ beside: place });
    await other.sessions.revoke(idOf(session));
    await pause(place);
    await place.clock.advanceAsync(HOUR);
    expect(types()).toEqual(["hello", "ended"]);
    expect(news.at(-1)).toEqual({ type: "ended", reason: "revoked" });
  });

  it("hears of a revoke-all of its subject", async () => {
    const { place, types } = await watched();
    await place.sessions.subject("alice").revokeAll();
    await pause(place);
    expect(types()).toEqual(["hello", "ended"]);
  });

  it("hears of locks, data and rotations, and of keys only, never values", async () => {
    const { place, session, types, news } = await watched();
    await session.set("iban", "DE02");
    await pause(place);
    await session.lock();
    await pause(place);
    await session.unlock({ amr: ["pwd"] });
    await pause(place);
    expect(types()).toEqual(["hello", "data", "locked", "unlocked", "rotated"]);
    expect(JSON.stringify(news)).not.toContain("DE02");
  });

  it("[TO-10] warns before the deadline, hears of the extension, says the end", async () => {
    const { place, session, types } = await watched();
    await place.clock.advanceAsync(27 * MINUTE - 1);
    expect(types()).toEqual(["hello"]);
    await place.clock.advanceAsync(SECOND);
    expect(types()).toEqual(["hello", "expiring"]);
    await world({ beside: place })
      .sessions.find(idOf(session))
      .then((s) => s?.extend());
    await place.clock.advanceAsync(2 * SECOND);
    expect(types()).toEqual(["hello", "expiring", "extended"]);
    await place.clock.advanceAsync(30 * MINUTE);
    expect(types()).toEqual(["hello", "expiring", "extended", "expiring", "ended"]);
  });

  it("takes trouble for no end: it says nothing and looks again (I7)", async () => {
    const { place, types } = await watched();
    await place.clock.advanceAsync(29 * MINUTE);
    place.store.setDown(true);
    await place.clock.advanceAsync(3 * MINUTE);
    expect(types()).toEqual(["hello", "expiring"]);
    place.store.setDown(false);
    await place.clock.advanceAsync(MINUTE);
    expect(types()).toEqual(["hello", "expiring", "ended"]);
  });

  it("goes on after a listener that throws, and tells it of the end once", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    const heard: string[] = [];
    place.sessions.watch(idOf(session), ({ type }) => {
      heard.push(type);
      throw new Error("boom");
    });
    await pause(place);
    await session.logout();
    await place.clock.advanceAsync(10 * SECOND);
    expect(heard).toEqual(["hello", "ended"]);
    expect(place.errors.length).toBeGreaterThanOrEqual(2);
  });

  it("says nothing after it was closed, and leaves no timer behind", async () => {
    const { place, session, types, subscription } = await watched();
    subscription.close();
    await session.logout();
    await place.clock.advanceAsync(HOUR);
    expect(types()).toEqual(["hello"]);
    expect(place.clock.pending).toBe(0);
  });

  it("of 200 listeners on one session lets all hear the end", async () => {
    const { place, session } = await watched();
    let ends = 0;
    for (let count = 0; count < 200; count += 1) {
      place.sessions.watch(idOf(session), ({ type }) => {
        if (type === "ended") ends += 1;
      });
    }
    await session.logout();
    await pause(place);
    expect(ends).toBe(200);
    await place.sessions.close();
    expect(place.clock.pending).toBe(0);
  });
});

describe("the sweeper", () => {
  it("runs by itself, ends what is overdue with one event each, and stops with close", async () => {
    const place = world({ policy: "owasp-asvs-l2", sweep: { everyMs: 10 * SECOND } });
    for (let count = 0; count < 600; count += 1) {
      await place.sessions.open({ subject: `user-${count}` });
    }
    await place.clock.advanceAsync(31 * MINUTE);
    expect(place.named("session-ended")).toHaveLength(600);
    const calls = place.store.calls("sweep");
    await place.sessions.close();
    await place.clock.advanceAsync(MINUTE);
    expect(place.store.calls("sweep")).toBe(calls);
  });

  it("goes on after an outage, and says the outage once", async () => {
    const place = world({ policy: "owasp-asvs-l2", sweep: { everyMs: 10 * SECOND } });
    await place.sessions.open({ subject: "alice" });
    place.store.setDown(true);
    await place.clock.advanceAsync(31 * MINUTE);
    place.store.setDown(false);
    await place.clock.advanceAsync(MINUTE);
    expect(place.named("session-ended")).toMatchObject([{ reason: "idle_timeout" }]);
    expect(place.named("store-unavailable")).toHaveLength(1);
    await place.sessions.close();
  });
});
