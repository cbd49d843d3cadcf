import { describe, expect, it } from "vitest";
import type { NearSession } from "../engine/ports.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { forgetfulStore } from "../../../../tests/support/forgetful-store.ts";
import { region, signIn, stateOf } from "../../../../tests/support/region.ts";
import { failure, SECOND, world } from "../../../../tests/support/world.ts";

const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE" };

describe("after a failover that lost writes", () => {
  it("a revocation sticks in the process that made it, at once, and everywhere soon (I2)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    await copy();
    await a.sessions.revoke(handle);
    failOver();
    expect(await stateOf(a, token)).toBe("ended");
    await heal();
    expect(await stateOf(b, token)).toBe("ended");
  });

  it("a revocation of another process sticks where it was heard of, at once (I2)", async () => {
    const { a, b, copy, failOver } = region();
    const { token, handle } = await signIn(a);
    expect(await stateOf(b, token)).toBe("active");
    await copy();
    await a.sessions.revoke(handle);
    failOver();
    expect(await stateOf(b, token)).toBe("ended");
  });

  it("is written again by a timer, without anybody asking, and told as an event", async () => {
    const { a, b, copy, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    await copy();
    const other = await signIn(a, "bob");
    await a.sessions.revoke(handle);
    failOver();
    await heal();
    expect(a.named("store-replayed")).toMatchObject([{ ended: 1, sessions: 1 }]);
    expect(await stateOf(b, token)).toBe("ended");
    expect(await stateOf(b, other.token)).toBe("active");
  });

  it("a session that was just opened is no unknown one: here at once, elsewhere 503 first (I7)", async () => {
    const { a, b, failOver, heal } = region();
    const { token } = await signIn(a);
    failOver();
    expect(await failure(b.sessions.authenticate(token))).toMatchObject(UNAVAILABLE);
    expect(await stateOf(a, token)).toBe("active");
    expect(await stateOf(b, token)).toBe("active");
    await heal();
    expect(await stateOf(b, token)).toBe("active");
  });

  it("a session that nobody can write again is unknown once the store has settled", async () => {
    const { a, b, failOver, heal } = region();
    const { token } = await signIn(a);
    await a.sessions.close();
    failOver();
    expect(await failure(b.sessions.authenticate(token))).toMatchObject(UNAVAILABLE);
    await heal();
    expect(await stateOf(b, token)).toBe("unknown");
  });

  it("a lost step-up and data of a new session come back", async () => {
    const { a, b, failOver, heal } = region();
    const { session } = await a.sessions.open({ subject: "alice", data: { color: "red" } });
    await session.set("size", 7);
    await session.stepUp({ amr: ["otp"] });
    failOver();
    await heal();
    const found = await b.sessions.find(session.id ?? "");
    expect(found?.data).toEqual({ color: "red", size: 7 });
    expect(found?.assurance?.amr).toContain("otp");
  });

  it("data are written to a session that was lost, once it is back (I4)", async () => {
    const { a, b, failOver, heal } = region();
    const { session } = await a.sessions.open({ subject: "alice", data: { color: "red" } });
    failOver();
    await session.set("size", 7);
    await heal();
    expect((await b.sessions.find(session.id ?? ""))?.data).toEqual({ color: "red", size: 7 });
  });

  it("a lost revoke-all ends every older session again and spares the excepted one (I5)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const [kept, gone] = [await signIn(a), await signIn(b)];
    await copy();
    await a.sessions.subject("alice").revokeAll({ except: kept.handle });
    failOver();
    expect(await stateOf(a, gone.token)).toBe("ended");
    expect(await stateOf(a, kept.token)).toBe("active");
    await heal();
    expect(await stateOf(b, gone.token)).toBe("ended");
    expect(await stateOf(b, kept.token)).toBe("active");
  });

  it("a new revoke-all outranks the epoch that was lost (I5)", async () => {
    const { a, b, copy, failOver, heal } = region();
    await signIn(a);
    await copy();
    await a.sessions.subject("alice").revokeAll();
    const between = await signIn(a);
    failOver();
    await a.sessions.subject("alice").revokeAll();
    await heal();
    expect(await stateOf(b, between.token)).toBe("ended");
  });

  it("ending a lost session leaves a tombstone, so that it is not written back to life (I1)", async () => {
    const { a, b, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    failOver();
    expect(await a.sessions.revoke(handle)).toMatchObject({ reason: "revoked" });
    expect(a.named("session-ended")).toHaveLength(1);
    await heal();
    expect(await stateOf(b, token)).not.toBe("active");
    expect(await stateOf(a, token)).not.toBe("active");
  });

  it("a login waits until lost epochs are back, whoever knew them (I5, I7)", async () => {
    const { a, b, failOver } = region();
    await a.sessions.subject("alice").revokeAll();
    failOver();
    expect(await failure(b.sessions.open({ subject: "alice" }))).toMatchObject(UNAVAILABLE);
    const early = { subject: "alice", subjectEpoch: 0 };
    expect(await failure(b.sessions.open(early))).toMatchObject(UNAVAILABLE);
    await a.clock.advanceAsync(3 * SECOND);
    const { token } = await signIn(b);
    expect(await stateOf(a, token)).toBe("active");
  });

  it("a store that nobody has known before is settled from its beginning", async () => {
    const { a } = region();
    const { token } = await signIn(a);
    await a.sessions.close();
    const later = region();
    expect(await stateOf(later.a, token)).toBe("unknown");
    expect(await stateOf(later.a, (await signIn(later.a)).token)).toBe("active");
  });

  it("a store that was emptied is known by who knew it before", async () => {
    const { a, b, empty } = region();
    const { token } = await signIn(a);
    expect(await stateOf(b, token)).toBe("active");
    await a.sessions.close();
    empty();
    expect(await failure(b.sessions.authenticate(token))).toMatchObject(UNAVAILABLE);
  });

  it("ending a session that another process may still know is trouble, not success (I7)", async () => {
    const { a, b, failOver } = region();
    const { handle } = await signIn(a);
    failOver();
    expect(await failure(b.sessions.revoke(handle))).toMatchObject(UNAVAILABLE);
  });

  it("what was erased on purpose is not written back, and not tried twice", async () => {
    const { a, b } = region();
    const { token, handle } = await signIn(a);
    // Not even heard of.
    a.sessions.inside().core.changes.close();
    const { core, tenant } = b.sessions.inside();
    await core.store.purgeSubject(tenant, "alice", core.now());
    expect(await stateOf(a, token)).toBe("unknown");
    a.store.resetCalls();
    expect(await a.sessions.describe(handle)).toBeUndefined();
    expect(a.store.calls("apply")).toBe(0);
  });

  it("whom this process erased is not written back where the session was lost, too", async () => {
    const { a, b, failOver, heal } = region();
    const { token } = await signIn(a);
    const { core, tenant } = a.sessions.inside();
    // Before it is heard of.
    core.changes.close();
    await core.store.purgeSubject(tenant, "alice", core.now());
    failOver();
    await heal();
    expect(await stateOf(a, token)).toBe("unknown");
    expect(await stateOf(b, token)).toBe("unknown");
  });

  it("is written again after a second failover, too", async () => {
    const { a, b, copy, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    await copy();
    await a.sessions.revoke(handle);
    failOver();
    // The new standby has the session, and not the end of it that is written again.
    await copy();
    await heal();
    failOver();
    await a.clock.advanceAsync(2 * SECOND);
    expect(await stateOf(b, token)).toBe("ended");
    expect(a.named("store-replayed")).toHaveLength(2);
  });

  it.each(["revoke", "create"] as const)(
    "counts a %s that the old primary acknowledges after the new one has everything (I2, I7)",
    async (operation) => {
      const { a, b, copy, failOver, heal } = region();
      const { token, handle } = await signIn(a);
      await a.clock.advanceAsync(SECOND);
      await copy();
      a.store.after(operation, async () => {
        failOver();
        await a.clock.advanceAsync(3 * SECOND);
      });
      const second = operation === "revoke" ? undefined : await signIn(a, "bob");
      if (operation === "revoke") await a.sessions.revoke(handle);
      await heal();
      if (second === undefined) expect(await stateOf(b, token)).toBe("ended");
      else expect(await stateOf(b, second.token)).toBe("active");
    },
  );

  it("a failover between the writing of an end and the look at it is trouble (I2)", async () => {
    const { a, copy, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    await copy();
    await a.sessions.revoke(handle);
    failOver();
    await copy();
    a.store.after("revoke", () => failOver());
    expect(await failure(a.sessions.authenticate(token))).toMatchObject(UNAVAILABLE);
    await heal();
    expect(await stateOf(a, token)).toBe("ended");
  });

  it("data with a hole are not written over those of other processes (I4)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const { session } = await a.sessions.open({ subject: "alice", data: { first: 1 } });
    const id = session.id ?? "";
    await (await b.sessions.find(id))?.set("second", 2);
    await (await a.sessions.find(id))?.set("third", 3);
    await copy();
    failOver();
    await heal();
    expect((await b.sessions.find(id))?.data).toEqual({ first: 1, second: 2, third: 3 });
  });

  it("a revoke-all soon after it spares the excepted session, whose epoch leaps along", async () => {
    const { a, b, copy, failOver } = region();
    const [kept, gone] = [await signIn(a), await signIn(a)];
    await copy();
    failOver();
    await a.sessions.subject("alice").revokeAll({ except: kept.handle });
    expect(await stateOf(b, kept.token)).toBe("active");
    expect(await stateOf(b, gone.token)).toBe("ended");
  });

  it("a revoke-all soon after it revives no excepted session that an epoch had ended (I1)", async () => {
    const { a, b, copy, failOver } = region();
    const { token, handle } = await signIn(a);
    await copy();
    failOver();
    const { core, tenant } = a.sessions.inside();
    await core.store.apply([{ kind: "epoch", tenant, subject: "alice", epoch: 7 }], "elsewhere");
    expect(await stateOf(a, token)).toBe("ended");
    await a.sessions.subject("alice").revokeAll({ except: handle });
    expect(await stateOf(a, token)).toBe("ended");
    expect(await stateOf(b, token)).toBe("ended");
  });

  it("writes under way when it happens do not make everything go out again and again", async () => {
    const { a, copy, failOver } = region();
    const all = await Promise.all(Array.from({ length: 60 }, (_, at) => signIn(a, `user-${at}`)));
    await a.clock.advanceAsync(2 * SECOND);
    await copy();
    const revoke = a.store.revoke.bind(a.store);
    a.store.revoke = async (...args) => {
      const result = await revoke(...args);
      await new Promise<void>((resolve) => void a.clock.after(300, resolve));
      return result;
    };
    for (const [turn, { handle }] of all.entries()) {
      if (turn === 10) failOver();
      void a.sessions.revoke(handle).catch(() => undefined);
      await a.clock.advanceAsync(75);
    }
    expect(a.named("store-replayed").length).toBeLessThan(4);
  });

  it("a replay that is never answered is given up, and tried again", async () => {
    const { a, b, copy, failOver } = region();
    const { token } = await signIn(a);
    await copy();
    const second = await signIn(a);
    a.store.fail("apply", "hang", 1);
    failOver();
    await a.clock.advanceAsync(20 * SECOND);
    expect(await stateOf(b, token)).toBe("active");
    expect(await stateOf(b, second.token)).toBe("active");
  });

  it("tries again soon when the store cannot take it", async () => {
    const { a, b, copy, failOver } = region();
    const { token, handle } = await signIn(a);
    await copy();
    await a.sessions.revoke(handle);
    failOver();
    a.store.fail("revoke", "before", 2);
    await a.clock.advanceAsync(1_600);
    expect(await stateOf(b, token)).toBe("ended");
  });

  it("stops looking when it is closed", async () => {
    const { a } = region();
    await signIn(a);
    await a.clock.advanceAsync(SECOND);
    await a.sessions.close();
    a.store.resetCalls();
    await a.clock.advanceAsync(60 * SECOND);
    expect(a.store.calls()).toBe(0);
  });
});

describe("what a near-cache has read of a store that lost an end", () => {
  it.each(["peek", "recall"] as const)(
    "is no hit in a process that knows of the end, asked by %s (I2)",
    async (way) => {
      const clock = new ManualClock();
      const store = forgetfulStore(() => clock.now());
      const kept: { near?: NearSession } = {};
      const near = {
        boundMs: 1,
        provenAt: Infinity,
        monotonic: () => performance.now(),
        peek: () => (way === "peek" ? kept.near : undefined),
        ...(way === "recall" ? { recall: async () => kept.near?.stored } : {}),
      };
      const place = world({ clock, store: Object.assign(new FaultyStore(store), { near }) });
      const { token, handle } = await signIn(place);
      expect(await stateOf(place, token)).toBe("active");
      await clock.advanceAsync(1);
      const stored = await store.find({ tenant: "default", id: handle.slice("ses_".length) });
      if (stored !== undefined) kept.near = { stored, note: undefined };
      // The second time by what the first has found out.
      for (let time = 0; time < 2; time += 1) expect(await stateOf(place, token)).toBe("active");
      place.store.resetCalls();
      expect(await stateOf(place, token)).toBe("active");
      expect(place.store.calls("find")).toBe(0);
      await place.sessions.revoke(handle);
      expect(await stateOf(place, token)).toBe("ended");
      // The token is proved again by now.
      expect(await stateOf(place, token)).toBe("ended");
    },
  );
});

describe("a store that does not forget", () => {
  it("is neither watched nor asked for its health", async () => {
    const place = world();
    const { token } = await signIn(place);
    await place.clock.advanceAsync(60 * SECOND);
    expect(await stateOf(place, token)).toBe("active");
    expect(place.store.calls("health")).toBe(0);
  });
});
