/** What a converted session is, whose is refused, and what of it is told. */
import { MemoryStore as OldMemoryStore } from "express-session";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, createSessions } from "sojourn";
import { fromExpressSession } from "sojourn/express-session";
import type { FromExpressSessionOptions } from "sojourn/express-session";
import { ALICE, GRACE, moved, newApp, NOBODY, said, tokensIn } from "../support/moving.ts";
import {
  copyOf,
  OLD_COOKIE,
  OLD_SECRET,
  oldApp,
  putRow,
  rowOf,
  sidIn,
} from "../support/old-app.ts";
import { ask, Jar, SAME_ORIGIN, stopServers } from "../support/servers.ts";
import { COOKIE, HOUR, idOf, MINUTE, secretOf, sessionIn, visit } from "../support/world.ts";
import type { Visit } from "../support/world.ts";

afterEach(stopServers);

const DAY = 24 * HOUR;

/** One HTTPS request with the old cookie. */
function withOld(jar: Jar, how: Visit = {}): Visit {
  return { ...how, headers: { cookie: jar.header, ...how.headers } };
}

describe("a converted session", () => {
  it("says that nothing is known of how and when its subject was authenticated", async () => {
    const { app, jar } = await moved();
    const { session } = await visit(app, withOld(jar));
    expect(session.assurance).toEqual({ amr: [], authTime: 0, factors: [] });
    expect(session.unmet({ maxAgeMs: HOUR })).toEqual({ maxAgeMs: HOUR });
    expect(session.unmet({ factors: 1 })).toEqual({ factors: 1 });
    const now = app.clock.now();
    expect(session.authenticatedAt).toBe(now);
    expect(session.absoluteExpiresAt).toBe(now + 7 * DAY);
  });

  it("counts from the authentication, where the old application kept it (I11)", async () => {
    const ago = 3 * DAY;
    const at = Date.now() - ago;
    const from: Partial<FromExpressSessionOptions> = {
      authenticatedAt: () => at,
      amr: () => ["pwd"],
      roles: () => ["editor"],
    };
    const { app, jar } = await moved({ from });
    const { session } = await visit(app, withOld(jar));
    expect(session.authenticatedAt).toBe(at);
    expect(session.absoluteExpiresAt).toBe(at + 7 * DAY);
    expect(session.assurance).toMatchObject({ amr: ["pwd"], authTime: at });
    expect(session.roles).toEqual(["editor"]);
    expect(session.unmet({ factors: 1 })).toBeUndefined();
    expect(session.unmet({ maxAgeMs: HOUR })).toMatchObject({ maxAgeMs: HOUR });
  });

  it("is refused when the policy allows none that old", async () => {
    for (const [ago, subject] of [
      [7 * DAY - MINUTE, "alice"],
      [7 * DAY, null],
    ] as const) {
      const at = Date.now() - ago;
      const { app, jar } = await moved({ from: { authenticatedAt: () => at } });
      const { session } = await visit(app, withOld(jar));
      expect([ago, session.subject]).toEqual([ago, subject]);
      expect(app.format.report().refused).toBe(subject === null ? 1 : 0);
    }
  });

  it("evicts nobody: the limit on sessions counts it at the next login", async () => {
    const policy = {
      extends: "saas" as const,
      concurrency: {
        max: 1,
        onLimit: "evict-oldest" as const,
      },
    };
    const { old, app, jar } = await moved({ policy });
    const phone = await old.signedIn();
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    expect(said(await phone.ask(app.url))).toEqual(ALICE);
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    await app.sessions.open({ subject: "alice" });
    expect(await app.sessions.subject("alice").count()).toBe(1);
  });

  it("of a visitor who had not signed in keeps the cart through the login", async () => {
    const old = await oldApp(new OldMemoryStore());
    const jar = new Jar();
    const headers = { "content-type": "text/plain" };
    await jar.ask(`${old.url}/cart`, { method: "POST", headers, body: "pear" });
    const app = await newApp(old.store);
    expect(said(await jar.ask(app.url))).toEqual({ subject: null, notes: ["pear"] });
    expect(await rowOf(old.store, sidIn(jar))).toBeUndefined();
    await jar.ask(`${app.url}/login`, { method: "POST" });
    expect(said(await jar.ask(app.url))).toEqual({ subject: "alice", notes: ["pear"] });
  });

  it("of a visitor without any data is not made", async () => {
    const old = await oldApp(new OldMemoryStore(), { saveUninitialized: true });
    const jar = new Jar();
    await jar.ask(old.url);
    const app = await newApp(old.store);
    const answer = await jar.ask(app.url);
    expect([said(answer), answer.cookies]).toEqual([NOBODY, []]);
    expect(app.format.report()).toMatchObject({ empty: 1, converted: 0 });
    expect((await app.sessions.count()).count).toBe(0);
  });

  it("can be signed out of, or into, with the very first request", async () => {
    for (const [path, then] of [
      ["/logout", NOBODY],
      ["/login?as=bob", { subject: "bob", notes: [] }],
      ["/login?as=alice", ALICE],
    ] as const) {
      const { app, jar } = await moved();
      const straggler = copyOf(jar);
      await jar.ask(`${app.url}${path}`, { method: "POST" });
      expect(jar.cookies.has(OLD_COOKIE)).toBe(false);
      expect([path, said(await jar.ask(app.url))]).toEqual([path, then]);
      expect(said(await straggler.ask(app.url))).toEqual(NOBODY);
      expect(said(await jar.ask(app.url))).toEqual(then);
    }
  });

  it("has to show the policy's CSRF token from its first request on", async () => {
    const policy = { extends: "saas" as const, csrf: "fetch-metadata+token" as const };
    const { app, jar } = await moved({ policy });
    const post = await jar.ask(`${app.url}/add`, { method: "POST" });
    expect([post.status, post.cookies]).toEqual([403, []]);
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    expect([...jar.cookies.keys()]).toEqual(["session"]);
  });

  it("keeps what `pick` picks, and is whose `subject` says", async () => {
    const from: Partial<FromExpressSessionOptions> = {
      subject: ({ passport }) => `user-${(passport as { user: { id: number } }).user.id}`,
      pick: ({ notes: list }) => ({ notes: list, moved: true }),
    };
    const old = await oldApp(new OldMemoryStore());
    const jar = await old.signedIn({ id: 7, name: "Alice" });
    const app = await newApp(old.store, { from, encryptData: true });
    const { session } = await visit(app, withOld(jar));
    expect(session.subject).toBe("user-7");
    expect(session.data).toEqual({ notes: ["apple"], moved: true });
  });

  it("lasts as a remembered one where the old cookie did, and the policy has that", async () => {
    const policy = { extends: "saas" as const, remember: { idleMs: DAY, absoluteMs: 9 * DAY } };
    const expected = [
      [{ cookie: { maxAge: DAY } }, true],
      [{}, false],
    ] as const;
    for (const [options, remembered] of expected) {
      const old = await oldApp(new OldMemoryStore(), options);
      const jar = await old.signedIn();
      const app = await newApp(old.store, { policy });
      const answer = await jar.ask(app.url);
      expect(said(answer)).toEqual(ALICE);
      expect(answer.cookies[0]?.includes("Max-Age=777600")).toBe(remembered);
    }
  });

  it("outlives a rotation of the old secret, and of ours", async () => {
    const secret = ["a newer secret", OLD_SECRET];
    const { old, app, jar } = await moved({ from: { secret } });
    const straggler = copyOf(jar);
    expect(said(await copyOf(jar).ask(app.url))).toEqual(ALICE);
    const secrets = [secretOf(2), secretOf(1)];
    const rotated = await newApp(old.store, { beside: app, secrets });
    expect(said(await jar.ask(rotated.url))).toEqual(ALICE);
    expect(said(await jar.ask(rotated.url))).toEqual(ALICE);
    expect(said(await straggler.ask(rotated.url))).toEqual(ALICE);
    const replaced = await newApp(old.store, { beside: app, secrets: [secretOf(3)] });
    expect(said(await straggler.ask(replaced.url))).toEqual(NOBODY);
  });
});

describe("an old cookie", () => {
  it("that is forged, garbled, doubled or unsigned costs no access to a store", async () => {
    const { old, app, jar } = await moved();
    let asked = 0;
    const works = old.store.get.bind(old.store);
    old.store.get = (sid, callback) => ((asked += 1), works(sid, callback));
    const good = jar.cookies.get(OLD_COOKIE) ?? "";
    const sid = sidIn(jar);
    const bad = [
      "",
      "x",
      "s%3A",
      "s%3A.",
      "%",
      "%ff",
      "s%3Aabc.def",
      sid,
      `s%3A${sid}`,
      `s%3A${sid}.`,
      `${good.slice(0, -1)}!`,
      good.replace("s%3A", "j%3A"),
      good.replace("s%3A", "s%3Ax"),
      `x; ${OLD_COOKIE}=other`,
      "s%3A".padEnd(6e4, "a"),
    ];
    const before = app.store.calls();
    for (const value of bad) {
      const { session } = await visit(app, { headers: { cookie: `${OLD_COOKIE}=${value}` } });
      expect([value, session.subject]).toEqual([value, null]);
    }
    expect([asked, app.store.calls() - before]).toEqual([0, 0]);
    expect(app.format.report()).toMatchObject({ forged: bad.length, unknown: 0 });
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    expect(asked).toBe(1);
  });

  it("makes a cross-site POST a refused one, as ours does, before any store is asked", async () => {
    const { app, jar } = await moved();
    const headers = { cookie: jar.header, "sec-fetch-site": "cross-site" };
    const answer = await ask(`${app.url}/add`, { method: "POST", headers });
    expect(answer).toMatchObject({ status: 403, cookies: [] });
    // A browser that says nothing of where it comes from is refused for its session cookie alone.
    const silent = await ask(`${app.url}/add`, {
      method: "POST",
      headers: { cookie: jar.header },
    });
    expect(silent.status).toBe(403);
    expect(app.store.calls()).toBe(0);
    expect(app.format.report()).toMatchObject({ converted: 0, failed: 0 });
    const same = await ask(`${app.url}/add`, {
      method: "POST",
      headers: {
        ...headers,
        ...SAME_ORIGIN,
      },
    });
    expect([same.status, tokensIn(same).length]).toEqual([200, 1]);
  });

  it("waits where no cookie can be set: no TLS, a read-only page, a bearer token", async () => {
    const { app, jar } = await moved({ production: true });
    const { token } = await app.sessions.open({ subject: "bob" });
    const bearer = { authorization: `Bearer ${token}` };
    const waits: Visit[] = [
      withOld(jar, { view: { encrypted: false } }),
      withOld(jar, { view: { canSetToken: false } }),
    ];
    for (const how of waits) expect((await visit(app, how)).session.subject).toBeNull();
    const other = await visit(app, withOld(jar, { headers: bearer }));
    expect(other.session.subject).toBe("bob");
    const both = { cookie: `${jar.header}; ${COOKIE}=${token}` };
    expect((await visit(app, { headers: both })).session.subject).toBe("bob");
    expect(app.format.report().converted).toBe(0);
    expect((await visit(app, withOld(jar))).session.subject).toBe("alice");
  });

  it("is deleted by name, path and domain with the answer that sets ours", async () => {
    const cookie = { path: "/shop", domain: "example.com" };
    const { app, jar } = await moved({ from: { cookie } });
    const { cookies } = await ask(app.url, { headers: { cookie: jar.header } });
    expect(cookies[1]).toBe(
      "connect.sid=; Path=/shop; Domain=example.com; " +
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly",
    );
    expect(cookies).toHaveLength(2);
  });

  it("of passport's user objects is an error that says what to do, and nobody's logout", async () => {
    const old = await oldApp(new OldMemoryStore());
    const jar = await old.signedIn({ id: 7 });
    const app = await newApp(old.store);
    const answer = await jar.ask(app.url);
    expect([answer.status, answer.cookies]).toEqual([500, []]);
    expect(answer.body).not.toContain("passport");
    expect(String(app.errors[0])).toContain("fromExpressSession.subject");
    expect(app.format.report()).toMatchObject({ failed: 1, converted: 0 });
  });

  it("with facts that no session can have is an error of the options, not of the client", async () => {
    const wrong: Partial<FromExpressSessionOptions>[] = [
      { subject: ({ user }) => (user as { id: string }).id },
      { subject: () => "" },
      { subject: () => 7 as unknown as string },
      { amr: () => "pwd" as unknown as string[] },
      { authenticatedAt: () => Number.NaN },
      { pick: () => ({ "": 1 }) },
      { pick: () => ({ n: 1n }) },
      ...[undefined, null, ["apple"], "apple", new Map(), Promise.resolve({})].map((picked) => ({
        pick: () => picked as object,
      })),
    ];
    for (const from of wrong) {
      const { old, app, jar } = await moved({ from });
      const answer = await jar.ask(app.url);
      expect([answer.status, answer.cookies]).toEqual([500, []]);
      expect(app.errors[0]).toBeInstanceOf(ConfigError);
      // Mended, it goes on.
      const mended = await newApp(old.store, { beside: app });
      expect(said(await jar.ask(mended.url))).toEqual(ALICE);
    }
  });
});

/** The paths of all that is wrong. */
function problemsOf(make: () => unknown): string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path }) => path);
  }
  return [];
}

describe("what is told", () => {
  it("is one event for each conversion, and a report", async () => {
    const { old, app, jar } = await moved();
    const seen = app.clock.now();
    await jar.ask(app.url);
    await app.clock.advanceAsync(GRACE);
    const bob = await old.signedIn("bob");
    await copyOf(bob).ask(app.url);
    await bob.ask(app.url);
    const events = app.named("session-converted");
    expect(events.map(({ subject, from }) => [subject, from])).toEqual([
      ["alice", "express-session"],
      ["bob", "express-session"],
    ]);
    const established = app.named("session-established");
    expect(established.map(({ session, cause }) => [session, cause])).toEqual(
      events.map(({ session }) => [session, "converted"]),
    );
    const none = {
      expired: 0,
      unknown: 0,
      empty: 0,
      forged: 0,
      refused: 0,
      failed: 0,
      endFailed: 0,
    };
    expect(app.format.report()).toEqual({
      converted: 2,
      again: 1,
      ...none,
      firstConvertedAt: seen,
      lastConvertedAt: seen + GRACE,
    });
    expect(app.named("session-ended")).toEqual([]);
    expect((await app.sessions.count()).count).toBe(2);
  });

  it("is every wrong option at once", () => {
    const given = { store: {}, secret: [], name: "a b", cookie: { paht: "/" }, nmae: 1, pick: 1 };
    const make = () => fromExpressSession(given as unknown as FromExpressSessionOptions);
    expect(make).toThrow(ConfigError);
    expect(problemsOf(make)).toEqual(
      ["nmae", "store", "secret", "name", "cookie", "pick"].map(
        (name) => `fromExpressSession.${name}`,
      ),
    );
    const format = fromExpressSession({ store: new OldMemoryStore(), secret: OLD_SECRET });
    for (const convert of [{}, [{}], [format, format], [{ ...format, name: "" }]]) {
      const start = () => createSessions({ secrets: [secretOf(1)], convert: convert as never });
      expect(problemsOf(start)).toHaveLength(1);
    }
  });

  it("changes nothing for who has a cookie of ours", async () => {
    const { app } = await moved();
    const { token } = await app.sessions.open({ subject: "carol" });
    const before = app.store.calls();
    const { session } = await visit(app, { token });
    expect([session.subject, app.store.calls() - before]).toEqual(["carol", 1]);
    const standing = await app.sessions.authenticate(token);
    expect(idOf(sessionIn(standing))).toBe(idOf(session));
  });
});

describe("going back", () => {
  it("signs out whom the move had converted, and nobody else", async () => {
    const { old, app, jar } = await moved();
    const other = await old.signedIn("bob");
    const sid = sidIn(jar);
    const row = await rowOf(old.store, sid);
    await jar.ask(app.url);
    expect(said(await jar.ask(old.url))).toEqual(NOBODY);
    expect(said(await other.ask(old.url))).toEqual({ subject: "bob", notes: ["apple"] });
    // Forward again: ours is still there, and an old row that came back is nobody's.
    await putRow(old.store, sid, row);
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
  });
});
