import { describe, expect, it } from "vitest";
import { failure, idOf, SECOND, sessionIn, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

type OnLimit = "reject" | "ask" | "evict-oldest" | "evict-idle";

function limited(onLimit: OnLimit, max = 3): World {
  return world({ policy: { extends: "saas", concurrency: { max, onLimit } } });
}

describe("the limit of sessions", () => {
  it.each(["reject", "ask", "evict-oldest", "evict-idle"] as const)(
    "[DE-03] leaves exactly 3 of 50 parallel logins where it says %s",
    async (onLimit) => {
      const place = limited(onLimit);
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, () => place.sessions.open({ subject: "alice" })),
      );
      const tokens = results.flatMap((r) => (r.status === "fulfilled" ? [r.value.token] : []));
      const standings = await Promise.all(tokens.map((t) => place.sessions.authenticate(t)));
      expect(standings.filter(({ state }) => state === "active")).toHaveLength(3);
      expect(await place.sessions.subject("alice").count()).toBe(3);
      const evicts = onLimit.startsWith("evict");
      expect(place.named("session-ended")).toHaveLength(evicts ? 47 : 0);
      expect(place.named("limit-reached")).toHaveLength(evicts ? 0 : 47);
    },
  );

  it("[DE-03] holds across processes", async () => {
    const place = limited("reject");
    const other = world({
      beside: place,
      policy: { extends: "saas", concurrency: { max: 3, onLimit: "reject" } },
    });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 === 0 ? place : other).sessions.open({ subject: "alice" }),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });

  it("evicts the oldest, or the one idle longest", async () => {
    for (const [onLimit, gone] of [
      ["evict-oldest", 0],
      ["evict-idle", 1],
    ] as const) {
      const place = limited(onLimit, 2);
      const opened = [];
      for (let count = 0; count < 2; count += 1) {
        opened.push(await place.sessions.open({ subject: "alice" }));
        place.clock.advance(SECOND);
      }
      await opened[0]?.session.extend();
      const { evicted } = await place.sessions.open({ subject: "alice" });
      const victim = opened[gone];
      expect(victim && idOf(victim.session)).toBe(`ses_${evicted[0]?.id}`);
    }
  });

  it("counts neither ended sessions nor those past a deadline", async () => {
    const place = world({
      policy: { extends: "owasp-asvs-l2", concurrency: { max: 1, onLimit: "reject" } },
    });
    const { session } = await place.sessions.open({ subject: "alice" });
    expect(await failure(place.sessions.open({ subject: "alice" }))).toMatchObject({
      code: "ERR_LIMIT_REACHED",
    });
    await session.logout();
    await place.sessions.open({ subject: "alice" });
    place.clock.advance(31 * 60 * SECOND);
    const { token } = await place.sessions.open({ subject: "alice" });
    expect(sessionIn(await place.sessions.authenticate(token)).subject).toBe("alice");
  });
});
