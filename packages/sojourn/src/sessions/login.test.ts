import { describe, expect, it } from "vitest";
import {
  failure,
  HOUR,
  idOf,
  leave,
  MINUTE,
  secretPart,
  sessionIn,
  visit,
  world,
} from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

/** A visitor who put something into the cart before signing in. */
async function visitorWithCart(place: World): Promise<string> {
  const exchange = await visit(place);
  await exchange.session.set("cart", ["book"]);
  const { token } = leave(exchange);
  if (token === undefined) throw new Error("no cookie for the first write");
  return token;
}

function endsOf(place: World): string[] {
  return place.named("session-ended").map((event) => event.reason);
}

describe("login from an anonymous session", () => {
  it("moves its data along, ends it as replaced, and gives a new id and secret", async () => {
    const place = world();
    const anonymous = await visitorWithCart(place);
    const exchange = await visit(place, { token: anonymous });
    const before = exchange.session.id;
    await exchange.session.login("alice", { amr: ["pwd"] });
    const { token = "" } = leave(exchange);
    expect(exchange.session.data).toEqual({ cart: ["book"] });
    expect(exchange.session.id).not.toBe(before);
    expect(token).toMatch(/^sj1s_/);
    expect(secretPart(token)).not.toBe(secretPart(anonymous));
    expect(await place.sessions.authenticate(anonymous)).toEqual({
      state: "ended",
      reason: "replaced",
    });
    expect(endsOf(place)).toEqual(["replaced"]);
  });

  it("[ID-04] adopts nothing of a cookie set before: replaying it finds an end", async () => {
    const place = world();
    const planted = await visitorWithCart(place);
    const victim = await visit(place, { token: planted });
    await victim.session.login("alice");
    const { token } = leave(victim);
    expect(token).not.toBe(planted);
    const thief = await visit(place, { token: planted });
    expect(thief.session.subject).toBeNull();
    expect(thief.session.data).toEqual({});
  });

  it("takes the data as it was frozen, a write that lands while it runs included", async () => {
    const place = world();
    const token = await visitorWithCart(place);
    const login = await visit(place, { token });
    const other = await visit(place, { token });
    place.store.before("revoke", () => other.session.set("note", "late"));
    await login.session.login("alice");
    expect(login.session.data).toEqual({ cart: ["book"], note: "late" });
  });

  it("lets no write reach the old session once it was copied", async () => {
    const place = world();
    const token = await visitorWithCart(place);
    const login = await visit(place, { token });
    const other = await visit(place, { token });
    let late: unknown;
    place.store.before("create", async () => {
      late = await failure(other.session.set("note", "too late"));
    });
    await login.session.login("alice");
    expect(late).toMatchObject({ code: "ERR_SESSION_ENDED", reason: "replaced" });
    expect(login.session.data).toEqual({ cart: ["book"] });
  });
});

describe("a login that is tried again", () => {
  it("finds the data again when the store failed after the old one's end", async () => {
    const place = world();
    const exchange = await visit(place, { token: await visitorWithCart(place) });
    place.store.fail("create", "before");
    expect(await failure(exchange.session.login("alice"))).toMatchObject({ retryable: true });
    await exchange.session.login("alice");
    expect(exchange.session.data).toEqual({ cart: ["book"] });
    expect(endsOf(place)).toEqual(["replaced"]);
  });

  it("carries nothing on that was signed out meanwhile", async () => {
    const place = world();
    const token = await visitorWithCart(place);
    const exchange = await visit(place, { token });
    await (await visit(place, { token })).session.logout();
    await exchange.session.login("alice");
    expect(exchange.session.data).toEqual({});
  });
});

describe("a remembered login", () => {
  it("[CK-07] keeps the cookie as long as the session, a plain one for a run", async () => {
    const justification = "staff tablets stay at the counter";
    const remember = { idleMs: 240 * HOUR, absoluteMs: 480 * HOUR };
    const place = world({ policy: { extends: "saas", remember, justification } });
    for (const [options, age] of [
      [{ remember: true }, "; Max-Age=1728000;"],
      [{}, undefined],
    ] as const) {
      const exchange = await visit(place);
      await exchange.session.login("alice", options);
      const [cookie = ""] = leave(exchange).cookies;
      if (age === undefined) expect(cookie).not.toContain("Max-Age");
      else expect(cookie).toContain(age);
    }
  });
});

describe("login with the same subject", () => {
  it("[TO-04] is one step that moves the data and resets both clocks", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const { session, token } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    const absoluteBefore = session.absoluteExpiresAt ?? 0;
    place.clock.advance(20 * MINUTE);
    const again = sessionIn(await place.sessions.authenticate(token));
    await again.login("alice", { amr: ["pwd"] });
    expect(again.data).toEqual({ n: 1 });
    expect(again.absoluteExpiresAt).toBe(absoluteBefore + 20 * MINUTE);
    expect(again.authenticatedAt).toBe(place.clock.now());
    expect(place.store.calls("revoke")).toBe(0);
    expect(endsOf(place)).toEqual(["replaced"]);
    expect(await place.sessions.subject("alice").count()).toBe(1);
  });

  it("is not counted by the limit, whatever the limit does", async () => {
    const place = world({
      policy: { extends: "saas", concurrency: { max: 1, onLimit: "reject" } },
    });
    const { session } = await place.sessions.open({ subject: "alice" });
    await session.login("alice");
    await session.login("alice");
    expect(await place.sessions.subject("alice").count()).toBe(1);
  });

  it("reads the data again when another request wrote meanwhile (I4)", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    const other = sessionIn(await place.sessions.authenticate(token));
    place.store.before("create", () => other.set("m", 2));
    await session.login("alice");
    expect(session.data).toEqual({ n: 1, m: 2 });
  });

  it("starts empty when the old session ended meanwhile", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice", data: { n: 1 } });
    place.store.before("create", () => place.sessions.revoke(idOf(session)).then(() => undefined));
    await session.login("alice");
    expect(session.subject).toBe("alice");
    expect(session.data).toEqual({});
    expect(endsOf(place)).toEqual(["revoked"]);
  });
});

describe("login with another subject", () => {
  it("never moves data, and ends the other's session first", async () => {
    const place = world();
    const { session, token } = await place.sessions.open({ subject: "alice", data: { iban: 1 } });
    await session.login("bob");
    expect(session.subject).toBe("bob");
    expect(session.data).toEqual({});
    expect(await place.sessions.authenticate(token)).toMatchObject({ reason: "replaced" });
  });
});

describe("a refused login", () => {
  it.each(["reject", "ask"] as const)(
    "keeps what was there before where the limit says %s",
    async (onLimit) => {
      const place = world({ policy: { extends: "saas", concurrency: { max: 1, onLimit } } });
      await place.sessions.open({ subject: "alice" });
      const token = await visitorWithCart(place);
      const exchange = await visit(place, { token });
      const error = await failure(exchange.session.login("alice"));
      expect(error).toMatchObject({ code: "ERR_LIMIT_REACHED", retryable: false });
      expect((error as { sessions: unknown[] }).sessions).toHaveLength(1);
      expect(leave(exchange).cookies).toEqual([]);
      const after = await visit(place, { token });
      expect(after.session.data).toEqual({ cart: ["book"] });
      expect(endsOf(place)).toEqual([]);
    },
  );

  it("leaves no verifier and no token in what it says of the sessions in the way", async () => {
    const place = world({
      policy: { extends: "saas", concurrency: { max: 1, onLimit: "reject" } },
    });
    await place.sessions.open({ subject: "alice" });
    const error = await failure(place.sessions.open({ subject: "alice" }));
    expect(JSON.stringify(error)).not.toMatch(/verifier|sealed|rotation|sj1/);
  });

  it("is stale when the subject was signed out everywhere since authentication began", async () => {
    const place = world();
    const epoch = await place.sessions.subject("alice").epoch();
    await place.sessions.subject("alice").revokeAll();
    const error = await failure(place.sessions.open({ subject: "alice", subjectEpoch: epoch }));
    expect(error).toMatchObject({ code: "ERR_STALE_EPOCH", retryable: false });
    expect(await place.sessions.subject("alice").count()).toBe(0);
  });

  it.each([-1, 0.5, 2 ** 31, Number.NaN])("is no epoch where it is %d", async (epoch) => {
    const place = world();
    const error = await failure(place.sessions.open({ subject: "alice", subjectEpoch: epoch }));
    expect(error).toMatchObject({ name: "ArgumentError" });
  });

  it.each([
    ["an empty one", ""],
    ["one of 513 characters", "x".repeat(513)],
    ["null", null],
    ["a number", 7],
    ["none", undefined],
  ])("says what a subject is, for %s", async (_name, subject) => {
    const place = world();
    const exchange = await visit(place);
    const error = await failure(exchange.session.login(subject as string));
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", path: "login.subject" });
    expect(place.store.calls("create")).toBe(0);
  });
});

describe("open", () => {
  it.each(["id", "secret", "token", "generation", "verifier", "epoch", "absoluteExpiresAt"])(
    "[ID-14] refuses %s from its caller, by name, before the store is asked",
    async (field) => {
      const place = world();
      const planted = { subject: "alice", [field]: "A".repeat(24) };
      const error = await failure(place.sessions.open(planted));
      expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", path: `open.${field}` });
      expect(place.store.calls()).toBe(0);
    },
  );

  it("[ID-14] lets nothing that login is given reach id, secret or deadlines", async () => {
    const place = world();
    const { session } = await place.sessions.open({ subject: "alice" });
    const planted = {
      id: "A".repeat(24),
      holder: { generation: 9, verifier: "A".repeat(32) },
      absoluteExpiresAt: Number.MAX_SAFE_INTEGER,
      version: 99,
    };
    // Refusing it and ignoring it are both right; obeying is not.
    await session.login("alice", planted as object).catch(() => undefined);
    const seen = session.describe();
    expect(seen?.id).not.toBe(planted.id);
    expect(seen?.version).toBe(1);
    expect(seen?.absoluteExpiresAt).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it("gives different ids and secrets to logins at the same instant", async () => {
    const place = world();
    const opened = await Promise.all(
      Array.from({ length: 100 }, (_, at) => place.sessions.open({ subject: `user-${at}` })),
    );
    expect(new Set(opened.map(({ token }) => secretPart(token))).size).toBe(100);
    expect(new Set(opened.map(({ session }) => session.id)).size).toBe(100);
  });
});
