import { describe, expect, it } from "vitest";
import {
  failure,
  idOf,
  leave,
  MINUTE,
  secretOf,
  sessionIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

async function aliceAt(place: World, data: Record<string, unknown> = {}) {
  const { session, token } = await place.sessions.open({ subject: "alice", data });
  const again = async () => sessionIn(await place.sessions.authenticate(token));
  return { session, token, again };
}

describe("update", () => {
  it("writes what the function changed, removed keys included, and nothing else", async () => {
    const place = world();
    const { session, again } = await aliceAt(place, { keep: 1, change: 1, remove: 1 });
    await session.update((draft) => {
      draft["change"] = 2;
      delete draft["remove"];
    });
    expect((await again()).data).toEqual({ keep: 1, change: 2 });
    expect(place.named("session-data-changed").at(-1)?.keys.toSorted()).toEqual([
      "change",
      "remove",
    ]);
  });

  it("makes no write when nothing changed, and leaves version and events alone", async () => {
    const place = world();
    const { session, again } = await aliceAt(place, { n: 1 });
    const { version } = await again();
    await session.update((draft) => void (draft["n"] = 1));
    expect(place.store.calls("patchData")).toBe(0);
    expect(session.version).toBe(version);
    expect(place.named("session-data-changed")).toEqual([]);
  });

  it("keeps all of 50 parallel increments of one key (I4)", async () => {
    const place = world();
    const { again } = await aliceAt(place, { n: 0 });
    const views = await Promise.all(Array.from({ length: 50 }, again));
    await Promise.all(
      views.map((view) => view.update((draft) => void (draft["n"] = Number(draft["n"]) + 1))),
    );
    expect((await again()).data["n"]).toBe(50);
  });

  it("runs again on what another process wrote between load and write (I4)", async () => {
    const place = world();
    const other = world({ beside: place });
    const { session, token, again } = await aliceAt(place, { n: 1 });
    const there = sessionIn(await other.sessions.authenticate(token));
    place.store.before("patchData", () =>
      there.update((draft) => void (draft["n"] = Number(draft["n"]) * 10)),
    );
    await session.update((draft) => void (draft["n"] = Number(draft["n"]) + 1));
    expect((await again()).data["n"]).toBe(11);
  });

  it("gives up after 2 s of lost races with a retryable error, and wrote nothing", async () => {
    const place = world();
    const { session, token, again } = await aliceAt(place, { n: 0 });
    const rival = world({ beside: place });
    const there = sessionIn(await rival.sessions.authenticate(token));
    let count = 0;
    const race = async (): Promise<void> => {
      count += 1;
      // The rival's own write must pass: its hook is set after it.
      await there.set("rival", count);
      place.store.before("patchData", race);
    };
    place.store.before("patchData", race);
    const startedAt = place.clock.now();
    const outcome = failure(session.update((draft) => void (draft["n"] = 1)));
    await place.clock.advanceAsync(2_500);
    expect(await outcome).toMatchObject({ code: "ERR_STORE_CONTENTION", retryable: true });
    expect(place.clock.now() - startedAt).toBe(2_500);
    expect(count).toBeGreaterThan(20);
    expect((await again()).data).toMatchObject({ n: 0 });
  });

  it("refuses an asynchronous function and writes nothing of it", async () => {
    const place = world();
    const { session, again } = await aliceAt(place, { n: 0 });
    const later: (draft: Record<string, unknown>) => unknown = async (draft) => {
      draft["n"] = 1;
      await Promise.resolve();
      throw new Error("unheard");
    };
    const error = await failure(session.update(later));
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", path: "update" });
    expect((await again()).data).toEqual({ n: 0 });
  });

  it("hands an error of the function on, writes nothing, and goes on", async () => {
    const place = world();
    const { session, again } = await aliceAt(place, { n: 0 });
    const boom = new Error("boom");
    const error = await failure(
      session.update((draft) => {
        draft["n"] = 1;
        throw boom;
      }),
    );
    expect(error).toBe(boom);
    await session.update((draft) => void (draft["m"] = 1));
    expect((await again()).data).toEqual({ n: 0, m: 1 });
  });

  it.each([
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["a BigInt", 1n],
    ["nesting beyond what JSON can say", nested(100_000)],
  ])("refuses %s as not JSON, naming the key, and writes nothing", async (_name, value) => {
    const place = world();
    const { session, again } = await aliceAt(place, { n: 0 });
    const error = await failure(session.update((draft) => void (draft["k"] = value)));
    expect(error).toMatchObject({ code: "ERR_DATA_NOT_JSON" });
    expect(String(error)).toContain('"k"');
    expect((await again()).data).toEqual({ n: 0 });
  });
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

describe("set", () => {
  it("leaves other keys alone, needs no version, and removes with undefined", async () => {
    const place = world();
    const { session, again } = await aliceAt(place, { a: 1, b: 1 });
    await (await again()).set("b", 2);
    await session.set("a", undefined);
    expect((await again()).data).toEqual({ b: 2 });
  });

  it("keeps five parallel writes to five keys from five requests (I4)", async () => {
    const place = world();
    const { token, again } = await aliceAt(place);
    await Promise.all(
      ["a", "b", "c", "d", "e"].map(async (key) => {
        const { session } = await visit(place, { token });
        await session.set(key, key);
      }),
    );
    expect(Object.keys((await again()).data).toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it.each([
    ["that is empty", ""],
    ["of 257 characters", "k".repeat(257)],
    ["with a lone surrogate", "lone \ud800"],
  ])("refuses a key %s", async (_name, key) => {
    const place = world();
    const { session } = await aliceAt(place);
    const error = await failure(session.set(key, 1));
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(place.store.calls("patchData")).toBe(0);
  });
});

describe("changes asked for at the same time on one request", () => {
  it("make one row of an anonymous session, and none is lost (I4)", async () => {
    const place = world();
    const exchange = await visit(place);
    await Promise.all([
      exchange.session.set("a", 1),
      exchange.session.update((draft) => void (draft["b"] = 2)),
      exchange.session.set("c", 3),
    ]);
    expect(exchange.session.data).toEqual({ a: 1, b: 2, c: 3 });
    expect(place.named("session-established")).toHaveLength(1);
  });

  it("come one after the other: a write before a login moves along with it", async () => {
    const place = world();
    const exchange = await visit(place);
    const write = exchange.session.set("cart", ["book"]);
    await exchange.session.login("alice");
    await write;
    expect(exchange.session.subject).toBe("alice");
    expect(exchange.session.data).toEqual({ cart: ["book"] });
    expect(leave(exchange).token).toMatch(/^sj1s_/);
  });

  it("go on after one of them failed", async () => {
    const place = world();
    const { session } = await aliceAt(place, { n: 0 });
    place.store.fail("patchData", "before");
    const results = await Promise.allSettled([session.set("a", 1), session.set("b", 2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(session.data).toEqual({ n: 0, b: 2 });
  });
});

describe("a session object that is kept", () => {
  it("has the version that a read has, whatever it was opened with", async () => {
    for (const data of [{}, { n: 1 }]) {
      const place = world();
      const { session, again } = await aliceAt(place, data);
      expect(session.version).toBe((await again()).version);
    }
  });

  it("writes as long as the session lives, however old its own view is", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session, again } = await aliceAt(place);
    for (let minute = 0; minute < 60; minute += 10) {
      await place.clock.advanceAsync(10 * MINUTE);
      await again();
    }
    await session.set("n", 1);
    expect((await again()).data).toEqual({ n: 1 });
  });

  it("does not write into a session that was locked meanwhile", async () => {
    const place = world();
    const { session, again } = await aliceAt(place);
    const other = await again();
    await session.lock();
    place.clock.advance(MINUTE);
    expect(await failure(other.set("n", 1))).toMatchObject({ code: "ERR_SESSION_LOCKED" });
  });
});

describe("a write and an end that cross", () => {
  const writes = {
    update: (place: World, token: string) => written(place, token, "update"),
    set: (place: World, token: string) => written(place, token, "set"),
  };

  async function written(place: World, token: string, how: "update" | "set"): Promise<void> {
    const { session } = await visit(place, { token });
    await (how === "set" ? session.set("k", 1) : session.update((d) => void (d["k"] = 1)));
  }

  it.each(["update", "set"] as const)(
    "%s: a logout exactly between load and write stays a logout (I1)",
    async (how) => {
      const place = world();
      const { token } = await aliceAt(place);
      const other = await visit(place, { token });
      place.store.before("patchData", () => other.session.logout());
      const error = await failure(writes[how](place, token));
      expect(error).toMatchObject({ code: "ERR_SESSION_ENDED", reason: "logout" });
      expect(await place.sessions.authenticate(token)).toEqual({
        state: "ended",
        reason: "logout",
      });
    },
  );

  it.each(["update", "set"] as const)(
    "%s: a write that was stored but whose answer was lost does not revive (I1)",
    async (how) => {
      const place = world();
      const { token } = await aliceAt(place);
      const other = await visit(place, { token });
      place.store.fail("patchData", "after");
      const error = await failure(writes[how](place, token));
      expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true });
      await other.session.logout();
      await failure(writes[how](place, token));
      expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "logout" });
    },
  );

  it("extend, rotate, lock and stepUp lose to an end between load and write", async () => {
    const steps = {
      extend: ["touch", (s: Session) => s.extend()],
      rotate: ["replace", (s: Session) => s.rotate()],
      lock: ["replace", (s: Session) => s.lock()],
      stepUp: ["replace", (s: Session) => s.stepUp({ amr: ["otp"] })],
      setRoles: ["replace", (s: Session) => s.setRoles(["editor"])],
    } as const;
    type Session = Awaited<ReturnType<typeof aliceAt>>["session"];
    for (const [name, [operation, step]] of Object.entries(steps)) {
      const place = world();
      const { session, token } = await aliceAt(place);
      place.store.before(operation, () =>
        place.sessions.revoke(idOf(session)).then(() => undefined),
      );
      expect(await failure(step(session)), name).toMatchObject({
        code: "ERR_SESSION_ENDED",
        reason: "revoked",
      });
      const standing = await place.sessions.authenticate(token);
      expect(standing, name).toEqual({ state: "ended", reason: "revoked" });
    }
  });
});

describe("data as the application sees it", () => {
  it("is a snapshot, frozen deeply", async () => {
    const { session } = await aliceAt(world(), { cart: { items: [1] } });
    expect(Object.isFrozen(session.data)).toBe(true);
    const { items } = session.data["cart"] as { items: number[] };
    expect(() => items.push(2)).toThrow(TypeError);
  });

  it("is synchronous after the one read that authenticated", async () => {
    const place = world({ secrets: [secretOf(3)] });
    const { token } = await aliceAt(place, { n: 1 });
    place.store.resetCalls();
    const { session } = await visit(place, { token });
    expect([session.subject, session.data]).toEqual(["alice", { n: 1 }]);
    expect(place.store.calls()).toBe(1);
  });

  it("shows a write of this request at once, and costs no further read", async () => {
    const place = world();
    const exchange = await visit(place);
    await exchange.session.set("n", 1);
    expect(exchange.session.data).toEqual({ n: 1 });
    expect(leave(exchange).cookies).toHaveLength(1);
  });
});
