/** Refresh tokens, and what happens between the steps of a use. */
import { describe, expect, it } from "vitest";
import type { UseRefresh } from "./refresh-tokens.ts";
import { failure, idOf, leave, visit, world } from "../../../../../tests/support/world.ts";
import type { World } from "../../../../../tests/support/world.ts";

const GRANT = { client: "app", audience: "https://api.example", scope: "cart:read" };

async function granted() {
  const place = world();
  const { session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
  const issue = () => place.sessions.refreshTokens.issue(session, GRANT);
  return { place, session, issue, ...(await issue()) };
}

function use(place: World, token: string, how: Partial<UseRefresh> = {}) {
  return place.sessions.refreshTokens.use(token, { client: "app", ...how });
}

describe("what happens in between", () => {
  it("[RT-06] opens no family for a subject that is signed out everywhere meanwhile", async () => {
    const { place, session, issue } = await granted();
    const except = idOf(session);
    place.store.before("create", async () => {
      await place.sessions.subject("alice").revokeAll({ except });
    });
    expect(await failure(issue())).toMatchObject({ code: "ERR_STALE_EPOCH" });
    expect((await place.sessions.subject("alice").list()).items).toHaveLength(1);
  });

  it.each(["family", "session"] as const)(
    "[RT-06] gives nothing when the %s ends while its token is used",
    async (which) => {
      const { place, session, token, family } = await granted();
      const [ending, operation] =
        which === "family" ? ([family, "replace"] as const) : ([idOf(session), "find"] as const);
      place.store.before(operation, async () => {
        await place.sessions.revoke(ending);
      });
      expect(await use(place, token)).toEqual({ state: "refused", why: "ended" });
      expect(await use(place, token)).toEqual({ state: "refused", why: "ended" });
      expect(place.named("token-fork")).toEqual([]);
    },
  );

  it("lets nobody in whom the caller does not admit, and rotates nothing then", async () => {
    const { place, token } = await granted();
    const admit = () => Promise.reject(new Error("replayed"));
    expect(String(await failure(use(place, token, { admit })))).toMatch(/replayed/);
    expect(place.store.calls("replace")).toBe(0);
    let asked = 0;
    const counting = () => Promise.resolve(void (asked += 1));
    for (const how of [{ client: "other" }, { scope: "admin" }, { audience: "https://b" }]) {
      expect((await use(place, token, { admit: counting, ...how })).state).not.toBe("active");
    }
    expect(asked).toBe(0);
    expect((await use(place, token, { admit: counting })).state).toBe("active");
    expect(asked).toBe(1);
  });
});

describe("a refresh token", () => {
  it("is nobody's: an anonymous session has none", async () => {
    const place = world();
    const first = await visit(place);
    await first.session.set("n", 1);
    const { session } = await visit(place, { token: leave(first).token });
    const issue = place.sessions.refreshTokens.issue(session, GRANT);
    expect(await failure(issue)).toMatchObject({ path: "refreshTokens.issue.session" });
  });

  it("[JW-15] looks like nothing while its session is locked, and once that has ended", async () => {
    const { place, session, token } = await granted();
    const look = () => place.sessions.refreshTokens.look(token);
    expect(await look()).toMatchObject({ client: "app" });
    await session.lock(1);
    expect(await look()).toBeUndefined();
    await session.unlock({ amr: ["pwd"] });
    expect(await look()).toBeDefined();
    await session.logout();
    expect(await look()).toBeUndefined();
  });
});
