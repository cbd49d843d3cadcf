/** The attacker makes the store hold as many sessions as he can. */
import { MemoryStore } from "sojourn";
import { describe, expect, it } from "vitest";
import { failure, idOf, leave, visit, world } from "../support/world.ts";

describe("a flood of sessions", () => {
  it("[DE-02] by hits without a cookie makes no row at all", async () => {
    const place = world();
    for (let hit = 0; hit < 5_000; hit += 1) {
      const exchange = await visit(place, { token: hit % 2 === 0 ? undefined : "garbage" });
      if (leave(exchange).cookies.length > 0) break;
    }
    expect(place.store.calls()).toBe(0);
  });

  it("fills the store, drops no live session, and lets a logout pass (I10)", async () => {
    const place = world({ store: new MemoryStore({ maxSessions: 50 }) });
    const alice = await place.sessions.open({ subject: "alice" });
    for (let visitor = 0; visitor < 49; visitor += 1) {
      await (await visit(place)).session.set("n", visitor);
    }
    const flood = (await visit(place)).session.set("n", 1);
    expect(await failure(flood)).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    expect((await place.sessions.authenticate(alice.token)).state).toBe("active");
    await alice.session.set("n", 1);
    await place.sessions.revoke(idOf(alice.session));
    const ended = await place.sessions.authenticate(alice.token);
    expect(ended).toEqual({ state: "ended", reason: "revoked" });
    await (await visit(place)).session.set("n", 1);
  });

  it("[DE-03] of one subject's logins stops at the limit", async () => {
    const place = world();
    for (let login = 0; login < 200; login += 1) await place.sessions.open({ subject: "alice" });
    expect(await place.sessions.subject("alice").count()).toBe(10);
  });
});
