import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  failure,
  HOUR,
  idOf,
  MINUTE,
  SECOND,
  sessionIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";
import type { SessionStore, Touch } from "../engine/ports.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { TouchQueue } from "./touches.ts";

/** saas: g is a minute, idle 8 h. δ is a quarter of a second. */
const G = MINUTE;
const LAG = 250;
const IDLE = 8 * HOUR;

/** Last activity as the store holds it. */
async function storedSeenAt(place: World, handle: string): Promise<number> {
  const described = await world({ beside: place }).sessions.describe(handle);
  return described?.summary.seenAt ?? Number.NaN;
}

describe("touch", () => {
  it("writes nothing for activity within g, and one write for activity at g", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    for (const at of [0, 1, G - 1]) {
      place.clock.advance(at === 0 ? 0 : at === 1 ? 1 : G - 2);
      await place.sessions.authenticate(token);
    }
    await place.clock.advanceAsync(LAG);
    expect(place.store.calls("touch")).toBe(0);
    await place.sessions.authenticate(token);
    await place.clock.advanceAsync(LAG);
    expect(place.store.calls("touch")).toBe(1);
  });

  it("goes out within δ, in one batch for many sessions", async () => {
    const place = world();
    const opened = await Promise.all(
      Array.from({ length: 40 }, (_, at) => place.sessions.open({ subject: `user-${at}` })),
    );
    place.clock.advance(G);
    await Promise.all(opened.map(({ token }) => place.sessions.authenticate(token)));
    await place.clock.advanceAsync(LAG - 1);
    expect(place.store.calls("touch")).toBe(0);
    await place.clock.advanceAsync(1);
    expect(place.store.calls("touch")).toBe(1);
    const seen = await Promise.all(opened.map(({ session }) => storedSeenAt(place, idOf(session))));
    expect(new Set(seen).size).toBe(1);
  });

  it("waits δ at most, also when it is noted in the very turn the last batch is done", async () => {
    const clock = new ManualClock();
    let release = (): void => undefined;
    const taken = new Promise<void>((resolve) => (release = resolve));
    const touch = vi.fn((_touches: readonly Touch[]) => taken);
    const queue = new TouchQueue({ touch } as unknown as SessionStore, clock, () => undefined);
    const ref = { tenant: "default", id: "a".repeat(24) };
    queue.add(ref, 1);
    const flushed = queue.flush();
    release();
    // The queue waits for it, too, and did so first: here its last batch is just done.
    await taken;
    expect(queue.idle).toBe(true);
    queue.add(ref, 2);
    await flushed;
    await clock.advanceAsync(LAG);
    expect(touch.mock.calls.map(([touches]) => touches[0]?.seenAt)).toEqual([1, 2]);
  });

  it("is counted at once where it was noted: one touch while it waits", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(G);
    await place.sessions.authenticate(token);
    const again = sessionIn(await place.sessions.authenticate(token));
    expect(again.seenAt).toBe(place.clock.now());
    await place.clock.advanceAsync(LAG);
    expect(place.store.calls("touch")).toBe(1);
  });

  it("is no activity when the caller says so: a poll slides nothing", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const before = session.idleExpiresAt;
    place.clock.advance(HOUR);
    const polled = sessionIn(await place.sessions.authenticate(token, { activity: false }));
    await place.clock.advanceAsync(LAG);
    expect(polled.idleExpiresAt).toBe(before);
    expect(place.store.calls("touch")).toBe(0);
  });

  it("is written through when the deadline is nearer than g + δ", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(IDLE - G - LAG - 1);
    await place.sessions.authenticate(token);
    expect(place.store.calls("touch")).toBe(0);
    await place.clock.advanceAsync(LAG);
    place.clock.advance(IDLE - G - LAG);
    await place.sessions.authenticate(token);
    expect(await storedSeenAt(place, idOf(session))).toBe(place.clock.now());
  });

  it("[TO-09] takes its time from the server alone: no header moves the idle clock", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(2 * G);
    const headers = {
      date: "Tue, 01 Jan 2999 00:00:00 GMT",
      "x-last-activity": "32503680000000",
      "if-modified-since": "Tue, 01 Jan 2999 00:00:00 GMT",
    };
    const exchange = await visit(place, { token, headers });
    await place.clock.advanceAsync(LAG);
    expect(exchange.session.seenAt).toBe(place.clock.now() - LAG);
    expect(await storedSeenAt(place, idOf(session))).toBe(place.clock.now() - LAG);
  });

  it("never moves a session past its absolute end (I11)", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    for (let hour = 0; hour < 24 * 7 - 1; hour += 1) {
      await place.clock.advanceAsync(HOUR);
      await place.sessions.authenticate(token);
    }
    const last = sessionIn(await place.sessions.authenticate(token));
    expect(last.idleExpiresAt).toBe(session.absoluteExpiresAt);
  });
});

describe("last seen as stored", () => {
  it("lies in (true − g − δ, true] whatever the activity (I6)", async () => {
    const gaps = fc.array(
      fc.oneof(fc.nat({ max: 2 * SECOND }), fc.nat({ max: 2 * G }), fc.constantFrom(G - 1, G)),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(gaps, async (steps) => {
        const place = world();
        const { token, session } = await place.sessions.open({ subject: "alice" });
        let seen = place.clock.now();
        for (const step of steps) {
          await place.clock.advanceAsync(step);
          await place.sessions.authenticate(token);
          seen = place.clock.now();
          // What another process judges by, δ later at the latest.
          await place.clock.advanceAsync(LAG);
          const stored = await storedSeenAt(place, idOf(session));
          expect(stored).toBeLessThanOrEqual(seen);
          expect(stored).toBeGreaterThan(seen - G - LAG);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("ends a session up to g + δ early in another process, never late (I6)", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const other = world({ beside: place, policy: "owasp-asvs-l2" });
    const { token } = await place.sessions.open({ subject: "alice" });
    const openedAt = place.clock.now();
    place.clock.advance(G - 1);
    await place.sessions.authenticate(token);
    const trueEnd = openedAt + G - 1 + 30 * MINUTE;
    const storedEnd = openedAt + 30 * MINUTE;
    expect(trueEnd - storedEnd).toBeLessThan(G + LAG);
    place.clock.advance(storedEnd - place.clock.now());
    const judged = await other.sessions.authenticate(token, { activity: false });
    expect(judged).toEqual({ state: "ended", reason: "idle_timeout" });
  });
});

describe("a store that is down for touches", () => {
  it("loses the touch alone: requests go on and the next touch is written", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    place.store.fail("touch", "before");
    place.clock.advance(G);
    expect((await place.sessions.authenticate(token)).state).toBe("active");
    await place.clock.advanceAsync(LAG);
    expect(place.named("store-unavailable")).toMatchObject([{ operation: "touch" }]);
    expect(place.errors).toEqual([]);
    place.clock.advance(G);
    const after = sessionIn(await place.sessions.authenticate(token));
    await place.clock.advanceAsync(LAG);
    expect(after.data).toEqual({ n: 1 });
    expect(await storedSeenAt(place, idOf(session))).toBe(place.clock.now() - LAG);
    expect(place.named("store-recovered")).toHaveLength(1);
  });

  it("is unavailable, not an end, where the touch must be written through (I7)", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(IDLE - 1);
    place.store.fail("touch", "before");
    const error = await failure(place.sessions.authenticate(token));
    expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true });
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it("sends what waits when the sessions are closed", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(G);
    await place.sessions.authenticate(token);
    await place.sessions.close();
    expect(await storedSeenAt(place, idOf(session))).toBe(place.clock.now());
  });
});

describe("a clock that jumps", () => {
  it("is 503 until the offset is learnt, clears no cookie, recovers (I7)", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.jump(-3 * HOUR);
    const refused = await visit(place, { token });
    expect(refused.refusal?.status).toBe(503);
    expect(refused.refusal?.headers["retry-after"]).toBe("1");
    expect(Object.keys(refused.refusal?.headers ?? {})).not.toContain("set-cookie");
    await place.clock.advanceAsync(0);
    const after = await visit(place, { token });
    expect(after.session.subject).toBe("alice");
    expect(place.named("session-ended")).toEqual([]);
  });

  it.each([-HOUR, HOUR])("by %i ms is thrown as retryable and never written", async (by) => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const seenAt = await storedSeenAt(place, idOf(session));
    // The store's time is not to be had for now, so the jump stays.
    place.store.fail("health", "hang");
    place.clock.jump(by);
    place.store.resetCalls();
    const calls = [
      () => place.sessions.authenticate(token),
      () => place.sessions.open({ subject: "bob" }),
      () => session.logout(),
      () => session.extend(),
      () => session.update((draft) => void (draft["n"] = 1)),
      () => place.sessions.subject("alice").revokeAll(),
    ];
    const errors = await Promise.all(calls.map((call) => failure(call())));
    for (const error of errors) {
      expect(error).toMatchObject({ code: "ERR_CLOCK_JUMPED", retryable: true });
    }
    for (const operation of ["replace", "patchData", "touch", "revoke", "create"] as const) {
      expect(place.store.calls(operation), operation).toBe(0);
    }
    place.store.release();
    await place.clock.advanceAsync(0);
    expect(await storedSeenAt(place, idOf(session))).toBe(seenAt);
  });
});
