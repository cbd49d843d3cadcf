import { describe, expect, it } from "vitest";
import {
  failure,
  HOUR,
  idOf,
  MINUTE,
  SECOND,
  secretOf,
  sessionIn,
  successorIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

function ends(place: World) {
  return place.named("session-ended").map(({ session, reason }) => [session, reason] as const);
}

describe("every end is said exactly once, with its reason", () => {
  it("logout, however often", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const other = sessionIn(await place.sessions.authenticate(token));
    const id = idOf(session);
    await Promise.all([session.logout(), other.logout(), session.logout()]);
    await place.sessions.revoke(id);
    expect(ends(place)).toEqual([[id, "logout"]]);
  });

  it("revoke, with cause and actor", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    const words = { cause: "stolen laptop", actor: "help-desk" };
    await place.sessions.revoke(idOf(session), words);
    await place.sessions.subject("alice").revokeAll();
    expect(place.named("session-ended")).toMatchObject([{ ...words, reason: "revoked" }]);
  });

  it("[TE-03] revoke-all: one for each session, and one word for the subject", async () => {
    const place = world();
    for (let count = 0; count < 5; count += 1) await place.sessions.open({ subject: "alice" });
    const result = await place.sessions.subject("alice").revokeAll({ actor: "admin" });
    expect(result).toEqual({ epoch: 1, ended: 5, durability: "memory" });
    expect(new Set(ends(place).map(([session]) => session)).size).toBe(5);
    expect(place.named("subject-revoked")).toMatchObject([{ epoch: 1, ended: 5, actor: "admin" }]);
  });

  it("replacement by a login of the same and of another subject", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    const first = idOf(session);
    await session.login("alice");
    const second = idOf(session);
    await session.login("bob");
    expect(ends(place)).toEqual([
      [first, "replaced"],
      [second, "replaced"],
    ]);
  });

  it("eviction by the limit", async () => {
    const place = world({
      policy: { extends: "saas", concurrency: { max: 1, onLimit: "evict-oldest" } },
    });
    const { session } = await place.sessions.open({ subject: "alice" });
    const { evicted } = await place.sessions.open({ subject: "alice" });
    expect(ends(place)).toEqual([[idOf(session), "evicted"]]);
    expect(evicted.map(({ id }) => `ses_${id}`)).toEqual([idOf(session)]);
  });

  it.each([
    ["idle_timeout", 30 * MINUTE],
    ["absolute_timeout", 12 * HOUR],
  ] as const)("[TO-03] %s: written by the sweep, at the deadline", async (reason, after) => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const openedAt = place.clock.now();
    while (reason === "absolute_timeout" && place.clock.now() < openedAt + after - 20 * MINUTE) {
      await place.clock.advanceAsync(20 * MINUTE);
      await session.extend();
    }
    place.clock.advance(openedAt + after - place.clock.now());
    const answers = [
      await place.sessions.authenticate(token),
      await place.sessions.find(idOf(session)),
      await failure(session.update((draft) => void (draft["n"] = 1))),
      (await visit(place, { token })).session.subject,
    ];
    expect(answers[0]).toEqual({ state: "ended", reason });
    expect(answers[1]).toBeUndefined();
    expect(answers[2]).toMatchObject({ code: "ERR_SESSION_ENDED", reason });
    expect(answers[3]).toBeNull();
    expect(await place.sessions.sweep()).toBe(1);
    expect(await place.sessions.sweep()).toBe(0);
    expect(ends(place)).toEqual([[idOf(session), reason]]);
    const described = await place.sessions.describe(idOf(session));
    expect(described?.summary.end?.at).toBe(openedAt + after);
  });
});

describe("revoke-all", () => {
  it("[TE-04] keeps the one that is named, ends all others in every process", async () => {
    const place = world();
    const tokens = await Promise.all(
      Array.from({ length: 5 }, () => place.sessions.open({ subject: "alice" })),
    );
    const [kept, ...others] = tokens;
    if (kept === undefined) return;
    const except = kept.session.id;
    await place.sessions.subject("alice").revokeAll({ except, cause: "credential_change" });
    const there = world({ beside: place });
    expect((await there.sessions.authenticate(kept.token)).state).toBe("active");
    for (const { token } of others) {
      expect(await there.sessions.authenticate(token)).toEqual({
        state: "ended",
        reason: "subject_revoked",
      });
    }
    expect(await place.sessions.subject("alice").count()).toBe(1);
  });

  it("lets no login slip through that began before it (I5)", async () => {
    const place = world();
    place.store.before("create", async () => {
      await place.sessions.subject("alice").revokeAll();
    });
    expect(await failure(place.sessions.open({ subject: "alice" }))).toMatchObject({
      code: "ERR_STALE_EPOCH",
    });
    expect(await place.sessions.subject("alice").count()).toBe(0);
  });

  it("wins over 20 logins that race it: none from before it is live after it (I5)", async () => {
    const place = world({ policy: { extends: "saas", concurrency: { max: null } } });
    const epoch = await place.sessions.subject("alice").epoch();
    const logins = Array.from({ length: 20 }, () =>
      place.sessions.open({ subject: "alice", subjectEpoch: epoch }).catch(() => undefined),
    );
    await place.sessions.subject("alice").revokeAll();
    const opened = await Promise.all(logins);
    for (const one of opened) {
      if (one === undefined) continue;
      expect((await place.sessions.authenticate(one.token)).state).toBe("ended");
    }
    expect(await place.sessions.subject("alice").count()).toBe(0);
  });

  it("touches neither another subject nor the same name in another tenant", async () => {
    const place = world();
    const bob = await place.sessions.open({ subject: "bob" });
    const elsewhere = await place.sessions.open({ subject: "alice", tenant: "globex" });
    await place.sessions.subject("alice").revokeAll();
    expect((await place.sessions.authenticate(bob.token)).state).toBe("active");
    const there = await place.sessions.authenticate(elsewhere.token, { tenant: "globex" });
    expect(there.state).toBe("active");
  });

  it("ends one of the subject's own only, by handle", async () => {
    const place = world();
    const bob = await place.sessions.open({ subject: "bob" });
    expect(await place.sessions.subject("alice").revoke(idOf(bob.session))).toBe(false);
    expect((await place.sessions.authenticate(bob.token)).state).toBe("active");
    expect(await place.sessions.subject("bob").revoke(idOf(bob.session))).toBe(true);
    expect(await failure(place.sessions.revoke("not a handle"))).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
    });
  });
});

describe("an end", () => {
  it("[TE-01] is the end of all the session gave out, successors too", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const pending = successorIn(await place.sessions.authenticate(token, { canSetToken: true }));
    await session.logout();
    const ended = { state: "ended", reason: "logout" };
    const later = world({ beside: place, secrets: [secretOf(1)] });
    for (const presented of [token, pending, token]) {
      expect(await later.sessions.authenticate(presented)).toEqual(ended);
    }
    await place.clock.advanceAsync(SECOND);
    expect(await later.sessions.authenticate(pending)).toEqual(ended);
  });

  it("keeps its first reason, whatever comes later (I2)", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const id = idOf(session);
    await session.logout();
    expect(await place.sessions.revoke(id)).toMatchObject({ reason: "logout" });
    await place.sessions.subject("alice").revokeAll();
    place.clock.advance(9 * 24 * HOUR);
    expect(await place.sessions.authenticate(token)).toEqual({ state: "ended", reason: "logout" });
  });

  it("is forgotten with the record after its time, and is unknown then, never live", async () => {
    const place = world({ sweep: false });
    const { session, token } = await place.sessions.open({ subject: "alice" });
    const id = idOf(session);
    await session.logout();
    place.clock.advance(8 * 24 * HOUR);
    await place.sessions.sweep();
    expect(await place.sessions.authenticate(token)).toEqual({ state: "unknown" });
    expect(await place.sessions.describe(id)).toBeUndefined();
    expect(place.named("token-unknown")).toHaveLength(1);
  });

  it("is listed by nobody: lists and counts agree with what is live", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session } = await place.sessions.open({ subject: "alice" });
    await place.sessions.open({ subject: "alice" });
    await session.logout();
    const alice = place.sessions.subject("alice");
    expect((await alice.list()).items).toHaveLength(1);
    place.clock.advance(30 * MINUTE);
    expect((await alice.list()).items).toEqual([]);
    expect(await alice.count()).toBe(0);
  });
});

describe("listeners", () => {
  it("that throw harm neither the caller nor each other, and are reported", async () => {
    const place = world();
    const boom = new Error("boom");
    const heard: string[] = [];
    place.sessions.events.on("session-ended", () => {
      throw boom;
    });
    place.sessions.events.on("session-ended", ({ reason }) => heard.push(reason));
    const { session } = await place.sessions.open({ subject: "alice" });
    await session.logout();
    expect(heard).toEqual(["logout"]);
    expect(place.errors).toEqual([boom]);
  });

  it("can be taken off, also while they are being told", async () => {
    const place = world();
    let count = 0;
    const off = place.sessions.events.on("session-ended", () => {
      count += 1;
      off();
    });
    for (let turn = 0; turn < 2; turn += 1) {
      const { session } = await place.sessions.open({ subject: "alice" });
      await session.logout();
    }
    expect(count).toBe(1);
  });

  it("are told who, what and when, and never a token", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const id = idOf(session);
    await session.set("n", 1);
    await session.stepUp({ amr: ["otp"] });
    await session.logout({ cause: "done", actor: "alice" });
    const names = place.events.map(({ name }) => name);
    expect(names).toEqual([
      "session-established",
      "session-data-changed",
      "session-rotated",
      "assurance-level-change",
      "session-ended",
    ]);
    for (const event of place.events) {
      expect(event).toMatchObject({ tenant: "default", subject: "alice", session: id });
      expect(event.at).toBe(place.clock.now());
      expect(event.sidRef).toMatch(/^[\w-]{16}$/);
    }
    expect(JSON.stringify(place.events)).not.toContain(token.slice(37));
  });
});
