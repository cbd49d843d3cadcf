import { describe, expect, it } from "vitest";
import { HOUR, leave, visit, world } from "../../../../tests/support/world.ts";

describe("a request without a credential", () => {
  it("[DE-02] makes no row and no store call until data is written, 20 000 times", async () => {
    const place = world();
    for (let hit = 0; hit < 20_000; hit += 1) {
      const exchange = await visit(place);
      // What a page does that shows a greeting and an empty cart.
      if (exchange.session.subject !== null || exchange.session.data["cart"] !== undefined) break;
      const { cookies } = leave(exchange);
      if (cookies.length > 0) break;
    }
    expect(place.store.calls()).toBe(0);
    expect(await place.sessions.count({ state: "any" })).toEqual({ count: 0, exact: true });
  });

  it("makes one row with the first write, and says so", async () => {
    const place = world();
    const exchange = await visit(place);
    await exchange.session.update(() => undefined);
    await exchange.session.set("n", 1);
    await exchange.session.set("m", 2);
    expect(await place.sessions.count({ state: "any" })).toMatchObject({ count: 1 });
    expect(place.named("session-established")).toMatchObject([{ kind: "anonymous" }]);
    expect(leave(exchange).cookies).toHaveLength(1);
  });

  it("cannot make a row where no cookie can be sent", async () => {
    const place = world();
    const exchange = await visit(place, { view: { canSetToken: false } });
    await expect(exchange.session.set("n", 1)).rejects.toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
    });
    expect(place.store.calls("create")).toBe(0);
  });
});

describe("an anonymous session", () => {
  it("[ID-13] has a token of its own type and is nobody, on the next request too", async () => {
    const place = world();
    const first = await visit(place);
    await first.session.set("n", 1);
    const { token } = leave(first);
    expect(token).toMatch(/^sj1n_/);
    const { session } = await visit(place, { token });
    expect([session.state, session.subject, session.data]).toEqual(["anonymous", null, { n: 1 }]);
    expect(session.unmet({})).toBeDefined();
  });

  it("is in no list of sessions of a subject, and under no limit", async () => {
    const place = world({
      policy: { extends: "saas", concurrency: { max: 1, onLimit: "reject" } },
    });
    for (let visitor = 0; visitor < 3; visitor += 1) {
      const exchange = await visit(place);
      await exchange.session.set("n", visitor);
      expect(leave(exchange).cookies).toHaveLength(1);
    }
    expect(await place.sessions.count()).toMatchObject({ count: 3 });
  });

  it("[TO-15] is not revived by its old cookie after it ended", async () => {
    const place = world();
    const first = await visit(place);
    await first.session.set("cart", ["book"]);
    const { token } = leave(first);
    place.clock.advance(8 * HOUR);
    const late = await visit(place, { token });
    expect(late.session.endedReason).toBe("idle_timeout");
    expect(late.session.data).toEqual({});
    expect(leave(late).cookies).toEqual([]);
  });

  it("ends with logout, and the browser forgets it", async () => {
    const place = world();
    const first = await visit(place);
    await first.session.set("n", 1);
    const { token } = leave(first);
    const second = await visit(place, { token });
    await second.session.logout();
    expect(leave(second).cookies[0]).toContain("Max-Age=0");
    expect((await visit(place, { token })).session.endedReason).toBe("logout");
  });
});
