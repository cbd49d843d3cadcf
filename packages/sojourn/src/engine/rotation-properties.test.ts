/** Properties of the rotation rules along any sequence of presented tokens. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
import type { Holder } from "./record.ts";
import {
  confirmPending,
  issuePending,
  judgePresented,
  nextGeneration,
  rollForward,
  rotateHard,
} from "./rotation.ts";
import { openSession, touchDue } from "./session.ts";

const T0 = 1_700_000_000_000;
const G = 10_000;
const T = 5_000;
const DUE = 600_000;
const MINUTE_MS = 60_000;
const policy: Policy = {
  ...presetPolicy("saas").policy,
  rotateGraceMs: G,
  transitMs: T,
  rotateEveryMs: DUE,
  touchEveryMs: MINUTE_MS,
};

function token(generation: number, secret = "honest"): Holder {
  return { generation, verifier: `${secret}-${generation}`.padEnd(32, "_") };
}

const facts = { id: "s", tenant: "t", subject: "alice", amr: ["pwd"], fingerprint: "A" };
const opened = openSession({ ...facts, holder: token(1) }, policy, T0);

/** A walk of the real functions along presented tokens; what a composition may do, not more. */
const walk = fc.array(
  fc.record({
    waitMs: fc.constantFrom(0, 500, T, G, G + 1, 2 * T + 1_001, MINUTE_MS + 1, DUE),
    back: fc.nat({ max: 3 }),
    secret: fc.constantFrom("honest", "honest", "honest", "stranger"),
    canSetToken: fc.boolean(),
    fingerprint: fc.constantFrom("A", "A", "B"),
    hard: fc.boolean(),
    failedOver: fc.boolean(),
  }),
  { maxLength: 40 },
);

describe("along any presentation of tokens", () => {
  it("generations issued only grow, and the confirmed one is never above the last issued", () => {
    fc.assert(
      fc.property(walk, (moves) => {
        let record = opened;
        let now = T0;
        for (const move of moves) {
          now += move.waitMs;
          const generation = Math.max(1, record.rotation.lastIssued - move.back);
          const incarnationSince = move.failedOver ? now : undefined;
          const { canSetToken, fingerprint } = move;
          const context = { now, policy, canSetToken, fingerprint, incarnationSince };
          const presented = token(generation, move.secret);
          const decision = judgePresented(record, presented, context);
          const before = record;
          if (!canSetToken) expect(["issue", "resend"]).not.toContain(decision.act);
          if (decision.act === "issue") {
            const next = { ...token(nextGeneration(record.rotation)), sealed: "", fingerprint };
            record = issuePending(record, next, decision.from, now);
          }
          if (decision.act === "confirm") {
            record = { ...confirmPending(record, context), seenAt: now };
          }
          if (decision.act === "ahead" && decision.roll)
            record = rollForward(record, presented, context);
          if (move.hard && decision.act === "serve" && decision.assurance === undefined) {
            record = rotateHard(record, token(nextGeneration(record.rotation)), now);
          }
          if (touchDue(record, policy, now)) record = { ...record, seenAt: now };
          expect(record.rotation.lastIssued).toBeGreaterThanOrEqual(before.rotation.lastIssued);
          expect(record.rotation.generation).toBeLessThanOrEqual(record.rotation.lastIssued);
          expect(record.absoluteExpiresAt).toBe(opened.absoluteExpiresAt);
          // Whatever the record calls its own, it knows again.
          const held = judgePresented(record, record.rotation, context);
          expect(["serve", "issue", "resend"]).toContain(held.act);
        }
      }),
      { numRuns: 300 },
    );
  });
});
