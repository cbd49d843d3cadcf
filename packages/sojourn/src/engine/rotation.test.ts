import { describe, expect, it } from "vitest";
import { touchedRecord } from "./merge.ts";
import type { Policy } from "./policy/policy.ts";
import { presetPolicy } from "./policy/resolve.ts";
import type { Holder, SessionRecord } from "./record.ts";
import {
  AHEAD_WINDOW_MS,
  GENERATION_AHEAD_MAX,
  SENT_EVERY_MS,
  confirmPending,
  issuePending,
  judgePresented,
  nextGeneration,
  rollForward,
  rotateHard,
  rotationDue,
} from "./rotation.ts";
import type { RotationContext } from "./rotation.ts";
import { openSession, stepUpSession } from "./session.ts";

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
  onFork: "auto",
};

function token(generation: number, secret = "honest"): Holder {
  return { generation, verifier: `${secret}-${generation}`.padEnd(32, "_") };
}

function at(now: number, changes: Partial<RotationContext> = {}): RotationContext {
  return { now, policy, canSetToken: true, fingerprint: "A", ...changes };
}

const facts = { id: "s", tenant: "t", subject: "alice", amr: ["pwd"], fingerprint: "A" };
const opened = openSession({ ...facts, holder: token(1) }, policy, T0);

/** Issue the next generation at `now` to the context A. */
function issued(
  record: SessionRecord,
  now: number,
  from: "confirmed" | "previous" = "confirmed",
): SessionRecord {
  const next = token(nextGeneration(record.rotation));
  const successor = { ...next, sealed: `sealed-${next.generation}`, fingerprint: "A" };
  return issuePending(record, successor, from, now);
}

/** Confirm as the composition does: the confirmation counts as activity. */
function confirmed(record: SessionRecord, now: number, context = at(now)): SessionRecord {
  return { ...confirmPending(record, context), seenAt: now };
}

const ISSUED_AT = T0 + DUE;
const CONFIRMED_AT = ISSUED_AT + 2_000;
const pending = issued(opened, ISSUED_AT);
/** Generation 2 confirmed, 1 previous. */
const turned = confirmed(pending, CONFIRMED_AT);

describe("the confirmed token", () => {
  it("[TO-08] is served until its rotation is due and then answered with a successor", () => {
    expect(judgePresented(opened, token(1), at(T0 + DUE - 1))).toEqual({ act: "serve" });
    expect(judgePresented(opened, token(1), at(T0 + DUE))).toEqual({
      act: "issue",
      from: "confirmed",
    });
  });

  it("counts its rotation from the confirmation, not from the issue", () => {
    expect(rotationDue(turned.rotation, policy, ISSUED_AT + DUE)).toBe(false);
    expect(rotationDue(turned.rotation, policy, CONFIRMED_AT + DUE - 1)).toBe(false);
    expect(rotationDue(turned.rotation, policy, CONFIRMED_AT + DUE)).toBe(true);
  });

  it("gets the identical successor up to G after the issue, and not one millisecond longer", () => {
    const last = judgePresented(pending, token(1), at(ISSUED_AT + G));
    expect(last).toMatchObject({ act: "resend", pending: pending.rotation.pending });
    expect(judgePresented(pending, token(1), at(ISSUED_AT + G + 1))).toEqual({ act: "serve" });
  });

  it("marks a sending at most once a second", () => {
    const soon = judgePresented(pending, token(1), at(ISSUED_AT + SENT_EVERY_MS - 1));
    const late = judgePresented(pending, token(1), at(ISSUED_AT + SENT_EVERY_MS));
    expect(soon).toMatchObject({ act: "resend", markSent: false });
    expect(late).toMatchObject({ act: "resend", markSent: true });
  });

  it("is served without the successor in another context than the one it was issued to", () => {
    const elsewhere = at(ISSUED_AT + 1, { fingerprint: "B" });
    expect(judgePresented(pending, token(1), elsewhere)).toEqual({ act: "serve" });
    // A back end that verifies for a browser tells no context; it is no other one.
    const untold = at(ISSUED_AT + 1, { fingerprint: undefined });
    expect(judgePresented(pending, token(1), untold)).toMatchObject({ act: "resend" });
  });

  it("waits 3T and a second after the last sending before it branches", () => {
    const sent = { generation: 2, at: ISSUED_AT + G };
    const resent = touchedRecord(pending, { sent });
    const patience = ISSUED_AT + G + 3 * T + SENT_EVERY_MS;
    expect(judgePresented(resent, token(1), at(patience))).toEqual({ act: "serve" });
    const decision = judgePresented(resent, token(1), at(patience + 1));
    expect(decision).toEqual({ act: "issue", from: "confirmed" });
    const unsent = at(ISSUED_AT + 3 * T + SENT_EVERY_MS + 1);
    expect(judgePresented(pending, token(1), unsent)).toEqual(decision);
  });

  it("is never answered with a token where none can be set", () => {
    for (const now of [ISSUED_AT, ISSUED_AT + G, ISSUED_AT + 10 * DUE]) {
      const reader = at(now, { canSetToken: false });
      expect(judgePresented(pending, token(1), reader)).toEqual({ act: "serve" });
      expect(judgePresented(opened, token(1), reader)).toEqual({ act: "serve" });
    }
  });

  it("is the one with its verifier: a generation alone proves nothing", () => {
    expect(judgePresented(opened, token(1, "forged"), at(T0)).act).toBe("fork");
  });
});

describe("a branch", () => {
  const branched = issued(pending, ISSUED_AT + DUE);

  it("has a generation of its own, and the orphan is an alarm", () => {
    expect(branched.rotation.pending).toMatchObject(token(3));
    expect(judgePresented(branched, token(2), at(ISSUED_AT + DUE)).act).toBe("fork");
    expect(judgePresented(branched, token(3), at(ISSUED_AT + DUE))).toEqual({ act: "confirm" });
  });
});

describe("the pending token", () => {
  it("is confirmed, whoever can set tokens; the one before it becomes previous until G", () => {
    const reader = at(CONFIRMED_AT, { canSetToken: false });
    expect(judgePresented(pending, token(2), reader)).toEqual({ act: "confirm" });
    expect(turned.rotation).toEqual({
      ...token(2),
      confirmedAt: CONFIRMED_AT,
      lastIssued: 2,
      fingerprint: "A",
      previous: { ...token(1), graceUntil: CONFIRMED_AT + G, fingerprint: "A" },
    });
  });

  it("is confirmed once: whoever comes second finds it confirmed", () => {
    expect(judgePresented(turned, token(2), at(CONFIRMED_AT))).toEqual({ act: "serve" });
    expect(confirmPending(turned, at(CONFIRMED_AT))).toBe(turned);
  });
});

describe("the previous token", () => {
  const GRACE_ENDS = CONFIRMED_AT + G;
  /** The confirmed token was used long after its confirmation. */
  const used: SessionRecord = { ...turned, seenAt: CONFIRMED_AT + MINUTE_MS + 1 };

  it("[TO-08] is served as a straggler up to the end of its grace, and is then dead", () => {
    expect(judgePresented(used, token(1), at(GRACE_ENDS))).toEqual({ act: "serve" });
    expect(judgePresented(used, token(1), at(GRACE_ENDS + 1)).act).toBe("fork");
  });

  it("gets no token as a straggler, not even when a rotation is due or a successor waits", () => {
    const hasty: Policy = { ...policy, rotateEveryMs: 1 };
    const both = issued(turned, CONFIRMED_AT + 1);
    for (const record of [turned, both]) {
      const decision = judgePresented(record, token(1), at(GRACE_ENDS, { policy: hasty }));
      expect(decision).toEqual({ act: "serve" });
    }
  });

  it("branches for a browser that lost its cookies: confirmed token not used past a minute", () => {
    const barely: SessionRecord = { ...turned, seenAt: CONFIRMED_AT + MINUTE_MS };
    const decision = judgePresented(barely, token(1), at(GRACE_ENDS + DUE));
    expect(decision).toEqual({ act: "issue", from: "previous" });
    expect(judgePresented(used, token(1), at(GRACE_ENDS + DUE)).act).toBe("fork");
  });

  it("allows for a touch span g beyond a minute", () => {
    const rare: Policy = { ...policy, touchEveryMs: 3 * MINUTE_MS };
    const context = at(GRACE_ENDS + DUE, { policy: rare });
    const seen = (seenAt: number): SessionRecord => ({ ...turned, seenAt });
    const span = rare.touchEveryMs;
    expect(judgePresented(seen(CONFIRMED_AT + span), token(1), context).act).toBe("issue");
    expect(judgePresented(seen(CONFIRMED_AT + span + 1), token(1), context).act).toBe("fork");
  });

  it("is confirmed again by a reader whose cookies look lost: no token can be sent", () => {
    const reader = at(GRACE_ENDS + 1, { canSetToken: false });
    expect(judgePresented(turned, token(1), reader)).toEqual({ act: "restore" });
  });

  it("is a fork in another context: that is no crashed browser", () => {
    const elsewhere = at(GRACE_ENDS + 1, { fingerprint: "B" });
    expect(judgePresented(turned, token(1), elsewhere)).toEqual({
      act: "fork",
      reaction: "revoke",
      sameContext: false,
    });
  });

  it("is a fork at once when another context confirmed the successor, whoever comes back", () => {
    const elsewhere = confirmed(pending, CONFIRMED_AT, at(CONFIRMED_AT, { fingerprint: "B" }));
    const back = (fingerprint: string) =>
      judgePresented(elsewhere, token(1), at(GRACE_ENDS + 1, { fingerprint }));
    expect(back("A")).toEqual({ act: "fork", reaction: "revoke", sameContext: false });
    // A browser that was updated before it confirmed, and then lost its cookies.
    expect(back("B")).toEqual({ act: "issue", from: "previous" });
  });

  it("orphans the confirmed token when it branches, whose use is then an alarm", () => {
    const branched = issued(turned, GRACE_ENDS + 1, "previous");
    expect(branched.rotation).toMatchObject({ ...token(1), lastIssued: 3, pending: token(3) });
    expect(branched.rotation.previous).toBeUndefined();
    expect(judgePresented(branched, token(2), at(GRACE_ENDS + 2)).act).toBe("fork");
    expect(judgePresented(branched, token(1), at(GRACE_ENDS + 2)).act).toBe("resend");
    expect(judgePresented(branched, token(3), at(GRACE_ENDS + 2)).act).toBe("confirm");
  });

  it("is gone with the next confirmation", () => {
    const later = confirmed(issued(turned, CONFIRMED_AT + DUE), CONFIRMED_AT + DUE);
    expect(later.rotation.previous).toMatchObject(token(2));
    expect(judgePresented(later, token(1), at(CONFIRMED_AT + DUE)).act).toBe("fork");
  });
});

describe("a fork", () => {
  const elsewhere = at(CONFIRMED_AT + DUE, { fingerprint: "B" });
  const here = at(CONFIRMED_AT + DUE);
  const orphan = token(2, "orphan");

  it("revokes when the context differs and asks for a factor when it does not", () => {
    expect(judgePresented(turned, orphan, elsewhere)).toMatchObject({ reaction: "revoke" });
    expect(judgePresented(turned, orphan, here)).toMatchObject({ reaction: "step-up" });
  });

  it.each(["alert", "step-up", "revoke"] as const)("is what the policy says: %s", (onFork) => {
    for (const context of [here, elsewhere]) {
      const told = { ...context, policy: { ...policy, onFork } };
      expect(judgePresented(turned, orphan, told)).toMatchObject({ act: "fork", reaction: onFork });
    }
  });
});

describe("a token ahead of the store", () => {
  const CHANGED_AT = CONFIRMED_AT + DUE;
  const lost = token(9);
  const window = (now: number): RotationContext => at(now, { incarnationSince: CHANGED_AT });

  it("is served for 15 minutes after the store's incarnation changed, and then a fork", () => {
    const last = judgePresented(turned, lost, window(CHANGED_AT + 15 * MINUTE_MS));
    expect(last).toEqual({ act: "ahead", roll: true });
    const after = window(CHANGED_AT + AHEAD_WINDOW_MS + 1);
    expect(judgePresented(turned, lost, after).act).toBe("fork");
    expect(judgePresented(turned, lost, at(CHANGED_AT)).act).toBe("fork");
  });

  it("is at most 64 ahead; below the confirmed one it is a straggler, unless of another context", () => {
    const act = (generation: number): string =>
      judgePresented(turned, token(generation, "lost"), window(CHANGED_AT)).act;
    expect(act(2 + 64)).toBe("ahead");
    expect(act(2 + GENERATION_AHEAD_MAX + 1)).toBe("fork");
    expect(act(2)).toBe("ahead");
    const straggler = token(1, "lost");
    const here = { ...turned, rotation: { ...turned.rotation, fingerprint: "this browser" } };
    const from = (fingerprint: string): RotationContext => ({ ...window(CHANGED_AT), fingerprint });
    const same = judgePresented(here, straggler, from("this browser"));
    expect(same).toEqual({ act: "ahead", roll: false });
    expect(judgePresented(here, straggler, from("another browser")).act).toBe("fork");
  });

  it("belongs to a session older than the change: a younger one has lost nothing", () => {
    const born = (createdAt: number): SessionRecord => ({ ...turned, createdAt });
    const context = window(CHANGED_AT);
    expect(judgePresented(born(CHANGED_AT - 1), lost, context).act).toBe("ahead");
    expect(judgePresented(born(CHANGED_AT), lost, context).act).toBe("fork");
  });

  it("does not roll the record while a pending successor may yet be held, and then does", () => {
    const waiting = issued(turned, CHANGED_AT);
    const decision = judgePresented(waiting, lost, window(CHANGED_AT));
    expect(decision).toEqual({ act: "ahead", roll: false });
    const over = CHANGED_AT + 3 * T + SENT_EVERY_MS + 1;
    expect(judgePresented(waiting, lost, window(over))).toEqual({ act: "ahead", roll: true });
    expect(rollForward(waiting, lost, window(over)).rotation.pending).toBeUndefined();
  });

  it("does not touch what the record holds: those rules come first", () => {
    expect(judgePresented(turned, token(2), window(CHANGED_AT - 1))).toEqual({ act: "serve" });
    const waiting = issued(turned, CHANGED_AT);
    expect(judgePresented(waiting, token(3), window(CHANGED_AT)).act).toBe("confirm");
  });

  it("moves the record forward, the confirmed token becoming previous for G", () => {
    const rolled = rollForward(turned, lost, window(CHANGED_AT));
    expect(rolled.rotation).toMatchObject({
      ...lost,
      confirmedAt: CHANGED_AT,
      lastIssued: 9,
      previous: { ...token(2), graceUntil: CHANGED_AT + G },
    });
    expect(judgePresented(rolled, token(2), window(CHANGED_AT + G))).toEqual({ act: "serve" });
  });

  it("makes a mismatch at most a step-up until two later confirmations", () => {
    let record = rollForward(turned, lost, window(CHANGED_AT));
    let now = CHANGED_AT;
    const reactions: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const elsewhere = at(now, { fingerprint: "B" });
      const decision = judgePresented(record, token(1, "stranger"), elsewhere);
      reactions.push(decision.act === "fork" && decision.reaction);
      now += DUE;
      record = confirmed(issued(record, now), now);
    }
    expect(reactions).toEqual(["step-up", "step-up", "revoke"]);
  });

  it("leaves a mere alert an alert", () => {
    const record = rollForward(turned, lost, window(CHANGED_AT));
    const quiet = at(CHANGED_AT, { policy: { ...policy, onFork: "alert" } });
    expect(judgePresented(record, token(1, "x"), quiet)).toMatchObject({ reaction: "alert" });
  });
});

describe("a hard rotation", () => {
  const HARD_AT = CONFIRMED_AT + 1_000;
  const waiting = issued(turned, HARD_AT - 500);
  const raised = stepUpSession(waiting, { amr: ["otp"] }, policy, HARD_AT);
  const hard: SessionRecord = {
    ...raised,
    rotation: rotateHard(waiting, token(4), HARD_AT).rotation,
  };

  it("confirms the new token at once, seals nothing and keeps nothing of the old", () => {
    expect(hard.rotation).toMatchObject({ ...token(4), confirmedAt: HARD_AT, lastIssued: 4 });
    expect(hard.rotation.pending).toBeUndefined();
    expect(hard.rotation.previous).toBeUndefined();
    expect(judgePresented(hard, token(4), at(HARD_AT))).toEqual({ act: "serve" });
  });

  it("[RA-08] serves the old tokens for T at their old assurance, then they are replaced", () => {
    for (const generation of [1, 2, 3]) {
      const last = judgePresented(hard, token(generation), at(HARD_AT + T));
      expect(last).toEqual({ act: "serve", assurance: opened.assurance });
      const after = judgePresented(hard, token(generation), at(HARD_AT + T + 1));
      expect(after).toEqual({ act: "replaced" });
    }
    expect(hard.assurance.amr).toEqual(["pwd", "otp"]);
  });

  it("refuses the old tokens at once where they lacked what the record no longer knows", () => {
    const refusing = rotateHard(waiting, token(4), HARD_AT, "refused");
    for (const generation of [1, 2, 3]) {
      const decision = judgePresented(refusing, token(generation), at(HARD_AT));
      expect(decision).toEqual({ act: "replaced" });
    }
  });

  it("judges what it replaced before everything else, without an alarm", () => {
    const window = at(HARD_AT + DUE, { incarnationSince: HARD_AT, fingerprint: "B" });
    for (const generation of [1, 2, 3]) {
      expect(judgePresented(hard, token(generation), window)).toEqual({ act: "replaced" });
    }
    const forged = judgePresented(hard, token(2, "orphan"), at(HARD_AT));
    expect(forged).toEqual({ act: "replaced" });
  });

  it("does not excuse a previous token whose grace was over and whose use was an alarm", () => {
    const late = CONFIRMED_AT + DUE;
    const used = { ...turned, seenAt: late };
    const replaced = rotateHard(used, token(3), late);
    expect(judgePresented(replaced, token(1), at(late)).act).toBe("fork");
    expect(judgePresented(replaced, token(2), at(late))).toMatchObject({ act: "serve" });
  });

  it("remembers what the one just before it replaced", () => {
    const twice = rotateHard(hard, token(5), HARD_AT + DUE);
    for (const generation of [1, 2, 3]) {
      const decision = judgePresented(twice, token(generation), at(HARD_AT + DUE));
      expect(decision).toEqual({ act: "replaced" });
    }
    expect(judgePresented(twice, token(4), at(HARD_AT + DUE)).act).toBe("serve");
    expect(judgePresented(twice, token(5), at(HARD_AT + DUE))).toEqual({ act: "serve" });
  });

  it("is remembered through later rotations and a roll forward", () => {
    const next = confirmed(issued(hard, HARD_AT + DUE), HARD_AT + DUE);
    const rolled = rollForward(next, token(9), at(HARD_AT + DUE));
    for (const record of [next, rolled]) {
      const decision = judgePresented(record, token(2), at(HARD_AT + DUE));
      expect(decision).toEqual({ act: "replaced" });
    }
  });
});
