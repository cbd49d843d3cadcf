/** An old cookie, an old row or a copy of a store must give nobody a session that has moved on. */
import { MemoryStore as OldMemoryStore } from "express-session";
import { MemoryStore } from "sojourn";
import { signSid } from "sojourn/express-session";
import { afterEach, describe, expect, it } from "vitest";
import { ALICE, GRACE, moved, newApp, NOBODY, said } from "../support/moving.ts";
import type { NewApp } from "../support/moving.ts";
import {
  copyOf,
  OLD_COOKIE,
  OLD_SECRET,
  oldApp,
  putRow,
  rowOf,
  sidIn,
} from "../support/old-app.ts";
import type { OldApp } from "../support/old-app.ts";
import { Jar, stopServers } from "../support/servers.ts";
import { HOUR, MINUTE, secretPart } from "../support/world.ts";

afterEach(stopServers);

const DAY = 24 * HOUR;

interface Theft {
  readonly old: OldApp;
  readonly app: NewApp;
  readonly jar: Jar;
  /** Who has a copy of the old cookie. */
  readonly thief: Jar;
  readonly sid: string;
  readonly row: unknown;
}

/** Alice has moved and uses her new cookie; somebody has her old one and her old row. */
async function theft(given?: Parameters<typeof moved>[0]): Promise<Theft> {
  const { old, app, jar } = await moved(given);
  const thief = copyOf(jar);
  const sid = sidIn(jar);
  const row = await rowOf(old.store, sid);
  await jar.ask(app.url);
  await jar.ask(app.url);
  return { old, app, jar, thief, sid, row };
}

describe("an old cookie that is presented again", () => {
  it("is worth nothing after the grace, and harms nobody", async () => {
    const { app, jar, thief } = await theft();
    for (const wait of [GRACE + 1, MINUTE, HOUR, 6 * HOUR]) {
      await app.clock.advanceAsync(wait);
      const answer = await thief.ask(app.url);
      expect([said(answer), answer.cookies]).toEqual([NOBODY, []]);
      expect(said(await jar.ask(app.url))).toEqual(ALICE);
    }
    expect(app.named("token-fork")).toEqual([]);
  });

  it("is worth nothing even when its row was never deleted, or was saved anew", async () => {
    const { old, app, thief, sid, row } = await theft();
    await app.clock.advanceAsync(GRACE + 1);
    await putRow(old.store, sid, row);
    expect(said(await thief.ask(app.url))).toEqual(NOBODY);
    expect(await rowOf(old.store, sid)).toBeUndefined();
    expect(app.format.report()).toMatchObject({ converted: 1 });
  });

  it("brings no session back after a logout, within the grace or without the row (I1)", async () => {
    for (const restored of [false, true]) {
      const { old, app, jar, thief, sid, row } = await theft();
      await jar.ask(`${app.url}/logout`, { method: "POST" });
      if (restored) await putRow(old.store, sid, row);
      for (const wait of [0, GRACE + 1, HOUR]) {
        await app.clock.advanceAsync(wait);
        const answer = await thief.ask(app.url);
        expect([restored, wait, said(answer), answer.cookies]).toEqual([
          restored,
          wait,
          NOBODY,
          [],
        ]);
      }
      expect(await app.sessions.subject("alice").count()).toBe(0);
      expect(app.named("session-established")).toHaveLength(1);
    }
  });

  it("brings none back when its session was erased long ago, row and all (I1)", async () => {
    const { old, app, jar, thief, sid, row } = await theft();
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    for (const wait of [8 * DAY, 30 * DAY, 300 * DAY]) {
      await app.clock.advanceAsync(wait);
      await app.sessions.sweep();
      await putRow(old.store, sid, row);
      expect(said(await thief.ask(app.url))).toEqual(NOBODY);
      expect(await rowOf(old.store, sid)).toBeUndefined();
    }
    expect(app.format.report()).toMatchObject({ converted: 1 });
  });

  it("brings none back that a stricter role had shortened, row and all (I1)", async () => {
    const policy = {
      extends: "saas" as const,
      absoluteMs: 60 * DAY,
      justification: "a test of long sessions",
    };
    const tighten = { roles: { admin: { absoluteMs: 12 * HOUR } } };
    const { old, app, jar, thief, sid, row } = await theft({ policy, tighten });
    const handle = app.named("session-converted")[0]?.session ?? "";
    await (await app.sessions.find(handle))?.setRoles(["admin"]);
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    for (const wait of [HOUR, DAY, 6 * DAY, DAY, 30 * DAY]) {
      await app.clock.advanceAsync(wait);
      await app.sessions.sweep();
      await putRow(old.store, sid, row);
      expect(said(await thief.ask(app.url))).toEqual(NOBODY);
    }
    expect(app.format.report()).toMatchObject({ converted: 1 });
  });

  it("finishes what a crash left half done only while the row of an end would be here (I1)", async () => {
    for (const [wait, converted] of [
      [7 * DAY - 1, 1],
      [7 * DAY, 0],
    ] as const) {
      const { old, app, jar } = await moved();
      const sid = sidIn(jar);
      // The first creation is the claim's; the session's fails.
      app.store.after("create", () => app.store.fail("create", "before"));
      expect(said(await copyOf(jar).ask(app.url))).toBe(503);
      expect(await rowOf(old.store, sid)).toBeDefined();
      await app.clock.advanceAsync(wait);
      await app.sessions.sweep();
      expect(said(await jar.ask(app.url))).toEqual(converted === 1 ? ALICE : NOBODY);
      expect(app.format.report()).toMatchObject({ converted, refused: 1 - converted });
    }
  });

  it("leaves a claim behind that no list, count or event shows", async () => {
    const { app, jar } = await theft();
    expect((await app.sessions.query({ state: "any" })).items).toHaveLength(1);
    expect((await app.sessions.count()).count).toBe(1);
    await jar.ask(`${app.url}/logout`, { method: "POST" });
    for (const days of [300, 100, 8, 1]) {
      await app.clock.advanceAsync(days * DAY);
      await app.sessions.sweep();
    }
    expect(app.named("session-ended")).toHaveLength(1);
    expect((await app.sessions.query({ state: "any" })).items).toEqual([]);
  });

  it("becomes nobody else's when a row of another subject appears under its sid", async () => {
    const { old, app, thief, sid, row } = await theft();
    await app.clock.advanceAsync(GRACE + 1);
    const planted = { ...(row as object), passport: { user: "mallory" } };
    for (const other of [planted, { ...(row as object), passport: {} }]) {
      await putRow(old.store, sid, other);
      expect(said(await thief.ask(app.url))).toEqual(NOBODY);
    }
    expect(await app.sessions.subject("mallory").count()).toBe(0);
    expect(app.format.report()).toMatchObject({ converted: 1, refused: 2 });
  });
});

describe("everywhere", () => {
  it("signed out is signed out: sessions not yet converted never are (I5)", async () => {
    const { old, app, jar } = await moved();
    const phone = await old.signedIn();
    await jar.ask(app.url);
    await app.sessions.subject("alice").revokeAll({ cause: "credential_change" });
    const sid = sidIn(phone);
    expect(said(await phone.ask(app.url))).toEqual(NOBODY);
    expect(said(await jar.ask(app.url))).toMatchObject({ subject: null });
    // At the old application neither.
    expect(await rowOf(old.store, sid)).toBeUndefined();
    expect(app.format.report()).toMatchObject({ converted: 1, refused: 1 });
    const bob = await old.signedIn("bob");
    expect(said(await bob.ask(app.url))).toMatchObject({ subject: "bob" });
  });

  it("means between the look at the old row and the new one, too (I5)", async () => {
    const { app, jar } = await moved();
    // The second creation is the session's; the first is the claim's.
    app.store.after("create", async () => {
      await app.sessions.subject("alice").revokeAll();
    });
    expect(said(await jar.ask(app.url))).toEqual(NOBODY);
    expect(await app.sessions.subject("alice").count()).toBe(0);
  });
});

describe("a copy of a store", () => {
  it("has nothing that could be presented: no sid, no token, no old cookie (I12)", async () => {
    const made: { readonly tenant: string; readonly id: string }[] = [];
    const store = new MemoryStore();
    const create = store.create.bind(store);
    store.create = (record, options) => (made.push(record), create(record, options));
    const { app, jar, sid } = await theft({ store, encryptData: true });
    const token = jar.cookies.get("session") ?? "";
    // The claim and the session.
    expect(made).toHaveLength(2);
    const stored = await Promise.all(made.map((ref) => app.store.find(ref)));
    const dump = JSON.stringify([stored, app.events, app.errors]);
    for (const secret of [sid, secretPart(token), OLD_SECRET]) expect(dump).not.toContain(secret);
    expect(dump).toContain("alice");
  });

  it("of the old rows is worth nothing without the old secret", async () => {
    const { app, jar } = await moved();
    const forged = new Jar();
    forged.cookies.set(OLD_COOKIE, encodeURIComponent(signSid(sidIn(jar), "a guess")));
    expect(said(await forged.ask(app.url))).toEqual(NOBODY);
    expect(said(await jar.ask(app.url))).toEqual(ALICE);
  });

  it("under another secret of ours gives the old cookie nothing (I12)", async () => {
    const inner = new MemoryStore();
    const old = await oldApp(new OldMemoryStore());
    const jar = await old.signedIn();
    const app = await newApp(old.store, { store: inner });
    await copyOf(jar).ask(app.url);
    const elsewhere = await newApp(old.store, {
      store: inner,
      clock: app.clock,
      secrets: [new Uint8Array(32).map((_, at) => at * 3)],
    });
    expect(said(await jar.ask(elsewhere.url))).toEqual(NOBODY);
  });
});
