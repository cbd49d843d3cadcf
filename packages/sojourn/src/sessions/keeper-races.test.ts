/** A failover in the middle of what a process does: before it, within it, just after it. */
import { describe, expect, it } from "vitest";
import { region, signIn, stateOf } from "../../../../tests/support/region.ts";
import { failure, leave, SECOND, visit, world } from "../../../../tests/support/world.ts";

describe("a failover right after the first write of a process", () => {
  it.each(["create", "anonymous", "revoke"] as const)(
    "does not lose it: %s (I2, I7)",
    async (what) => {
      const { a, b, copy, failOver, heal } = region();
      const before = await signIn(b);
      await copy();
      await b.sessions.close();
      a.store.after(what === "revoke" ? "revoke" : "create", () => failOver());
      let token = "";
      if (what === "create") ({ token } = await signIn(a));
      else if (what === "revoke") await a.sessions.revoke(before.handle);
      else {
        const exchange = await visit(a);
        await exchange.session.set("key", 1);
        token = leave(exchange).token ?? "";
      }
      await heal();
      const c = world({ beside: a });
      if (what === "revoke") expect(await stateOf(c, before.token)).toBe("ended");
      else expect(await stateOf(c, token)).toBe("active");
    },
  );
});

describe("the first write of a process, and no failover", () => {
  it("is not written again", async () => {
    const { a, b, heal } = region();
    await b.sessions.revoke((await signIn(a)).handle);
    await heal();
    expect(b.named("store-replayed")).toEqual([]);
  });
});

describe("a failover between the look at the epoch and the revoke-all", () => {
  it("leaves no session alive that was opened under a lost epoch (I5)", async () => {
    const { a, b, copy, failOver, heal } = region();
    await signIn(a);
    await copy();
    await a.clock.advanceAsync(12 * SECOND);
    // Known to `a` alone: `b` was not listening yet.
    await a.sessions.subject("alice").revokeAll();
    const opened = await signIn(a);
    a.store.before("revokeSubject", () => failOver());
    await b.sessions.subject("alice").revokeAll();
    await heal();
    expect(await stateOf(b, opened.token)).toBe("ended");
    expect(await stateOf(a, opened.token)).toBe("ended");
  });

  it("spares the excepted session, and counts what it ended once (I7)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const [kept, gone] = [await signIn(a), await signIn(a)];
    await copy();
    await a.clock.advanceAsync(12 * SECOND);
    a.store.after("revokeSubject", () => failOver());
    await a.sessions.subject("alice").revokeAll({ except: kept.handle });
    expect(a.named("session-ended")).toHaveLength(1);
    await heal();
    expect(await stateOf(b, kept.token)).toBe("active");
    expect(await stateOf(b, gone.token)).toBe("ended");
  });
});

describe("a failover in the middle of a revoke-all that lost the excepted session", () => {
  it("keeps it alive, whoever had opened it (I7)", async () => {
    const { a, b, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    b.store.after("revokeSubject", () => failOver());
    await b.sessions
      .subject("alice")
      .revokeAll({ except: handle })
      .catch(() => undefined);
    await heal();
    expect(await stateOf(a, token)).toBe("active");
    expect(await stateOf(b, token)).toBe("active");
  });
});

describe("a revoke-all that was heard of, and lost together with whoever made it", () => {
  it("spares the excepted session at every moment of the replay (I7)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const [kept, gone] = [await signIn(a), await signIn(a)];
    expect(await stateOf(b, kept.token)).toBe("active");
    await copy();
    await a.sessions.subject("alice").revokeAll({ except: kept.handle });
    await a.sessions.close();
    failOver();
    const seen: string[] = [];
    const c = world({ beside: b });
    b.store.after("apply", async () => void seen.push(await stateOf(c, kept.token)));
    await heal();
    expect(seen).toEqual(["active"]);
    expect(await stateOf(b, kept.token)).toBe("active");
    expect(await stateOf(b, gone.token)).toBe("ended");
  });

  it("spares nobody whom an earlier one had ended (I2)", async () => {
    const { a, b, copy, failOver, heal } = region();
    const { token, handle } = await signIn(a);
    expect(await stateOf(b, token)).toBe("active");
    await copy();
    await a.sessions.subject("alice").revokeAll();
    await a.sessions.subject("alice").revokeAll({ except: handle });
    await a.sessions.close();
    failOver();
    await heal();
    expect(await stateOf(b, token)).toBe("ended");
  });
});

describe("a failover right after a lost session was written again", () => {
  it("is no erasure: the session comes back (I7)", async () => {
    const { a, b, failOver, heal } = region();
    const { token } = await signIn(a);
    failOver();
    a.store.after("apply", () => failOver());
    expect(await failure(a.sessions.authenticate(token))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    await heal();
    expect(await stateOf(b, token)).toBe("active");
  });
});

describe("a login after a revoke-all whose epoch is lost just before the session is written", () => {
  it("gives a session that stays when the epoch is raised again (I7)", async () => {
    const { a, b, failOver, heal } = region();
    await signIn(b);
    await a.sessions.subject("alice").revokeAll();
    a.store.before("create", () => failOver());
    const { token } = await signIn(a);
    expect(await stateOf(b, token)).toBe("active");
    expect(await stateOf(a, token)).toBe("active");
    await heal();
    expect(await stateOf(b, token)).toBe("active");
  });

  it("is refused when it began before (I5)", async () => {
    const { a, failOver } = region();
    await a.sessions.subject("alice").revokeAll();
    a.store.before("create", () => failOver());
    const early = a.sessions.open({ subject: "alice", subjectEpoch: 0 });
    expect(await failure(early)).toMatchObject({ code: "ERR_STALE_EPOCH" });
  });
});

describe("a revoke-all of all but one while another raises the epoch", () => {
  it("keeps nobody alive whom the other has ended, heard of or not (I2, I5)", async () => {
    const { a, b, heal } = region();
    const { token, handle } = await signIn(a);
    expect(await stateOf(b, token)).toBe("active");
    await heal();
    // As another's revoke-all begins where an engine ends the rows in later steps.
    const epoch = { kind: "epoch", tenant: "default", subject: "alice", epoch: 1 } as const;
    b.store.after("subjectEpoch", () => a.store.apply([epoch], "elsewhere"));
    await b.sessions.subject("alice").revokeAll({ except: handle });
    expect(await stateOf(a, token)).toBe("ended");
    expect(await stateOf(b, token)).toBe("ended");
  });
});
