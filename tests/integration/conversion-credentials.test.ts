/** Several credentials in one request: which of them counts, and when an old one is looked at. */
import { MemoryStore as OldMemoryStore } from "express-session";
import { afterEach, describe, expect, it } from "vitest";
import { fromExpressSession, signSid } from "sojourn/express-session";
import type { ExpressSessionFormat } from "sojourn/express-session";
import { ALICE, moved, NOBODY, said, tokensIn } from "../support/moving.ts";
import { copyOf, OLD_COOKIE, OLD_SECRET, putRow, rowOf, sidIn } from "../support/old-app.ts";
import { Jar, stopServers } from "../support/servers.ts";
import { COOKIE, HOUR, leave, SECOND, sessionIn, visit, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

afterEach(stopServers);

const DAY = 24 * HOUR;
/** Of the policy `saas`: how long an honest message is under way. */
const TRANSIT = 5 * SECOND;

/** How often an old credential was looked at. */
function looks({ report }: ExpressSessionFormat): number {
  const { firstConvertedAt: _first, lastConvertedAt: _last, endFailed: _end, ...counts } = report();
  return Object.values(counts).reduce((sum, count) => sum + count);
}

const both = (token: string, old: Jar) => ({ cookie: `${COOKIE}=${token}; ${old.header}` });

describe("an old cookie beside one of ours", () => {
  it("is looked at when ours is no session, or none any more", async () => {
    const { app, old, jar } = await moved();
    const { token: idle } = await app.sessions.open({ subject: "bob" });
    const { token: revoked, session } = await app.sessions.open({ subject: "bob" });
    await app.sessions.revoke(session.id ?? "");
    const { token: erased } = await app.sessions.open({ subject: "bob" });
    await app.clock.advanceAsync(7 * DAY);
    const forged = `${idle.slice(0, -2)}${idle.endsWith("AA") ? "BB" : "AA"}`;
    const foreign = (await world().sessions.open({ subject: "bob" })).token;
    for (const ours of [idle, revoked, erased, forged, foreign, "garbage", "", '"x"']) {
      if (ours === erased) {
        await app.clock.advanceAsync(8 * DAY);
        await app.sessions.sweep();
      }
      const phone = ours === idle ? jar : await old.signedIn();
      const sid = sidIn(phone);
      const exchange = await visit(app, { headers: both(ours, phone) });
      expect([ours, exchange.session.subject]).toEqual([ours, "alice"]);
      const { cookies } = leave(exchange);
      expect(cookies.map((line) => line.slice(0, line.indexOf("=")))).toEqual([COOKIE, OLD_COOKIE]);
      expect(await rowOf(old.store, sid)).toBeUndefined();
    }
    expect(app.format.report()).toMatchObject({ converted: 8, failed: 0 });
  });

  it("is not looked at while ours is live, whatever it waits for", async () => {
    const { app, jar } = await moved();
    const active = await app.sessions.open({ subject: "bob" });
    const pending = await app.sessions.open({ subject: "bob", pending: true });
    const locked = await app.sessions.open({ subject: "bob" });
    await sessionIn(await app.sessions.authenticate(locked.token)).lock();
    for (const [state, { token }] of Object.entries({ active, pending, locked })) {
      const exchange = await visit(app, { headers: both(token, jar) });
      expect([state, exchange.session.state]).toEqual([state, state]);
      expect(leave(exchange).cookies).toEqual([]);
    }
    expect(looks(app.format)).toBe(0);
  });

  it("is not looked at when ours disagree, beside a bearer token, or where none can be set", async () => {
    const { app, jar } = await moved({ production: true });
    const conflict = `${COOKIE}=one; ${COOKIE}=two; ${jar.header}`;
    const { token } = await app.sessions.open({ subject: "bob" });
    await app.clock.advanceAsync(7 * DAY);
    const authorization = `Bearer ${token}`;
    for (const headers of [
      { cookie: conflict },
      { cookie: jar.header, authorization },
      { ...both(token, jar), authorization },
      { ...both("garbage", jar), authorization },
    ]) {
      const { session } = await visit(app, { headers });
      expect([headers, session.subject]).toEqual([headers, null]);
    }
    for (const view of [{ encrypted: false }, { canSetToken: false }]) {
      const { session } = await visit(app, { headers: both(token, jar), view });
      expect([view, session.subject]).toEqual([view, null]);
    }
    expect(looks(app.format)).toBe(0);
  });

  it("is not looked at in an outage: 503, and nobody is signed out (I7)", async () => {
    const { app, jar } = await moved();
    const { token } = await app.sessions.open({ subject: "bob" });
    app.store.fail("find", "before");
    const exchange = await visit(app, { headers: both(token, jar) });
    expect([exchange.refusal?.status, leave(exchange).cookies]).toEqual([503, []]);
    expect(looks(app.format)).toBe(0);
  });

  it("makes a cross-site POST a refused one, before any store is asked", async () => {
    const { app, jar } = await moved();
    const headers = { ...both("garbage", jar), "sec-fetch-site": "cross-site" };
    const before = app.store.calls();
    const { refusal } = await visit(app, { headers, view: { method: "POST" } });
    expect([refusal?.status, app.store.calls() - before]).toEqual([403, 0]);
    expect(looks(app.format)).toBe(0);
  });

  it("costs nothing where there is none: one read for an ended cookie, none for garbage", async () => {
    const { app } = await moved();
    const { token } = await app.sessions.open({ subject: "bob" });
    await app.clock.advanceAsync(7 * DAY);
    for (const [ours, reads] of [
      [token, 1],
      ["garbage", 0],
    ] as const) {
      const before = app.store.calls();
      expect((await visit(app, { token: ours })).session.subject).toBeNull();
      expect([ours, app.store.calls() - before]).toEqual([ours, reads]);
    }
    expect(looks(app.format)).toBe(0);
  });

  it("leaves the reason of our own end in place when it is worth nothing itself", async () => {
    const { app } = await moved();
    const { token } = await app.sessions.open({ subject: "bob" });
    await app.clock.advanceAsync(7 * DAY);
    const gone = new Jar();
    gone.cookies.set(OLD_COOKIE, encodeURIComponent(signSid("gone", OLD_SECRET)));
    const exchange = await visit(app, { headers: both(token, gone) });
    expect([exchange.session.endedReason, leave(exchange).cookies]).toEqual(["idle_timeout", []]);
    const other = await visit(app, { headers: both("garbage", gone) });
    expect(other.session.explain()).toMatchObject({ state: "anonymous", reason: "malformed" });
    expect(app.format.report()).toMatchObject({ unknown: 2 });
  });
});

describe("a logout", () => {
  it("stays one for the old cookie that its session was made of (I1)", async () => {
    const { app, jar, old } = await moved();
    const sid = sidIn(jar);
    const row = await rowOf(old.store, sid);
    const before = copyOf(jar);
    await jar.ask(app.url);
    await jar.ask(app.url);
    const token = jar.cookies.get("session") ?? "";
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    for (const wait of [0, TRANSIT + 1, HOUR, 8 * DAY]) {
      await app.clock.advanceAsync(wait);
      if (wait > DAY) await app.sessions.sweep();
      for (const restored of [false, true]) {
        if (restored) await putRow(old.store, sid, row);
        const jars = copyOf(before);
        jars.cookies.set("session", token);
        const answer = await jars.ask(app.url);
        expect([wait, restored, said(answer), answer.cookies]).toEqual([
          wait,
          restored,
          NOBODY,
          [],
        ]);
      }
    }
    expect(app.named("session-established")).toHaveLength(1);
  });

  it("is not undone by a request under way that has another old cookie", async () => {
    const { app, jar, old } = await moved();
    await jar.ask(app.url);
    await jar.ask(app.url);
    const straggler = copyOf(jar);
    const other = await old.signedIn("alice too");
    straggler.cookies.set(OLD_COOKIE, other.cookies.get(OLD_COOKIE) ?? "");
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    const late = copyOf(straggler);
    await app.clock.advanceAsync(TRANSIT);
    const answer = await straggler.ask(app.url);
    expect([said(answer), answer.cookies]).toEqual([NOBODY, []]);
    // What comes later was sent later: by who signed in at an old node since.
    await app.clock.advanceAsync(1);
    expect(said(await late.ask(app.url))).toMatchObject({ subject: "alice too" });
  });

  it("takes an old cookie that was not looked at along", async () => {
    const { app, jar, old } = await moved();
    await jar.ask(app.url);
    const other = await old.signedIn("alice too");
    jar.cookies.set(OLD_COOKIE, other.cookies.get(OLD_COOKIE) ?? "");
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    expect(jar.cookies.has(OLD_COOKIE)).toBe(true);
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    expect([...jar.cookies.keys()]).toEqual([]);
    expect(said(await jar.ask(app.url))).toEqual(NOBODY);
  });
});

interface Two {
  readonly place: World;
  readonly stores: readonly [OldMemoryStore, OldMemoryStore];
  readonly formats: readonly [ExpressSessionFormat, ExpressSessionFormat];
}

/** Two old applications, whose cookies are `one` and `two`. */
function two(): Two {
  const stores = [new OldMemoryStore(), new OldMemoryStore()] as const;
  const formats = [
    fromExpressSession({ store: stores[0], secret: "secret one", name: "one" }),
    fromExpressSession({ store: stores[1], secret: "secret two", name: "two" }),
  ] as const;
  return { stores, formats, place: world({ convert: formats }) };
}

const row = (user: string, expires?: Date) => ({
  cookie: expires === undefined ? {} : { expires },
  passport: { user },
});
const signed = (name: string, sid: string) =>
  `${name}=${encodeURIComponent(signSid(sid, `secret ${name}`))}`;

describe("cookies of two formats", () => {
  it("are looked at in their order until one is worth something", async () => {
    const firsts = {
      unknown: signed("one", "gone"),
      forged: "one=s%3Agone.forged",
      expired: signed("one", "late"),
      empty: signed("one", "nobody"),
      refused: signed("one", "revoked"),
    };
    for (const [outcome, first] of Object.entries(firsts)) {
      const { place, stores, formats } = two();
      await putRow(stores[0], "late", row("bob", new Date(place.clock.now())));
      await putRow(stores[0], "nobody", { cookie: {} });
      await putRow(stores[0], "revoked", row("carol"));
      await putRow(stores[1], "good", row("alice"));
      await place.sessions.subject("carol").revokeAll();
      const headers = { cookie: `${first}; ${signed("two", "good")}` };
      const exchange = await visit(place, { headers });
      expect([outcome, exchange.session.subject]).toEqual([outcome, "alice"]);
      expect(formats[0].report()).toMatchObject({ [outcome]: 1, converted: 0 });
      expect(formats[1].report()).toMatchObject({ converted: 1 });
      // The first one's is of no use any more, the second one's has become ours.
      expect(leave(exchange).cookies.map((line) => line.slice(0, 4))).toEqual([
        "__Ho",
        "one=",
        "two=",
      ]);
    }
  });

  it("that are both good: the first becomes ours, the second is left alone", async () => {
    const { place, stores, formats } = two();
    await putRow(stores[0], "a", row("alice"));
    await putRow(stores[1], "b", row("bob"));
    const headers = { cookie: `${signed("two", "b")}; ${signed("one", "a")}` };
    const exchange = await visit(place, { headers });
    expect(exchange.session.subject).toBe("alice");
    expect(leave(exchange).cookies.filter((line) => line.startsWith("two="))).toEqual([]);
    expect([looks(formats[1]), await rowOf(stores[1], "b")]).toMatchObject([0, row("bob")]);
  });

  it("that are both worth nothing are nobody's, and stay", async () => {
    const { place } = two();
    const headers = { cookie: `${signed("one", "x")}; ${signed("two", "y")}` };
    const exchange = await visit(place, { headers });
    expect([exchange.session.subject, leave(exchange).cookies]).toEqual([null, []]);
  });

  it("wait for the first one's store: trouble is 503, never the second one's turn (I7)", async () => {
    const { place, stores, formats } = two();
    stores[0].get = (_sid, callback) => callback(new Error("down"));
    await putRow(stores[1], "b", row("bob"));
    const headers = { cookie: `${signed("one", "a")}; ${signed("two", "b")}` };
    const exchange = await visit(place, { headers });
    expect([exchange.refusal?.status, leave(exchange).cookies]).toEqual([503, []]);
    expect(looks(formats[1])).toBe(0);
  });
});

describe("two old cookies of one name", () => {
  it("are one when only one of them is genuine, in either order", async () => {
    const stale = `${OLD_COOKIE}=s%3Astale.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`;
    for (const order of [
      (good: string) => `${good}; ${stale}`,
      (good: string) => `${stale}; a=b; ${good}`,
      (good: string) => `${good}; ${stale};${OLD_COOKIE}=;  ${good} ; ${OLD_COOKIE}=%`,
    ]) {
      const { app, jar } = await moved();
      const { session } = await visit(app, { headers: { cookie: order(jar.header) } });
      expect(session.subject).toBe("alice");
      expect(app.format.report()).toMatchObject({ converted: 1, forged: 0 });
    }
  });

  it("are forged when two different ones are genuine: nobody can tell which was meant", async () => {
    const { app, jar, old } = await moved();
    const other = await old.signedIn("bob");
    const headers = { cookie: `${jar.header}; ${other.header}` };
    const before = app.store.calls();
    expect((await visit(app, { headers })).session.subject).toBeNull();
    expect(app.format.report()).toMatchObject({ forged: 1, converted: 0 });
    expect(app.store.calls()).toBe(before);
    expect(tokensIn(await jar.ask(app.url))).toHaveLength(1);
  });

  it("are forged when there are more than any browser has", async () => {
    const { app, jar } = await moved();
    const many = Array.from({ length: 8 }, (_, at) => `${OLD_COOKIE}=s%3A${at}.x`);
    const refused = { cookie: [...many, jar.header].join("; ") };
    expect((await visit(app, { headers: refused })).session.subject).toBeNull();
    expect(app.format.report()).toMatchObject({ forged: 1 });
    const taken = { cookie: [...many.slice(1), jar.header].join("; ") };
    expect((await visit(app, { headers: taken })).session.subject).toBe("alice");
  });
});
