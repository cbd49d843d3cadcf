import { describe, expect, it } from "vitest";
import {
  failure,
  HOUR,
  idOf,
  leave,
  MINUTE,
  SECOND,
  sessionIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";

const DAY = 24 * HOUR;

describe("lock", () => {
  it("denies subject, data and writes until the factors are given again", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({
      subject: "alice",
      amr: ["pwd"],
      data: { iban: 1 },
    });
    await session.lock(2);
    const { session: locked } = await visit(place, { token });
    expect([locked.state, locked.subject, locked.claimant]).toEqual(["locked", null, "alice"]);
    expect(locked.data).toEqual({});
    for (const write of [
      () => locked.set("n", 1),
      () => locked.update((draft) => void (draft["n"] = 1)),
      () => locked.extend(),
      () => locked.rotate(),
      () => locked.stepUp({ amr: ["otp"] }),
      () => locked.setRoles(["admin"]),
    ]) {
      expect(await failure(write())).toMatchObject({ code: "ERR_SESSION_LOCKED", factors: 2 });
    }
    expect(await failure(locked.unlock({ amr: ["pwd"] }))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
    await locked.unlock({ amr: ["pwd", "otp"] });
    expect(locked.subject).toBe("alice");
    expect(locked.data).toEqual({ iban: 1 });
  });

  it("holds where the process that asks learns of it only at the write", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const other = sessionIn(await place.sessions.authenticate(token));
    await session.lock();
    const write = other.update((draft) => void (draft["n"] = 1));
    expect(await failure(write)).toMatchObject({ code: "ERR_SESSION_LOCKED" });
  });

  it("is never made lighter, and its unlock rotates hard", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    await session.lock(2);
    await session.lock(1);
    expect(await failure(session.unlock({ amr: ["pwd"] }))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
    const { token } = await session.unlock({ amr: ["pwd", "hwk"] });
    expect((await place.sessions.authenticate(token)).state).toBe("active");
    expect(place.named("session-locked")).toHaveLength(1);
    expect(place.named("session-unlocked")).toMatchObject([{ amr: ["pwd", "hwk"] }]);
  });

  it("counts kinds of factor, not words: two passwords are one", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    await session.lock(2);
    const error = await failure(session.unlock({ amr: ["pwd", "pin", "kba"] }));
    expect(error).toMatchObject({ code: "ERR_ASSURANCE" });
  });

  it("counts factors of a list only: a text is no list of its letters", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    await session.lock(2);
    const text = { amr: "pwd" } as unknown as { amr: string[] };
    expect(await failure(session.unlock(text))).toMatchObject({ name: "ArgumentError" });
    expect(await failure(place.sessions.open({ subject: "bob", ...text }))).toMatchObject({
      name: "ArgumentError",
    });
    expect(session.state).toBe("locked");
  });

  it.each([0, 4, 1.5, Number.NaN, -1])("refuses %d factors", async (factors) => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    expect(await failure(session.lock(factors))).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(session.state).toBe("active");
  });

  it("[TE-01] still lets people end it", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice" });
    await session.lock();
    const exchange = await visit(place, { token });
    await exchange.session.logout();
    expect(leave(exchange).cookies[0]).toContain("Max-Age=0");
    expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "logout" });
  });
});

describe("idleness that locks", () => {
  it("[TO-05] locks at the idle deadline; one factor re-activates until the end", async () => {
    const place = world({ policy: "nist-aal2" });
    const { token, session } = await place.sessions.open({
      subject: "alice",
      amr: ["pwd", "otp"],
      data: { n: 1 },
    });
    place.clock.advance(HOUR - 1);
    const before = await place.sessions.authenticate(token, { activity: false });
    expect(before.state).toBe("active");
    place.clock.advance(1);
    const standing = await place.sessions.authenticate(token);
    expect(standing.state).toBe("locked");
    const locked = sessionIn(standing);
    expect([locked.subject, locked.data]).toEqual([null, {}]);
    const { token: next } = await locked.unlock({ amr: ["pwd"] });
    const active = sessionIn(await place.sessions.authenticate(next));
    expect(active.data).toEqual({ n: 1 });
    expect(active.absoluteExpiresAt).toBe(session.absoluteExpiresAt);
    place.clock.advance(DAY - HOUR);
    expect(await place.sessions.authenticate(next)).toEqual({
      state: "ended",
      reason: "absolute_timeout",
    });
  });

  it("is lifted by no activity, no extension and no late touch", async () => {
    const place = world({ policy: "nist-aal2" });
    const { token, session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    place.clock.advance(HOUR);
    expect((await place.sessions.authenticate(token)).state).toBe("locked");
    expect(await failure(session.extend())).toMatchObject({ code: "ERR_SESSION_LOCKED" });
    await place.clock.advanceAsync(SECOND);
    expect((await place.sessions.authenticate(token)).state).toBe("locked");
  });

  it("[TO-06] asks for both factors again where the policy says all", async () => {
    const place = world({ policy: "pci-dss-4" });
    const { token } = await place.sessions.open({ subject: "alice", amr: ["pwd", "hwk"] });
    place.clock.advance(15 * MINUTE);
    const locked = sessionIn(await place.sessions.authenticate(token));
    expect(await failure(locked.unlock({ amr: ["hwk"] }))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
    await locked.unlock({ amr: ["hwk", "pwd"] });
    expect(locked.state).toBe("active");
  });

  it("is not swept away while it is locked, and is at the absolute end", async () => {
    const place = world({ policy: "nist-aal2" });
    await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    place.clock.advance(2 * HOUR);
    expect(await place.sessions.sweep()).toBe(0);
    place.clock.advance(DAY);
    expect(await place.sessions.sweep()).toBe(1);
    expect(place.named("session-ended")).toMatchObject([{ reason: "absolute_timeout" }]);
  });
});

describe("a session that waits for a factor", () => {
  it("[ID-12] is never authenticated: no subject, and no idle clock that slides", async () => {
    const place = world();
    const { token } = await place.sessions.open({
      subject: "alice",
      amr: ["pwd"],
      pending: true,
    });
    for (let minute = 0; minute < 9; minute += 1) {
      place.clock.advance(MINUTE);
      const standing = await place.sessions.authenticate(token, { canSetToken: true });
      expect(standing.state).toBe("pending");
      expect(sessionIn(standing).subject).toBeNull();
      expect(sessionIn(standing).claimant).toBe("alice");
      expect(sessionIn(standing).unmet({})).toBeDefined();
    }
    place.clock.advance(MINUTE);
    expect(await place.sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "idle_timeout",
    });
  });

  it("cannot be extended, locked or completed without a factor", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice", pending: true });
    const before = session.idleExpiresAt;
    place.clock.advance(MINUTE);
    await session.extend();
    expect(session.idleExpiresAt).toBe(before);
    expect(await failure(session.lock())).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(await failure(session.stepUp({}))).toMatchObject({ code: "ERR_ASSURANCE" });
    expect(session.state).toBe("pending");
  });

  it("becomes active by the missing factor, with the full idle time and a new token", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({
      subject: "alice",
      amr: ["pwd"],
      pending: true,
    });
    place.clock.advance(5 * MINUTE);
    const { token: next } = await session.stepUp({ amr: ["otp"], acr: "aal2" });
    expect(session.subject).toBe("alice");
    expect(session.idleExpiresAt).toBe(place.clock.now() + 8 * HOUR);
    expect(session.assurance).toMatchObject({ acr: "aal2", amr: ["pwd", "otp"] });
    place.clock.advance(6 * SECOND);
    expect((await place.sessions.authenticate(next)).state).toBe("active");
    expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "replaced" });
  });
});

describe("assurance", () => {
  it("[ID-15] cannot be claimed above what the methods reach", async () => {
    const place = world();
    const high = { subject: "alice", amr: ["pwd"], acr: "aal2" };
    expect(await failure(place.sessions.open(high))).toMatchObject({ code: "ERR_ASSURANCE" });
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    expect(await failure(session.stepUp({ amr: ["pwd"], acr: "aal3" }))).toMatchObject({
      code: "ERR_ASSURANCE",
    });
    expect(session.assurance?.acr).toBeUndefined();
  });

  it("does not take a misspelt requirement for one that is met", async () => {
    const { sessions } = world();
    const { session } = await sessions.open({ subject: "alice", amr: ["pwd"] });
    const misspelt = { maxAge: 300 } as object;
    expect(() => session.unmet(misspelt)).toThrow(/unmet\.maxAge: unknown requirement/);
  });

  it("[RA-08] elevates for the time the policy gives, and decays by itself", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    expect(session.unmet({ elevated: true })).toEqual({ elevated: true });
    const { token: next } = await session.stepUp({ amr: ["pwd"] });
    expect(next).not.toBe(token);
    expect(session.unmet({ elevated: true })).toBeUndefined();
    place.clock.advance(15 * MINUTE - 1);
    expect(session.unmet({ elevated: true })).toBeUndefined();
    place.clock.advance(1);
    expect(session.unmet({ elevated: true })).toEqual({ elevated: true });
  });

  it("[RA-01] [RA-02] names what is missing: freshness and one more factor", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const required = { maxAgeMs: 5 * MINUTE, factors: 2 };
    expect(session.unmet(required)).toEqual({ factors: 2 });
    place.clock.advance(5 * MINUTE + 1);
    expect(session.unmet(required)).toEqual(required);
    await session.stepUp({ amr: ["pwd", "otp"] });
    expect(session.unmet(required)).toBeUndefined();
  });
});

describe("roles", () => {
  const tighten = { roles: { admin: { idleMs: 15 * MINUTE, absoluteMs: HOUR } } };

  it("[TE-08] change at the next request, in every process, with an event", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({
      subject: "alice",
      roles: ["admin"],
    });
    expect(sessionIn(await place.sessions.authenticate(token)).roles).toEqual(["admin"]);
    await session.setRoles(["reader"]);
    const other = world({ beside: place });
    expect(sessionIn(await other.sessions.authenticate(token)).roles).toEqual(["reader"]);
    expect(place.named("token-claims-change")).toMatchObject([
      { subject: "alice", session: idOf(session), roles: ["reader"] },
    ]);
  });

  it("tighten the limits at once, and never loosen them again", async () => {
    const place = world({ tighten });
    const { session } = await place.sessions.open({ subject: "alice" });
    const loose = session.absoluteExpiresAt ?? 0;
    await session.setRoles(["admin"]);
    expect(session.idleExpiresAt).toBe(place.clock.now() + 15 * MINUTE);
    const tight = session.absoluteExpiresAt ?? 0;
    expect(tight).toBe(place.clock.now() + HOUR);
    expect(tight).toBeLessThan(loose);
    await session.setRoles([]);
    expect(session.absoluteExpiresAt).toBe(tight);
  });
});

describe("extend", () => {
  it("[TO-10] moves the idle deadline, at once, never past the absolute end", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const end = session.absoluteExpiresAt ?? 0;
    while (place.clock.now() < end - 10 * MINUTE) {
      const peeked = sessionIn(await place.sessions.authenticate(token, { activity: false }));
      expect(peeked.idleExpiresAt).toBe(session.idleExpiresAt);
      await session.extend();
      expect(session.idleExpiresAt).toBe(Math.min(place.clock.now() + 30 * MINUTE, end));
      place.clock.advance(10 * MINUTE);
    }
    expect(session.warnAt).toBe(end - 3 * MINUTE);
    place.clock.advance(end - place.clock.now());
    expect(await failure(session.extend())).toMatchObject({
      code: "ERR_SESSION_ENDED",
      reason: "absolute_timeout",
    });
  });

  it("is too late at the deadline: nothing revives the session", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(30 * MINUTE);
    expect(await failure(session.extend())).toMatchObject({ reason: "idle_timeout" });
    expect(place.store.calls("touch")).toBe(0);
  });
});
