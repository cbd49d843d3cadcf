import { InvariantError } from "./errors.ts";
/** Properties of the lifecycle along any history of one session. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLive } from "./liveness.ts";
import { touchedRecord } from "./merge.ts";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
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
  lockSession,
  openSession,
  stepUpSession,
  unlockSession,
} from "./session.ts";
import type { Opening } from "./session.ts";

const T0 = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const IDLE = 30 * MINUTE_MS;
const ABSOLUTE = 12 * 60 * MINUTE_MS;
const policy: Policy = {
  ...presetPolicy("saas").policy,
  idleMs: IDLE,
  absoluteMs: ABSOLUTE,
  onIdle: "end",
};

const holder = { generation: 1, verifier: "v1" };
const facts: Opening = { id: "s", tenant: "t", subject: "alice", amr: ["pwd"], holder };
const opened = openSession(facts, policy, T0);
const END: SessionEnd = { reason: "logout", at: T0 + 1 };

type Act = (record: SessionRecord, now: number) => SessionRecord;

/** Everything that can happen to a record but its end. */
const ACTS: Readonly<Record<string, Act>> = {
  touch: (record, now) => touchedRecord(record, { seenAt: now }),
  stepUp: (record, now) => stepUpSession(record, { amr: ["otp"] }, policy, now),
  lock: (record) => lockSession(record, 1),
  unlock: (record, now) => unlockSession(record, 1, { amr: ["pwd"] }, now),
  laxRoles: (record) => changeRoles(record, ["a"], { ...policy, absoluteMs: 10 * ABSOLUTE }),
  tightRoles: (record) => changeRoles(record, ["b"], { ...policy, absoluteMs: ABSOLUTE / 2 }),
  issue: (record, now) => {
    const generation = nextGeneration(record.rotation);
    return issuePending(record, { generation, verifier: "i", sealed: "" }, "confirmed", now);
  },
  confirm: (record, now) => confirmPending(record, { now, policy, canSetToken: true }),
  roll: (record, now) =>
    rollForward(record, { generation: 70, verifier: "r" }, { now, policy, canSetToken: true }),
  hard: (record, now) =>
    rotateHard(record, { generation: nextGeneration(record.rotation), verifier: "h" }, now),
};

const history = fc.array(
  fc.tuple(fc.constantFrom(...Object.keys(ACTS)), fc.nat({ max: IDLE - 1 })),
  { minLength: 20, maxLength: 80 },
);
const openings = fc.record({
  pending: fc.boolean(),
  onIdle: fc.constantFrom<Policy["onIdle"]>("end", "lock-one-factor", "lock-all-factors"),
});

describe("whatever happens to a session", () => {
  it("its absolute end never moves later, and it has ended at it (I11)", () => {
    fc.assert(
      fc.property(openings, history, ({ pending, onIdle }, steps) => {
        let record = openSession({ ...facts, pending }, { ...policy, onIdle }, T0);
        const fixed = record.absoluteExpiresAt;
        let now = T0;
        for (const [name, wait] of steps) {
          now += wait;
          const next = ACTS[name]?.(record, now) ?? record;
          expect(next.absoluteExpiresAt).toBeLessThanOrEqual(record.absoluteExpiresAt);
          expect(next.authenticatedAt).toBe(T0);
          record = next;
        }
        expect(record.absoluteExpiresAt).toBeLessThanOrEqual(fixed);
        expect(assess(record, 0, fixed).state).toBe("ended");
        expect(isLive(record, 0, fixed)).toBe(false);
      }),
    );
  });

  it("nothing leaves ended: the first end is the answer for ever (I2)", () => {
    fc.assert(
      fc.property(history, (steps) => {
        let record: SessionRecord = endedRecord(opened, END);
        let now = T0;
        for (const [name, wait] of steps) {
          now += wait;
          try {
            record = ACTS[name]?.(record, now) ?? record;
          } catch (error) {
            // Locking or unlocking what has ended is a bug of ours, and says so.
            expect(error).toBeInstanceOf(InvariantError);
          }
          expect(assess(record, 0, now)).toEqual({ state: "ended", end: END });
        }
      }),
    );
  });

  it("what has passed a deadline stays ended as time goes on", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 * ABSOLUTE }), fc.nat({ max: ABSOLUTE }), (age, more) => {
        const judged = assess(opened, 0, T0 + age);
        const later = assess(opened, 0, T0 + age + more);
        if (judged.state === "ended") expect(later).toEqual(judged);
      }),
    );
  });
});
