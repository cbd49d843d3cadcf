import { describe, expect, it } from "vitest";
import {
  acceptsActivity,
  chooseEvictions,
  endedRecord,
  isLive,
  overdueEnd,
  summaryOf,
} from "./liveness.ts";
import type { SessionRecord } from "./record.ts";

const session: SessionRecord = {
  id: "a",
  tenant: "default",
  subject: "alice",
  kind: "user",
  version: 1,
  state: "active",
  epoch: 2,
  createdAt: 0,
  authenticatedAt: 0,
  seenAt: 0,
  idleMs: 100,
  idleLockFactors: 0,
  absoluteExpiresAt: 1000,
  assurance: { amr: [], authTime: 0, factors: [] },
  rotation: { generation: 1, verifier: "v", confirmedAt: 0, lastIssued: 1 },
};
const locking = { ...session, idleLockFactors: 1 };

describe("isLive", () => {
  it("ends at a deadline, not one millisecond before", () => {
    expect(isLive(session, 0, 99)).toBe(true);
    expect(isLive(session, 0, 100)).toBe(false);
    expect(isLive(locking, 0, 999)).toBe(true);
    expect(isLive(locking, 0, 1000)).toBe(false);
    expect(isLive({ ...locking, state: "pending" }, 0, 100)).toBe(false);
  });

  it("ends below the subject's epoch, not at it", () => {
    expect(isLive(session, 2, 0)).toBe(true);
    expect(isLive(session, 3, 0)).toBe(false);
  });

  it("never calls an ended session live", () => {
    expect(isLive(endedRecord(session, { reason: "logout", at: 9 }), 0, 0)).toBe(false);
  });
});

describe("overdueEnd", () => {
  it("tells the earlier deadline, however late it is asked", () => {
    expect(overdueEnd(session, 99)).toBeUndefined();
    expect(overdueEnd(session, 5000)).toEqual({ reason: "idle_timeout", at: 100 });
    expect(overdueEnd(locking, 999)).toBeUndefined();
    expect(overdueEnd(locking, 5000)).toEqual({ reason: "absolute_timeout", at: 1000 });
    const both = { ...session, idleMs: 1000 };
    expect(overdueEnd(both, 1000)).toEqual({ reason: "absolute_timeout", at: 1000 });
  });

  it("tells nothing of a session that had ended before", () => {
    expect(overdueEnd(endedRecord(session, { reason: "logout", at: 9 }), 5000)).toBeUndefined();
  });
});

describe("acceptsActivity", () => {
  it("takes activity before the idle deadline only, whether idleness ends or locks", () => {
    for (const one of [session, locking]) {
      expect(acceptsActivity(one, 99)).toBe(true);
      expect(acceptsActivity(one, 100)).toBe(false);
    }
    expect(acceptsActivity(endedRecord(session, { reason: "logout", at: 9 }), 10)).toBe(false);
  });
});

describe("endedRecord", () => {
  it("keeps everything but the lock", () => {
    const end = { reason: "revoked", at: 5 } as const;
    const locked = { ...session, state: "locked", lockFactors: 2 } as const;
    expect(endedRecord(locked, end)).toEqual({ ...session, state: "ended", end });
  });
});

describe("summaryOf", () => {
  it("leaves out the rotation (I12)", () => {
    expect(summaryOf(session)).not.toHaveProperty("rotation");
    expect({ ...summaryOf(session), rotation: session.rotation }).toEqual(session);
  });
});

describe("chooseEvictions", () => {
  const one = (id: string, createdAt: number, seenAt: number) => ({
    ...summaryOf(session),
    id,
    createdAt,
    seenAt,
  });
  const live = [one("b", 20, 90), one("c", 30, 40), one("a", 10, 70), one("a2", 10, 70)];
  const evicted = (max: number, onLimit: "evict-oldest" | "evict-idle") => {
    const verdict = chooseEvictions(live, { max, onLimit });
    return verdict.outcome === "fits" ? verdict.evict.map((session) => session.id) : undefined;
  };

  it("counts the new session in, and evicts as few as make room", () => {
    expect(evicted(5, "evict-oldest")).toEqual([]);
    expect(evicted(4, "evict-oldest")).toEqual(["a"]);
    expect(evicted(1, "evict-oldest")).toEqual(["a", "a2", "b", "c"]);
  });

  it("evicts the oldest, or the one seen longest ago; the id decides between equals", () => {
    expect(evicted(3, "evict-oldest")).toEqual(["a", "a2"]);
    expect(evicted(3, "evict-idle")).toEqual(["c", "a"]);
  });

  it("names those in the way, newest first, when it must not evict", () => {
    for (const onLimit of ["reject", "ask"] as const) {
      expect(chooseEvictions(live, { max: 5, onLimit })).toEqual({ outcome: "fits", evict: [] });
      const verdict = chooseEvictions(live, { max: 4, onLimit });
      const ids = verdict.outcome === "limit" ? verdict.sessions.map(({ id }) => id) : [];
      expect(ids).toEqual(["c", "b", "a2", "a"]);
    }
  });

  it("refuses a limit that leaves no room for any session", () => {
    expect(() => chooseEvictions([], { max: 0, onLimit: "reject" })).toThrow("at least 1");
  });
});
