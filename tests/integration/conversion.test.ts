/**
 * Nobody is logged out by the move from express-session: real applications on express-session and
 * passport write real rows, then an application on Sojourn takes over their cookies.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore as OldMemoryStore } from "express-session";
import type { Store } from "express-session";
import { afterEach, describe, expect, it } from "vitest";
import { SqliteStore } from "sojourn/stores/sqlite";
import { ManualClock } from "sojourn/testing";
import { ALICE, GRACE, moved, newApp, NOBODY, said, tokensIn } from "../support/moving.ts";
import { copyOf, oldApp, rowOf, sidIn } from "../support/old-app.ts";
import { OLD_STORES } from "../support/old-stores.ts";
import { stopServers } from "../support/servers.ts";
import { HOUR, MINUTE, SECOND, secretOf, visit } from "../support/world.ts";

afterEach(stopServers);

const DAY = 24 * HOUR;

describe.each(Object.entries(OLD_STORES))("a session of %s", (_name, start) => {
  it("becomes ours at first sight: same person and data, new cookie, old row gone", async () => {
    const { store, stop } = await start();
    try {
      const old = await oldApp(store, { cookie: { maxAge: HOUR } });
      const jar = await old.signedIn();
      const sid = sidIn(jar);
      expect(said(await jar.ask(old.url))).toEqual(ALICE);
      expect(await rowOf(store, sid)).toBeDefined();
      const before = copyOf(jar);

      const app = await newApp(store);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
      expect([...jar.cookies.keys()]).toEqual(["session"]);
      expect(jar.cookies.get("session")).not.toContain(sid);
      expect(await rowOf(store, sid)).toBeUndefined();
      expect(said(await before.ask(old.url))).toEqual(NOBODY);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
      expect(await app.sessions.subject("alice").count()).toBe(1);
      expect(app.format.report()).toMatchObject({ converted: 1, failed: 0, endFailed: 0 });

      await app.clock.advanceAsync(GRACE + 1);
      expect(said(await before.ask(app.url))).toEqual(NOBODY);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
    } finally {
      await stop();
    }
  });

  it("that has expired, or was signed out of, becomes nobody's", async () => {
    const { store, stop } = await start();
    try {
      const old = await oldApp(store, { cookie: { maxAge: HOUR } });
      const expired = await old.signedIn();
      const left = await old.signedIn("bob");
      const copy = copyOf(left);
      await left.ask(`${old.url}/logout`, { method: "POST" });
      const app = await newApp(store, { clock: new ManualClock(Date.now() + 2 * HOUR) });
      expect(said(await expired.ask(app.url))).toEqual(NOBODY);
      expect(said(await copy.ask(app.url))).toMatchObject({ subject: null });
      const report = app.format.report();
      expect(report).toMatchObject({ converted: 0, failed: 0 });
      expect(report.expired).toBe(1);
    } finally {
      await stop();
    }
  });
});

describe("trouble of the old store", () => {
  it("that hangs is a 503, keeps the cookie, and costs nobody the session (I7)", async () => {
    const redis = OLD_STORES["connect-redis 10"];
    if (redis === undefined) throw new Error("no Redis here");
    const { store, pid, stop } = await redis();
    try {
      const old = await oldApp(store);
      const jar = await old.signedIn();
      const app = await newApp(store, { from: { timeoutMs: 300 } });
      process.kill(pid, "SIGSTOP");
      const answer = await jar.ask(app.url);
      expect(answer).toMatchObject({ status: 503, cookies: [] });
      expect(answer.headers["retry-after"]).toBe("1");
      expect(app.format.report()).toMatchObject({ failed: 1, unknown: 0, converted: 0 });
      process.kill(pid, "SIGCONT");
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
    } finally {
      process.kill(pid, "SIGCONT");
      await stop();
    }
  });

  it.each(["get", "destroy"] as const)("in %s is told and ends by itself", async (operation) => {
    const { old, app, jar } = await moved();
    const sid = sidIn(jar);
    const works = old.store[operation].bind(old.store) as Store["destroy"];
    old.store[operation] = (_sid: string, done?: (error: unknown) => void) =>
      done?.(new Error("disk full"));
    const first = await jar.ask(app.url);
    old.store[operation] = works as Store["get"] & Store["destroy"];
    if (operation === "get") {
      expect(first).toMatchObject({ status: 503, cookies: [] });
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
      return;
    }
    // Ours is made: the person is in, and the old row is seen to later.
    expect(said(first)).toEqual(ALICE);
    expect(await rowOf(old.store, sid)).toBeDefined();
    expect(app.format.report()).toMatchObject({ converted: 1, endFailed: 1 });
    expect(String(app.errors[0])).toContain("express-session store: destroy");
    await app.clock.advanceAsync(SECOND);
    expect(await rowOf(old.store, sid)).toBeUndefined();
    expect(app.format.report()).toMatchObject({ converted: 1, endFailed: 1 });
  });

  it("in the end of an old session is not tried again once `close` was called", async () => {
    const { old, app, jar } = await moved();
    let fail: () => void = () => undefined;
    const called = new Promise<void>((resolve) => {
      old.store.destroy = (_sid, done) => {
        fail = () => done?.(new Error("disk full"));
        resolve();
      };
    });
    const first = visit(app, { headers: { cookie: jar.header } });
    await called;
    await app.sessions.close();
    let later = 0;
    old.store.destroy = (_sid, done) => ((later += 1), done?.());
    fail();
    await first;
    expect(app.format.report().endFailed).toBe(1);
    await app.clock.advanceAsync(HOUR);
    expect(later).toBe(0);
  });

  it("of our own store leaves the old session good, at every step (I7)", async () => {
    for (const step of ["installation", "find", "create", "replace"] as const) {
      for (const kind of ["before", "after"] as const) {
        const { app, jar } = await moved();
        app.store.fail(step, kind);
        const first = await jar.ask(app.url);
        expect([step, kind, first.status, first.cookies]).toEqual([step, kind, 503, []]);
        expect([step, kind, said(await jar.ask(app.url))]).toEqual([step, kind, ALICE]);
        expect([...jar.cookies.keys()]).toEqual(["session"]);
        expect(await app.sessions.subject("alice").count()).toBe(1);
      }
    }
  });
});

describe("who asks twice", () => {
  it("at once, 20 times, gets one session and one token (I1)", async () => {
    const { app, jar } = await moved();
    const copies = Array.from({ length: 20 }, () => copyOf(jar));
    const answers = await Promise.all(copies.map((copy) => copy.ask(app.url)));
    expect(answers.map(said)).toEqual(answers.map(() => ALICE));
    expect(new Set(answers.flatMap(tokensIn)).size).toBe(1);
    expect(answers.flatMap(tokensIn)).toHaveLength(20);
    expect(app.named("session-established")).toHaveLength(1);
    expect(app.format.report()).toMatchObject({ converted: 1, again: 19, endFailed: 0 });
  });

  it("of two processes on one SQLite file gets one session and one token", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-conversion-"));
    const old = await oldApp(new OldMemoryStore());
    const clock = new ManualClock(Date.now());
    const path = join(folder, "sessions.db");
    const stores = [new SqliteStore({ path }), new SqliteStore({ path })];
    const apps = await Promise.all(
      stores.map((store) => newApp(old.store, { store, clock, secrets: [secretOf(1)] })),
    );
    for (let round = 0; round < 5; round += 1) {
      const jar = await old.signedIn(`person ${round}`);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => copyOf(jar).ask(apps[at % 2]?.url ?? "")),
      );
      expect(answers.map(said)).toEqual(
        answers.map(() => ({ subject: `person ${round}`, notes: ["apple"] })),
      );
      expect(new Set(answers.flatMap(tokensIn)).size).toBe(1);
    }
    const converted = apps.map(({ format }) => format.report().converted);
    expect(converted.reduce((sum, one) => sum + one)).toBe(5);
    for (const { sessions } of apps) await sessions.close();
    for (const store of stores) await store.close();
    rmSync(folder, { recursive: true });
  });

  it("because the answer was lost is in all the same, however late", async () => {
    for (const late of [SECOND, GRACE + 1, 2 * MINUTE, 5 * HOUR]) {
      const { app, jar } = await moved();
      expect(said(await copyOf(jar).ask(app.url))).toEqual(ALICE);
      await app.clock.advanceAsync(late);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
      // A successor may still be under way: the cookie comes with one of the next answers.
      await app.clock.advanceAsync(2 * MINUTE);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
      expect([...jar.cookies.keys()]).toEqual(["session"]);
      expect(await app.sessions.subject("alice").count()).toBe(1);
      expect(app.named("token-fork")).toEqual([]);
    }
  });

  it("after weeks is in, as long as its session lives, whatever was swept meanwhile", async () => {
    const days = {
      idleMs: 30 * DAY,
      absoluteMs: 390 * DAY,
      justification: "a test of long sessions",
    };
    const { app, jar } = await moved({ policy: { extends: "saas", ...days } });
    for (let day = 0; day < 390; day += 13) {
      const { session } = await visit(app, { headers: { cookie: jar.header } });
      expect([day, session.subject]).toEqual([day, "alice"]);
      await app.clock.advanceAsync(13 * DAY);
      await app.sessions.sweep();
    }
    expect(app.format.report()).toMatchObject({ converted: 1, again: 29 });
  });

  it("as a straggler is served without a cookie, until the grace is over", async () => {
    const { app, jar } = await moved();
    const straggler = copyOf(jar);
    await jar.ask(app.url);
    await jar.ask(app.url);
    await app.clock.advanceAsync(GRACE);
    const late = await straggler.ask(app.url);
    expect([said(late), late.cookies]).toEqual([ALICE, []]);
    await app.clock.advanceAsync(1);
    const tooLate = await straggler.ask(app.url);
    expect([said(tooLate), tooLate.cookies]).toEqual([NOBODY, []]);
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
    expect(app.named("token-fork")).toEqual([]);
  });

  it("after a crash between the new row and the end of the old one is in, and ends it", async () => {
    const { old, app, jar } = await moved();
    const sid = sidIn(jar);
    const works = old.store.destroy.bind(old.store);
    // The process dies while it waits for the old store.
    old.store.destroy = () => undefined;
    copyOf(jar)
      .ask(app.url)
      .catch(() => undefined);
    for (let waited = 0; app.named("session-converted").length === 0; waited += 1) {
      if (waited > 5_000) throw new Error("it never converted");
      await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    old.store.destroy = works;
    expect(await rowOf(old.store, sid)).toBeDefined();
    const beside = await newApp(old.store, { beside: app });
    expect(said(await jar.ask(beside.url))).toEqual(ALICE);
    expect(await rowOf(old.store, sid)).toBeUndefined();
    expect(beside.format.report()).toMatchObject({ converted: 0, again: 1 });
    expect(await beside.sessions.subject("alice").count()).toBe(1);
  });
});
