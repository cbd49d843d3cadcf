import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replay } from "./replay.ts";
import type { History, Outcome } from "./replay.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 100 * HOUR;

const wide = {
  idleMs: 30 * MINUTE,
  absoluteMs: 12 * HOUR,
  remember: null,
  onIdle: "end",
  concurrency: { max: null, onLimit: "evict-oldest" },
} as const;

function one(more: Partial<History> = {}): History {
  const openedAt = more.openedAt ?? NOW - HOUR;
  return {
    session: "ses_1",
    subject: "alice",
    openedAt,
    seen: [openedAt],
    remembered: false,
    heldIdleMs: 30 * MINUTE,
    ...more,
  };
}

function of(history: History, policy: object): Outcome {
  const [outcome] = replay([history], { ...wide, ...policy }, NOW);
  if (outcome === undefined) throw new Error("none");
  return outcome;
}

describe("a replay", () => {
  it("ends by the absolute limit at the deadline, and not when it was ended before", () => {
    const live = one({ openedAt: NOW - 2 * HOUR, lastSeenAt: NOW - 1 });
    const policy = { absoluteMs: 2 * HOUR };
    expect(of(live, { absoluteMs: 2 * HOUR - 1 }).would.reason).toBe("absolute_timeout");
    expect(of(live, { absoluteMs: 2 * HOUR + 1 }).change).toBe("unchanged");
    expect(of(live, policy).would).toEqual({ at: undefined, reason: undefined });
    const left = one({
      openedAt: NOW - 3 * HOUR,
      lastSeenAt: NOW - 2 * HOUR,
      end: { at: NOW - 2 * HOUR, reason: "logout" },
    });
    expect(of(left, policy)).toMatchObject({ change: "unchanged", would: { reason: "logout" } });
  });

  it("is certain of idleness after the last activity that is known, and there alone", () => {
    const ended = one({
      lastSeenAt: NOW - 50 * MINUTE,
      end: { at: NOW - 20 * MINUTE, reason: "idle_timeout" },
    });
    const { change, would } = of(ended, { idleMs: 20 * MINUTE });
    expect([change, would]).toEqual(["earlier", { at: NOW - 30 * MINUTE, reason: "idle_timeout" }]);
  });

  it("gives a span where activity that is not recorded could have kept it", () => {
    const live = one({ lastSeenAt: NOW - 1 });
    const { change, would } = of(live, { idleMs: 10 * MINUTE });
    const from = NOW - 50 * MINUTE;
    expect([change, would.between]).toEqual(["earlier", [from, NOW]]);
    const busy = one({
      lastSeenAt: NOW - 1,
      seen: [60, 52, 44, 36, 28, 20, 12, 4].map((minutes) => NOW - minutes * MINUTE),
    });
    expect(of(busy, { idleMs: 10 * MINUTE }).change).toBe("unchanged");
  });

  it("lets a session that idleness ended live on under a wider limit", () => {
    const ended = one({
      openedAt: NOW - 5 * HOUR,
      lastSeenAt: NOW - 4 * HOUR,
      end: { at: NOW - 3.5 * HOUR, reason: "idle_timeout" },
    });
    expect(of(ended, { idleMs: HOUR })).toMatchObject({
      change: "later",
      would: { at: NOW - 3 * HOUR, reason: "idle_timeout" },
    });
    expect(of(ended, { idleMs: 5 * HOUR }).would.at).toBeUndefined();
  });

  it("signs nobody out by idleness that locks", () => {
    const live = one({ lastSeenAt: NOW - 40 * MINUTE });
    expect(of(live, { idleMs: 10 * MINUTE, onIdle: "lock-one-factor" }).change).toBe("unchanged");
  });

  it("holds remembered sessions to their own limits, where the policy has them", () => {
    const live = one({ remembered: true, openedAt: NOW - 20 * HOUR, lastSeenAt: NOW - 5 * HOUR });
    const remember = { idleMs: 24 * HOUR, absoluteMs: 48 * HOUR };
    expect(of(live, { remember }).change).toBe("unchanged");
    expect(of(live, { remember: null }).change).toBe("earlier");
  });

  it("evicts the oldest of a subject, or refuses the newest, at the sign-in that is too many", () => {
    const three = [3, 2, 1].map((hours) =>
      one({ session: `ses_${hours}`, openedAt: NOW - hours * HOUR, lastSeenAt: NOW - 1 }),
    );
    const others = one({ session: "ses_other", subject: "bob", lastSeenAt: NOW - 1 });
    const changed = (onLimit: "evict-oldest" | "reject"): unknown[] => {
      const policy = { ...wide, idleMs: 12 * HOUR, concurrency: { max: 2, onLimit } };
      return replay([...three, others], policy, NOW)
        .filter(({ change }) => change !== "unchanged")
        .map(({ history, would }) => [history.session, would.at, would.reason]);
    };
    expect(changed("evict-oldest")).toEqual([["ses_3", NOW - HOUR, "evicted"]]);
    expect(changed("reject")).toEqual([["ses_1", NOW - HOUR, "refused"]]);
  });

  const histories = fc
    .record({
      openedAt: fc.integer({ min: NOW - 20 * HOUR, max: NOW - 1 }),
      gaps: fc.array(fc.integer({ min: 1, max: 29 * MINUTE }), { maxLength: 30 }),
      how: fc.constantFrom("live", "logout", "idle_timeout"),
    })
    .map(({ openedAt, gaps, how }) => {
      const seen = [openedAt];
      for (const gap of gaps) {
        const next = (seen.at(-1) ?? openedAt) + gap;
        if (next < Math.min(NOW, openedAt + 12 * HOUR)) seen.push(next);
      }
      const lastSeenAt = seen.at(-1) ?? openedAt;
      const idleAt = Math.min(lastSeenAt + 30 * MINUTE, openedAt + 12 * HOUR);
      const over = idleAt <= NOW;
      const reason = idleAt === openedAt + 12 * HOUR ? "absolute_timeout" : "idle_timeout";
      // Of most activity nothing is recorded.
      const recorded = seen.filter((_at, index) => index % 4 === 0);
      const end = over
        ? { at: idleAt, reason: reason as "idle_timeout" }
        : how === "logout" && lastSeenAt + 1 < NOW
          ? { at: lastSeenAt + 1, reason: "logout" as const }
          : undefined;
      return one({ openedAt, seen: recorded, lastSeenAt, ...(end === undefined ? {} : { end }) });
    });

  it("changes nothing under the policy that held", () => {
    fc.assert(
      fc.property(histories, (history) => {
        expect(of(history, {}).change).toBe("unchanged");
      }),
    );
  });

  it("never ends anybody later under a tighter policy", () => {
    const tighter = fc.record({
      idleMs: fc.integer({ min: 1, max: 30 * MINUTE }),
      absoluteMs: fc.integer({ min: MINUTE, max: 12 * HOUR }),
    });
    fc.assert(
      fc.property(histories, tighter, (history, policy) => {
        const { change, would } = of(history, policy);
        expect(change).not.toBe("later");
        if (change === "earlier") expect(would.at).toBeLessThan(history.end?.at ?? NOW);
      }),
    );
  });
});
