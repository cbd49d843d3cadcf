/** Somebody acts as the subject: by both names, not for long, and not with its factors. */
import { describe, expect, it } from "vitest";
import { refusalOf } from "./refusal.ts";
import type { LoginOptions } from "./login-options.ts";
import { HOUR, MINUTE, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

const BY_SUPPORT = { actor: "support:kim", cause: "ticket 4711" } as const;

async function acting(w: World, more: LoginOptions = {}): ReturnType<World["sessions"]["open"]> {
  return w.sessions.open({
    subject: "alice",
    amr: ["pwd", "otp"],
    acr: "aal2",
    ...BY_SUPPORT,
    ...more,
  });
}

describe("a session in which somebody acts as the subject", () => {
  it("[TN-04] is not opened without a reason, nor remembered, nor with a factor still missing", async () => {
    const { sessions } = world();
    const open = (more: object): Promise<unknown> => sessions.open({ subject: "alice", ...more });
    await expect(open({ actor: "kim" })).rejects.toThrow(/cause: required with `actor`/);
    await expect(open({ actor: "kim", cause: " " })).rejects.toThrow(/cause: required/);
    await expect(open({ cause: "ticket" })).rejects.toThrow(/goes with `actor` alone/);
    await expect(open({ ...BY_SUPPORT, remember: true })).rejects.toThrow(/remember: not where/);
    await expect(open({ ...BY_SUPPORT, pending: true })).rejects.toThrow(/pending: not where/);
    expect((await sessions.subject("alice").list()).items).toEqual([]);
  });

  it("[TN-04] ends within an hour, however busy it is", async () => {
    const w = world();
    const { token, session } = await acting(w);
    expect(session.actor).toBe("support:kim");
    for (let minutes = 0; minutes < 60; minutes += 10) {
      expect((await w.sessions.authenticate(token)).state).toBe("active");
      w.clock.advance(10 * MINUTE);
    }
    expect(await w.sessions.authenticate(token)).toMatchObject({
      state: "ended",
      reason: "absolute_timeout",
    });
  });

  it("lives no longer than its policy says", async () => {
    const short = world({
      policy: { extends: "consumer", absoluteMs: 20 * MINUTE, idleMs: 10 * MINUTE },
    });
    const { session } = await acting(short);
    expect(session.describe()?.absoluteExpiresAt).toBe(short.clock.now() + 20 * MINUTE);
    const usual = world();
    const { session: own } = await usual.sessions.open({ subject: "alice" });
    expect(own.describe()?.absoluteExpiresAt).toBeGreaterThan(usual.clock.now() + HOUR);
  });

  it("[TN-04] changes no credential: a fresh or a further factor is the person's own", async () => {
    const w = world();
    const { session } = await acting(w);
    expect(refusalOf(session)).toBeUndefined();
    expect(refusalOf(session, { acr: "aal2" })).toBeUndefined();
    for (const required of [{ maxAgeMs: HOUR }, { factors: 1 }, { elevated: true }] as const) {
      expect(session.unmet(required)).toEqual(required);
      const refused = refusalOf(session, required);
      expect([refused?.status, refused?.problem.code]).toEqual([403, "forbidden"]);
      expect(refused?.headers["www-authenticate"]).toBeUndefined();
    }
    const given = { amr: ["pwd", "hwk"] };
    await expect(session.stepUp(given)).rejects.toMatchObject({ code: "ERR_IMPERSONATED" });
    await session.lock();
    await expect(session.unlock(given)).rejects.toMatchObject({ code: "ERR_IMPERSONATED" });
  });

  it("[TN-04] is told by both names in all its events, with the reason where it begins", async () => {
    const w = world();
    const { session } = await acting(w);
    await session.rotate();
    await session.logout({ cause: "done", actor: "support:kim" });
    const own = w.events;
    expect(own.map(({ name }) => name)).toEqual([
      "session-established",
      "impersonation-started",
      "session-rotated",
      "impersonation-ended",
      "session-ended",
    ]);
    const names = own.map(({ subject, actor }) => [subject, actor]);
    expect(names).toEqual(own.map(() => ["alice", "support:kim"]));
    expect(own[1]).toMatchObject({ cause: "ticket 4711", expiresAt: w.clock.now() + HOUR });
  });

  it("takes no place of the person's, whose own sessions stay", async () => {
    const w = world({
      policy: { extends: "consumer", concurrency: { max: 1, onLimit: "evict-oldest" } },
    });
    const own = await w.sessions.open({ subject: "alice" });
    const { evicted } = await acting(w);
    expect(evicted).toEqual([]);
    expect((await w.sessions.authenticate(own.token)).state).toBe("active");
  });
});
