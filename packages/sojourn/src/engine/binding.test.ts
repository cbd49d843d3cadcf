import { describe, expect, it } from "vitest";
import { answerChallenge, bindKey, CHALLENGE_MS, mayBind, unbind } from "./binding.ts";
import { resolvePolicy } from "./policy/resolve.ts";
import type { SessionRecord } from "./record.ts";
import { openSession, stepUpSession } from "./session.ts";

const { policy } = resolvePolicy("saas");
const NOW = 1_800_000_000_000;
const KEY = { tier: "dbsc", key: "{}", thumbprint: "p" } as const;

function session(more: Partial<SessionRecord> = {}): SessionRecord {
  const holder = { generation: 1, verifier: "v" };
  const opening = { id: "A".repeat(24), tenant: "t", subject: "alice", holder, amr: ["pwd"] };
  return { ...openSession(opening, policy, NOW), ...more };
}

function bound(now = NOW): SessionRecord {
  const record = bindKey(session(), KEY, now);
  if (record === undefined) throw new Error("not bound");
  return record;
}

describe("binding a session to a key", () => {
  it("[DB-01] [DB-11] is done within two minutes of a login, and not one millisecond later", () => {
    expect(bindKey(session(), KEY, NOW + 120_000)?.binding).toEqual({
      ...KEY,
      boundAt: NOW + 120_000,
      proofs: 0,
    });
    expect(bindKey(session(), KEY, NOW + 120_001)).toBeUndefined();
  });

  it("[DB-11] is done once: another key is refused, the same one changes nothing", () => {
    const record = bound();
    expect(bindKey(record, { ...KEY, thumbprint: "q" }, NOW + 1)).toBeUndefined();
    expect(bindKey(record, KEY, NOW + 1)).toBe(record);
    const later = stepUpSession(record, { amr: ["otp"] }, policy, NOW + 1000);
    expect(bindKey(later, { ...KEY, thumbprint: "q" }, NOW + 1001)).toBeUndefined();
  });

  it("[DB-11] raises the tier with an authentication of its own only", () => {
    const low = bindKey(session(), { ...KEY, tier: "webcrypto", thumbprint: "w" }, NOW + 10);
    if (low === undefined) throw new Error("not bound");
    expect(mayBind(low, "dbsc", NOW + 20)).toBe(false);
    const later = stepUpSession(low, { amr: ["otp"] }, policy, NOW + 30);
    expect(mayBind(later, "dbsc", NOW + 40)).toBe(true);
    expect(mayBind(later, "webcrypto", NOW + 40)).toBe(false);
    const high = bindKey(later, KEY, NOW + 40);
    expect(high?.binding?.tier).toBe("dbsc");
    const again = stepUpSession(high ?? later, { amr: ["otp"] }, policy, NOW + 50);
    expect(mayBind(again, "webcrypto", NOW + 60)).toBe(false);
  });

  it("is not for anonymous, pending or locked sessions", () => {
    for (const more of [{ subject: null }, { state: "pending" }, { state: "locked" }] as const) {
      expect(mayBind(session(more), "dbsc", NOW)).toBe(false);
    }
  });

  it("ends without a trace", () => {
    expect(unbind(bound())).toEqual(session());
  });
});

describe("answering a challenge", () => {
  const made = (count: number, nonce: string, at = NOW) => ({ at, count, nonce });

  it("[DB-05] counts once", () => {
    const first = answerChallenge(bound(), made(0, "a"), NOW + 5);
    expect(first?.binding).toMatchObject({ proofs: 1, lastProof: { challenge: "a", at: NOW + 5 } });
    expect(answerChallenge(first as SessionRecord, made(0, "a"), NOW + 6)).toBeUndefined();
  });

  it("[DB-05] counts for five minutes, and not one millisecond longer", () => {
    expect(answerChallenge(bound(), made(0, "a"), NOW + CHALLENGE_MS)).toBeDefined();
    expect(answerChallenge(bound(), made(0, "a"), NOW + CHALLENGE_MS + 1)).toBeUndefined();
  });

  it("[DB-05] counts for a sibling of the last one for a minute, once as well", () => {
    const first = answerChallenge(bound(), made(0, "a"), NOW) as SessionRecord;
    expect(answerChallenge(first, made(0, "b"), NOW + 60_001)).toBeUndefined();
    const second = answerChallenge(first, made(0, "b"), NOW + 60_000) as SessionRecord;
    expect(second.binding?.proofs).toBe(2);
    for (const nonce of ["a", "b"]) {
      expect(answerChallenge(second, made(0, nonce), NOW + 60_000)).toBeUndefined();
    }
    // The one that came with the first answer is still under way.
    const third = answerChallenge(second, made(1, "c"), NOW + 60_000) as SessionRecord;
    expect(answerChallenge(third, made(1, "c"), NOW + 60_000)).toBeUndefined();
  });

  it("counts neither ahead of the record nor without a key", () => {
    expect(answerChallenge(bound(), made(1, "a"), NOW)).toBeUndefined();
    expect(answerChallenge(session(), made(0, "a"), NOW)).toBeUndefined();
  });

  it("[DB-05] never takes one challenge twice, in whatever order they come", () => {
    let record = bound();
    const open = [made(0, "r0")];
    const taken = new Set<string>();
    let seed = 7;
    const next = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let step = 0; step < 3000; step += 1) {
      const now = NOW + step * 10;
      const challenge = open[next(open.length)] ?? made(0, "none");
      const answered = answerChallenge(record, challenge, now);
      if (answered !== undefined) {
        expect(taken.has(challenge.nonce)).toBe(false);
        taken.add(challenge.nonce);
        record = answered;
      }
      open.push(made(record.binding?.proofs ?? 0, `n${step}`, now));
      if (open.length > 12) open.shift();
    }
    expect(taken.size).toBeGreaterThan(500);
  });
});
