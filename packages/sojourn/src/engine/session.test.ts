import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unmetBy } from "./assurance.ts";
import { SojournError } from "./errors.ts";
import { acceptsActivity } from "./liveness.ts";
import { touchedRecord } from "./merge.ts";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
import { idleExpiresAt } from "./record.ts";
import type { SessionEnd, SessionRecord } from "./record.ts";
import {
  confirmPending,
  issuePending,
  nextGeneration,
  rollForward,
  rotateHard,
} from "./rotation.ts";
import { endedRecord } from "./liveness.ts";
import {
  assess,
  changeRoles,
  deadlineEnd,
  lockSession,
  openSession,
  stepUpSession,
  touchDue,
  touchUrgent,
  unlockSession,
  warnAt,
} from "./session.ts";
import type { Opening } from "./session.ts";

const T0 = 1_700_000_000_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const policy: Policy = {
  ...presetPolicy("saas").policy,
  idleMs: 30 * MINUTE_MS,
  absoluteMs: 12 * 60 * MINUTE_MS,
  onIdle: "end",
  touchEveryMs: MINUTE_MS,
  warnBeforeMs: 3 * MINUTE_MS,
  sudoMs: 10 * MINUTE_MS,
  pendingMs: 10 * MINUTE_MS,
  reauthFactors: 1,
};
const locking: Policy = { ...policy, onIdle: "lock-one-factor" };
const strict: Policy = { ...policy, onIdle: "lock-all-factors" };
const IDLE = policy.idleMs;
const ABSOLUTE = policy.absoluteMs;

const holder = { generation: 1, verifier: "v1" };
const facts: Opening = { id: "s", tenant: "t", subject: "alice", amr: ["pwd"], holder };
const opened = openSession(facts, policy, T0);
const END: SessionEnd = { reason: "logout", at: T0 + 1 };

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return error instanceof SojournError ? error.code : `a bare ${String(error)}`;
  }
  return undefined;
}

function seenAt(record: SessionRecord, now: number): SessionRecord {
  return touchedRecord(record, { seenAt: now });
}

describe("a new session", () => {
  it("has every instant from the server's clock and its limits from the policy", () => {
    expect(opened).toMatchObject({
      state: "active",
      version: 1,
      createdAt: T0,
      authenticatedAt: T0,
      seenAt: T0,
      idleMs: IDLE,
      absoluteExpiresAt: T0 + ABSOLUTE,
      kind: "user",
    });
  });

  it("[TO-09] takes no instant from its caller, whatever a client sent along", () => {
    const later = T0 + 1e9;
    const forged = {
      ...facts,
      lastActivity: later,
      seenAt: later,
      createdAt: later,
      authenticatedAt: later,
      absoluteExpiresAt: later,
      idleMs: 1e12,
      epoch: 99,
      end: END,
    };
    expect(openSession(forged, policy, T0)).toEqual(opened);
  });

  it("without a subject is anonymous and ends by idleness, whatever the policy", () => {
    const anonymous = openSession({ ...facts, subject: null, amr: [] }, strict, T0);
    expect(anonymous).toMatchObject({ kind: "anonymous", subject: null, idleLockFactors: 0 });
    expect(assess(anonymous, 0, T0 + IDLE)).toMatchObject({ state: "ended" });
  });

  it("has the longer limits only where it may be remembered", () => {
    const remember = { idleMs: 2 * IDLE, absoluteMs: 2 * ABSOLUTE };
    const asked = { ...facts, remember: true };
    const allowing: Policy = {
      ...policy,
      remember,
      cookie: { ...policy.cookie, persistent: "opt-in" },
    };
    const allowed = openSession(asked, allowing, T0);
    expect(allowed).toMatchObject({ remember: true, idleMs: 2 * IDLE });
    expect(allowed.absoluteExpiresAt).toBe(T0 + 2 * ABSOLUTE);
    const refused = openSession(asked, { ...policy, remember: null }, T0);
    expect(refused).toEqual(opened);
  });
});

describe("deadlines", () => {
  it("[TO-01] end an idle session one second after, not one second before", () => {
    expect(assess(opened, 0, T0 + IDLE - SECOND_MS)).toEqual({ state: "active" });
    expect(assess(opened, 0, T0 + IDLE + SECOND_MS)).toMatchObject({
      state: "ended",
      end: { reason: "idle_timeout" },
    });
  });

  it("are exclusive, to the millisecond", () => {
    const end = { reason: "idle_timeout", at: T0 + IDLE };
    expect(assess(opened, 0, T0 + IDLE - 1)).toEqual({ state: "active" });
    expect(assess(opened, 0, T0 + IDLE)).toEqual({ state: "ended", end });
    const busy = seenAt(opened, T0 + ABSOLUTE - 1);
    expect(assess(busy, 0, T0 + ABSOLUTE - 1)).toEqual({ state: "active" });
    expect(deadlineEnd(busy, T0 + ABSOLUTE)).toEqual({
      reason: "absolute_timeout",
      at: T0 + ABSOLUTE,
    });
  });

  it("name the earlier one as the reason, however late somebody looks", () => {
    const ages = [ABSOLUTE, 10 * ABSOLUTE];
    for (const age of ages) expect(deadlineEnd(opened, T0 + age)?.reason).toBe("idle_timeout");
    const both = seenAt(opened, T0 + ABSOLUTE - IDLE);
    expect(deadlineEnd(both, T0 + ABSOLUTE)?.reason).toBe("absolute_timeout");
    const before = seenAt(opened, T0 + ABSOLUTE - IDLE - 1);
    expect(deadlineEnd(before, T0 + ABSOLUTE)?.reason).toBe("idle_timeout");
  });

  it("[TO-02] end a session that is active every minute at its absolute end", () => {
    let record = opened;
    for (let now = T0; now < T0 + ABSOLUTE; now += MINUTE_MS) {
      expect(assess(record, 0, now)).toEqual({ state: "active" });
      if (touchDue(record, policy, now)) record = seenAt(record, now);
      const next = { generation: nextGeneration(record.rotation), verifier: `v${now}` };
      record = issuePending(record, { ...next, sealed: "" }, "confirmed", now);
      record = confirmPending(record, { now, policy, canSetToken: true });
    }
    expect(assess(record, 0, T0 + ABSOLUTE)).toEqual({
      state: "ended",
      end: { reason: "absolute_timeout", at: T0 + ABSOLUTE },
    });
  });

  it("[TO-04] move idly with activity; only a new authentication moves both", () => {
    const active = seenAt(opened, T0 + IDLE - 1);
    expect(idleExpiresAt(active)).toBe(T0 + 2 * IDLE - 1);
    expect(active.absoluteExpiresAt).toBe(opened.absoluteExpiresAt);
    const again = openSession(facts, policy, T0 + IDLE);
    expect(idleExpiresAt(again)).toBe(T0 + 2 * IDLE);
    expect(again.absoluteExpiresAt).toBe(T0 + IDLE + ABSOLUTE);
  });

  it("never let idleness outlast the absolute end", () => {
    const busy = seenAt(opened, T0 + ABSOLUTE - 1);
    expect(idleExpiresAt(busy)).toBe(T0 + ABSOLUTE);
    expect(warnAt(busy, policy)).toBe(T0 + ABSOLUTE - policy.warnBeforeMs);
    expect(warnAt(opened, policy)).toBe(T0 + IDLE - policy.warnBeforeMs);
  });
});

describe("an end", () => {
  it("outranks every deadline, and the epoch outranks them too", () => {
    const ended = endedRecord(opened, END);
    for (const age of [0, IDLE, 10 * ABSOLUTE]) {
      expect(assess(ended, 0, T0 + age)).toEqual({ state: "ended", end: END });
      expect(assess(ended, 9, T0 + age)).toEqual({ state: "ended", end: END });
      expect(assess(opened, 1, T0 + age)).toMatchObject({
        state: "ended",
        end: { reason: "subject_revoked" },
      });
    }
  });

  it("by the subject's epoch spares sessions that carry it", () => {
    expect(assess({ ...opened, epoch: 3 }, 3, T0)).toEqual({ state: "active" });
    expect(assess({ ...opened, epoch: 2 }, 3, T0)).toMatchObject({ state: "ended" });
  });

  it("happens once (I2)", () => {
    const ended = endedRecord(lockSession(opened, 2), END);
    expect(ended.lockFactors).toBeUndefined();
    expect(codeOf(() => endedRecord(ended, END))).toBe("ERR_INVARIANT");
  });

  it("is never without its reason", () => {
    expect(codeOf(() => assess({ ...opened, state: "ended" }, 0, T0))).toBe("ERR_INVARIANT");
  });
});

describe("a pending session", () => {
  const pending = openSession({ ...facts, pending: true }, locking, T0);

  it("is given up after pendingMs and does not slide", () => {
    expect(assess(pending, 0, T0 + policy.pendingMs - 1)).toEqual({ state: "pending" });
    expect(assess(pending, 0, T0 + policy.pendingMs)).toMatchObject({
      state: "ended",
      end: { reason: "idle_timeout" },
    });
    expect(touchDue(pending, policy, T0 + policy.pendingMs - 1)).toBe(false);
  });

  it("is completed by a factor, with the full idle span and the absolute end it had", () => {
    const now = T0 + 2 * MINUTE_MS;
    const full = stepUpSession(pending, { amr: ["otp"] }, locking, now);
    expect(full).toMatchObject({ state: "active", idleMs: IDLE, seenAt: now });
    expect(full.absoluteExpiresAt).toBe(pending.absoluteExpiresAt);
    expect(codeOf(() => stepUpSession(pending, { amr: [] }, locking, now))).toBe("ERR_ASSURANCE");
    expect(codeOf(() => stepUpSession(pending, { amr: ["user"] }, locking, now))).toBe(
      "ERR_ASSURANCE",
    );
  });

  it("[ID-12] never counts as active, whatever happens but a factor", () => {
    const acts = fc.array(
      fc.constantFrom<(record: SessionRecord, now: number) => SessionRecord>(
        (record, now) => seenAt(record, now),
        (record) => changeRoles(record, ["admin"], locking),
        (record, now) =>
          rotateHard(record, { generation: nextGeneration(record.rotation), verifier: "h" }, now),
        (record, now) =>
          rollForward(record, { generation: 9, verifier: "x" }, { now, policy, canSetToken: true }),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(acts, fc.nat({ max: ABSOLUTE }), (steps, age) => {
        let record = pending;
        for (const step of steps) record = step(record, T0 + age);
        expect(["pending", "ended"]).toContain(assess(record, 0, T0 + age).state);
      }),
    );
  });
});

describe("idleness that locks", () => {
  const one = openSession(facts, locking, T0);
  const all = openSession(facts, strict, T0);

  it("locks at the idle deadline and ends at the absolute one", () => {
    expect(assess(one, 0, T0 + IDLE - 1)).toEqual({ state: "active" });
    expect(assess(one, 0, T0 + IDLE)).toEqual({ state: "locked", factors: 1 });
    expect(assess(one, 0, T0 + ABSOLUTE - 1)).toEqual({ state: "locked", factors: 1 });
    expect(assess(one, 0, T0 + ABSOLUTE)).toMatchObject({
      state: "ended",
      end: { reason: "absolute_timeout" },
    });
  });

  it("does not slide once it has locked", () => {
    expect(acceptsActivity(one, T0 + IDLE - 1)).toBe(true);
    expect(acceptsActivity(one, T0 + IDLE)).toBe(false);
  });

  it("is left by one factor given again, and the idle clock starts anew", () => {
    const now = T0 + 2 * IDLE;
    const unlocked = unlockSession(one, 1, { amr: ["pwd"] }, now);
    expect(assess(unlocked, 0, now)).toEqual({ state: "active" });
    expect(idleExpiresAt(unlocked)).toBe(now + IDLE);
    expect(unlocked.absoluteExpiresAt).toBe(one.absoluteExpiresAt);
    expect(unlocked.assurance.authTime).toBe(now);
  });

  it("[TO-06] asks for all factors again where the policy does: one is refused", () => {
    const now = T0 + IDLE;
    const judged = assess(all, 0, now);
    expect(judged).toEqual({ state: "locked", factors: 2 });
    for (const amr of [[], ["pwd"], ["pwd", "pin"], ["hwk", "otp"], ["user", "geo"]]) {
      expect(codeOf(() => unlockSession(all, 2, { amr }, now))).toBe("ERR_ASSURANCE");
    }
    const unlocked = unlockSession(all, 2, { amr: ["pin", "hwk"] }, now);
    expect(assess(unlocked, 0, now)).toEqual({ state: "active" });
  });

  it("asks for as many factors as the policy names, and for all at least two", () => {
    const three = openSession(facts, { ...strict, reauthFactors: 3 }, T0);
    expect(assess(three, 0, T0 + IDLE)).toEqual({ state: "locked", factors: 3 });
  });
});

describe("a lock", () => {
  it("is never made lighter and needs at least one factor", () => {
    expect(lockSession(opened, 0).lockFactors).toBe(1);
    expect(lockSession(lockSession(opened, 2), 1).lockFactors).toBe(2);
    expect(lockSession(lockSession(opened, 1), 2).lockFactors).toBe(2);
  });

  it("stops activity, but no deadline", () => {
    const locked = lockSession(opened, 2);
    expect(touchDue(locked, policy, T0 + IDLE - 1)).toBe(false);
    expect(assess(locked, 0, T0 + IDLE - 1)).toEqual({ state: "locked", factors: 2 });
    expect(assess(locked, 0, T0 + IDLE)).toMatchObject({ state: "ended" });
  });

  it("is not lifted by a step-up, only by unlocking", () => {
    const stepped = stepUpSession(lockSession(opened, 1), { amr: ["otp"] }, policy, T0);
    expect(assess(stepped, 0, T0)).toEqual({ state: "locked", factors: 1 });
    const unlocked = unlockSession(stepped, 1, { amr: ["otp"] }, T0);
    expect(unlocked.lockFactors).toBeUndefined();
    expect(assess(unlocked, 0, T0)).toEqual({ state: "active" });
  });
});

describe("elevation", () => {
  it("[RA-08] lasts sudoMs, decays alone, and rotates hard: old tokens keep what they had", () => {
    const now = T0 + MINUTE_MS;
    const raised = stepUpSession(opened, { amr: ["otp"] }, policy, now);
    const ends = now + policy.sudoMs;
    expect(unmetBy(opened.assurance, { elevated: true }, now)).toEqual({ elevated: true });
    expect(unmetBy(raised.assurance, { elevated: true }, ends - 1)).toBeUndefined();
    expect(unmetBy(raised.assurance, { elevated: true }, ends)).toEqual({ elevated: true });
    const { rotation } = rotateHard(opened, { generation: 2, verifier: "v2" }, now);
    expect(rotation).toMatchObject({ generation: 2, replaced: { assurance: opened.assurance } });
  });

  it("covers the act at hand and no more where sudoMs is 0", () => {
    const brief = stepUpSession(opened, { amr: ["otp"] }, { ...policy, sudoMs: 0 }, T0);
    expect(brief.assurance.elevatedUntil).toBe(T0 + policy.transitMs);
  });
});

describe("roles", () => {
  it("bring limits that are only ever stricter", () => {
    const tight: Policy = { ...policy, idleMs: IDLE / 2, absoluteMs: ABSOLUTE / 2 };
    const admin = changeRoles(opened, ["admin"], tight);
    expect(admin).toMatchObject({ roles: ["admin"], idleMs: IDLE / 2 });
    expect(admin.absoluteExpiresAt).toBe(T0 + ABSOLUTE / 2);
    const back = changeRoles(admin, [], policy);
    expect(back).toMatchObject({ idleMs: IDLE / 2, absoluteExpiresAt: T0 + ABSOLUTE / 2 });
  });
});

describe("touch", () => {
  it("is due after g, not one millisecond before, and near the deadline urgent", () => {
    const g = policy.touchEveryMs;
    expect(touchDue(opened, policy, T0 + g - 1)).toBe(false);
    expect(touchDue(opened, policy, T0 + g)).toBe(true);
    expect(touchDue(opened, policy, T0 - 1)).toBe(false);
    expect(touchUrgent(opened, policy, T0 + IDLE - g - 250 - 1, 250)).toBe(false);
    expect(touchUrgent(opened, policy, T0 + IDLE - g - 250, 250)).toBe(true);
  });

  it("writes at most 1 + span ÷ g times, and stored activity lags less than g (I6)", () => {
    const gaps = fc.array(fc.nat({ max: 2 * policy.touchEveryMs }), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, (waits) => {
        let record = opened;
        let now = T0;
        let writes = 0;
        for (const wait of waits) {
          now += wait;
          if (touchDue(record, policy, now)) {
            record = seenAt(record, now);
            writes += 1;
          }
          expect(now - record.seenAt).toBeLessThan(policy.touchEveryMs);
        }
        expect(writes).toBeLessThanOrEqual(1 + Math.floor((now - T0) / policy.touchEveryMs));
      }),
    );
  });

  it("writes once in 1 + λg requests at a steady rate λ", () => {
    let record = opened;
    let writes = 0;
    const gapMs = SECOND_MS;
    const requests = 6_100;
    for (let count = 1; count <= requests; count += 1) {
      const now = T0 + count * gapMs;
      if (!touchDue(record, policy, now)) continue;
      record = seenAt(record, now);
      writes += 1;
    }
    const bound = 1 + policy.touchEveryMs / gapMs;
    expect(requests / writes).toBeGreaterThanOrEqual(bound - 1);
    expect(requests / writes).toBeLessThanOrEqual(bound + 1);
  });
});
