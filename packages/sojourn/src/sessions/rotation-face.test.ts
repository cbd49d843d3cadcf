import { describe, expect, it } from "vitest";
import {
  HOUR,
  idOf,
  leave,
  MINUTE,
  SECOND,
  secretOf,
  sessionIn,
  successorIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { World, WorldOptions } from "../../../../tests/support/world.ts";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0";
const CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";
const browser = { canSetToken: true, fingerprint: FIREFOX } as const;

/** A session whose token is an hour old: rotation is due. */
async function due(options: WorldOptions = {}) {
  const place = world(options);
  const { token, session } = await place.sessions.open({ subject: "alice", fingerprint: FIREFOX });
  place.clock.advance(HOUR);
  return { place, token, session };
}

/** Two live holders: the thief has the old token, the browser has gone on with the new one. */
async function forked(options: WorldOptions = {}) {
  const { place, token, session } = await due(options);
  const successor = successorIn(await place.sessions.authenticate(token, browser));
  await place.sessions.authenticate(successor, browser);
  for (let minute = 0; minute < 3; minute += 1) {
    place.clock.advance(MINUTE);
    await place.sessions.authenticate(successor, browser);
    await place.clock.advanceAsync(SECOND);
  }
  return { place, old: token, successor, session };
}

function endsOf(place: World): string[] {
  return place.named("session-ended").map((event) => event.reason);
}

describe("rotation", () => {
  it("[TO-08] is due an hour after the last confirmation, not one millisecond before", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR - 1);
    const early = await place.sessions.authenticate(token, { canSetToken: true });
    expect(early).not.toHaveProperty("successor");
    place.clock.advance(1);
    const standing = await place.sessions.authenticate(token, { canSetToken: true });
    expect(successorIn(standing)).toMatch(/^sj1s_/);
  });

  it("gives no token to a caller that cannot send one", async () => {
    const { place, token } = await due();
    expect(await place.sessions.authenticate(token)).not.toHaveProperty("successor");
    expect(place.store.calls("replace")).toBe(0);
  });

  it("[TO-08] confirms by use, serves the straggler in its grace, then forks", async () => {
    const { place, token } = await due();
    const successor = successorIn(await place.sessions.authenticate(token, browser));
    await place.sessions.authenticate(successor, browser);
    place.clock.advance(20 * SECOND);
    const straggler = await place.sessions.authenticate(token, browser);
    expect(straggler.state).toBe("active");
    expect(straggler).not.toHaveProperty("successor");
    expect(place.named("session-rotated").map((event) => event.how)).toEqual([
      "sealed",
      "confirmed",
    ]);
    for (let minute = 0; minute < 3; minute += 1) {
      place.clock.advance(MINUTE);
      await place.sessions.authenticate(successor, browser);
      await place.clock.advanceAsync(SECOND);
    }
    expect((await place.sessions.authenticate(token, browser)).state).toBe("locked");
  });

  it("gives the identical successor after a restart, from another process", async () => {
    const { place, token } = await due();
    const first = successorIn(await place.sessions.authenticate(token, browser));
    const other = world({ beside: place });
    place.clock.advance(SECOND);
    expect(successorIn(await other.sessions.authenticate(token, browser))).toBe(first);
  });

  it("gives it to no other client context within the grace", async () => {
    const { place, token } = await due();
    await place.sessions.authenticate(token, browser);
    const other = await place.sessions.authenticate(token, { ...browser, fingerprint: CHROME });
    expect(other.state).toBe("active");
    expect(other).not.toHaveProperty("successor");
  });

  it("branches when the response with the successor was lost", async () => {
    const { place, token } = await due();
    const lost = successorIn(await place.sessions.authenticate(token, browser));
    place.clock.advance(MINUTE);
    const second = successorIn(await place.sessions.authenticate(token, browser));
    expect(second).not.toBe(lost);
    expect((await place.sessions.authenticate(second, browser)).state).toBe("active");
    expect(place.named("token-fork")).toEqual([]);
  });

  it("keeps data and subject, and never moves the absolute end (I11)", async () => {
    const { place, token, session } = await due();
    const successor = successorIn(await place.sessions.authenticate(token, browser));
    const after = sessionIn(await place.sessions.authenticate(successor, browser));
    expect(after.id).toBe(session.id);
    expect(after.absoluteExpiresAt).toBe(session.absoluteExpiresAt);
  });
});

describe("a fork", () => {
  it("locks by default when the context is the same, once, and says so once", async () => {
    const { place, old, successor } = await forked();
    expect((await place.sessions.authenticate(old, browser)).state).toBe("locked");
    expect((await place.sessions.authenticate(old, browser)).state).toBe("locked");
    expect((await place.sessions.authenticate(successor, browser)).state).toBe("locked");
    expect(place.named("token-fork")).toMatchObject([{ reaction: "step-up", sameContext: true }]);
    expect(place.named("session-locked")).toMatchObject([{ cause: "token_fork", actor: "system" }]);
  });

  it("ends the session when the context differs, for both holders, with one event", async () => {
    const { place, old, successor } = await forked();
    const thief = { ...browser, fingerprint: CHROME };
    const ended = { state: "ended", reason: "reuse_detected" };
    expect(await place.sessions.authenticate(old, thief)).toEqual(ended);
    expect(await place.sessions.authenticate(successor, browser)).toEqual(ended);
    expect(await place.sessions.authenticate(old, thief)).toEqual(ended);
    expect(place.named("token-fork")).toHaveLength(1);
    expect(endsOf(place)).toEqual(["reuse_detected"]);
  });

  it.each([
    ["alert", "active"],
    ["step-up", "locked"],
    ["revoke", "ended"],
  ] as const)("does what the policy says: %s leaves it %s", async (onFork, state) => {
    const { place, old } = await forked({ policy: { extends: "saas", onFork } });
    const standing = await place.sessions.authenticate(old, { ...browser, fingerprint: CHROME });
    expect(standing.state).toBe(state);
    expect(place.named("token-fork")).toMatchObject([{ reaction: onFork, sameContext: false }]);
  });
});

describe("a hard rotation", () => {
  const causes = {
    stepUp: (place: World, token: string) =>
      place.sessions.authenticate(token).then((s) => sessionIn(s).stepUp({ amr: ["otp"] })),
    rotate: (place: World, token: string) =>
      place.sessions.authenticate(token).then((s) => sessionIn(s).rotate()),
  };

  it.each(["stepUp", "rotate"] as const)(
    "[ID-11] by %s gives a new secret at once; the old one is refused after the transit time",
    async (cause) => {
      const place = world();
      const { token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
      const { token: next } = await causes[cause](place, token);
      expect(next).not.toBe(token);
      place.clock.advance(5 * SECOND);
      const inTransit = await place.sessions.authenticate(token, browser);
      expect(inTransit.state).toBe("active");
      expect(inTransit).not.toHaveProperty("successor");
      expect(sessionIn(inTransit).assurance?.amr).toEqual(["pwd"]);
      place.clock.advance(1);
      expect(await place.sessions.authenticate(token, browser)).toEqual({
        state: "ended",
        reason: "replaced",
      });
      expect((await place.sessions.authenticate(next, browser)).state).toBe("active");
      expect(place.named("token-fork")).toEqual([]);
      expect(endsOf(place)).toEqual([]);
    },
  );

  it.each(["pending", "locked"] as const)(
    "[ID-12] out of %s makes the old token worth nothing more than it was",
    async (state) => {
      const place = world();
      const { token, session } = await place.sessions.open({
        subject: "alice",
        amr: ["pwd"],
        pending: state === "pending",
      });
      if (state === "locked") await session.lock();
      await (state === "pending" ? session.stepUp : session.unlock).call(session, {
        amr: ["otp"],
      });
      const old = await place.sessions.authenticate(token, browser);
      expect(old.state).not.toBe("active");
      expect((await visit(place, { token })).session.subject).toBeNull();
    },
  );

  it("[ID-11] by a change of roles refuses the old token at once, without an alarm", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", roles: ["reader"] });
    const exchange = await visit(place, { token });
    await exchange.session.setRoles(["admin"]);
    const { token: next = "" } = leave(exchange);
    expect(next).not.toBe(token);
    expect(await place.sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "replaced",
    });
    expect(sessionIn(await place.sessions.authenticate(next)).roles).toEqual(["admin"]);
    expect(place.named("token-fork")).toEqual([]);
  });

  it("[ID-11] by an operator's change of roles comes with the client's next request", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const there = await place.sessions.find(idOf(session));
    await there?.setRoles(["admin"]);
    const next = successorIn(await place.sessions.authenticate(token, browser));
    expect(sessionIn(await place.sessions.authenticate(next, browser)).roles).toEqual(["admin"]);
  });

  it("reaches the browser as a cookie of the same answer", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const exchange = await visit(place, { token });
    const { token: next } = await exchange.session.stepUp({ amr: ["otp"] });
    expect(leave(exchange).token).toBe(next);
  });

  it("replaces a successor under way too", async () => {
    const { place, token } = await due();
    const pending = successorIn(await place.sessions.authenticate(token, browser));
    const { token: hard } = await causes.rotate(place, token);
    place.clock.advance(6 * SECOND);
    const answer = await place.sessions.authenticate(pending, browser);
    expect(answer).toEqual({ state: "ended", reason: "replaced" });
    expect((await place.sessions.authenticate(hard, browser)).state).toBe("active");
  });
});

describe("the memo of proved tokens", () => {
  it("serves token A, then B of another session, then A again", async () => {
    const place = world();
    const a = await place.sessions.open({ subject: "alice" });
    const b = await place.sessions.open({ subject: "bob" });
    for (const [token, subject] of [
      [a.token, "alice"],
      [b.token, "bob"],
      [a.token, "alice"],
    ] as const) {
      expect(sessionIn(await place.sessions.authenticate(token)).subject).toBe(subject);
    }
  });

  it("never proves a tampered token by the genuine one before it", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    await place.sessions.authenticate(token);
    for (let at = 5; at < token.length; at += 1) {
      const other = token[at] === "A" ? "B" : "A";
      const tampered = token.slice(0, at) + other + token.slice(at + 1);
      expect(await place.sessions.authenticate(tampered)).toEqual({ state: "unknown" });
    }
    expect((await place.sessions.authenticate(token)).state).toBe("active");
  });

  it("never serves a token to another tenant", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice", tenant: "acme" });
    expect((await place.sessions.authenticate(token, { tenant: "acme" })).state).toBe("active");
    place.store.resetCalls();
    const foreign = await place.sessions.authenticate(token, { tenant: "globex" });
    expect(foreign).toEqual({ state: "unknown" });
    expect(place.store.calls()).toBe(0);
  });

  it("never outlives a change by another process: end, lock, rotation", async () => {
    const place = world();
    const other = world({ beside: place });
    const { token, session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    await place.sessions.authenticate(token);
    const there = sessionIn(await other.sessions.authenticate(token));
    await there.lock();
    expect((await place.sessions.authenticate(token)).state).toBe("locked");
    await there.unlock({ amr: ["pwd"] });
    await other.sessions.revoke(idOf(session));
    expect(await place.sessions.authenticate(token)).toMatchObject({ state: "ended" });
  });
});

describe("secrets that rotate", () => {
  it("[KY-02] verify through every step of the roll-out under load: no request fails", async () => {
    const [before, after] = [secretOf(1), secretOf(2)];
    const first = world({ secrets: [before] });
    const steps = [[before], [before, after], [after, before], [after]];
    const tokens: string[] = [];
    for (const secrets of steps) {
      const process = world({ secrets, beside: first });
      const opened = await Promise.all(
        Array.from({ length: 20 }, (_, at) => process.sessions.open({ subject: `user-${at}` })),
      );
      tokens.push(...opened.map(({ token }) => token));
      if (secrets.length === 1) continue;
      // Old nodes still run while new ones start: both must serve what either made.
      const answers = await Promise.all(tokens.map((t) => process.sessions.authenticate(t)));
      expect(answers.filter(({ state }) => state !== "active")).toEqual([]);
    }
    const last = world({ secrets: [after], beside: first });
    expect(await last.sessions.authenticate(tokens[0] ?? "")).toEqual({ state: "unknown" });
  });

  it("[KY-02] keeps sealed successors and contexts across a change of keys", async () => {
    const { place, token } = await due();
    const first = successorIn(await place.sessions.authenticate(token, browser));
    const next = world({ secrets: [secretOf(2), secretOf(1)], beside: place });
    expect(successorIn(await next.sessions.authenticate(token, browser))).toBe(first);
    expect((await next.sessions.authenticate(first, browser)).state).toBe("active");
    expect(next.named("token-fork")).toEqual([]);
  });
});
