import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  HandTime,
  sessionOf,
  START,
  tokenWorld,
} from "../../../../../tests/support/token-world.ts";
import { secretOf } from "../../../../../tests/support/world.ts";
import type { SessionStore, StoreChange, TailHandlers } from "../../engine/ports.ts";
import { createSessions } from "../../sessions/create-sessions.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { Lockouts } from "../../sessions/lockouts.ts";
import { createRevocationLog } from "./revocation-log.ts";
import { formatPage, readPage } from "./revocations.ts";

const MINUTE = 60_000;

/** A tail that a test moves by hand. */
function handStore() {
  const tails: { from: string; handlers: TailHandlers }[] = [];
  const memory = new MemoryStore();
  const store: Pick<SessionStore, "tail" | "revoke"> = {
    revoke: (...call) => memory.revoke(...call),
    tail(from, handlers) {
      tails.push({ from, handlers });
      return { close: () => undefined };
    },
  };
  return { store, tails, handlers: () => tails.at(-1)?.handlers as TailHandlers };
}

function ended(id: string): StoreChange {
  const ref = { tenant: "default", id };
  const end = { reason: "logout", at: START } as const;
  return { kind: "session", what: "ended", ref, subject: "alice", position: "1", end };
}

describe("createRevocationLog", () => {
  it("tells ends of sessions and subjects, and nothing else that changes", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, from: "p", time });
    const session = { ...ended("a"), what: "changed" } as StoreChange;
    handlers().change(session);
    handlers().change(ended("b"));
    const all = { kind: "subject", tenant: "t", subject: "s", epoch: 4, position: "2" } as const;
    handlers().change({ ...all, except: "c" });
    handlers().frontier?.("2", time.monotonic());
    const page = await log.read();
    expect(page.entries).toEqual([
      { kind: "session", session: "ses_b", at: START },
      { kind: "subject", tenant: "t", subject: "s", epoch: 4, except: "ses_c", at: START },
    ]);
    handlers().change(ended("d"));
    expect((await log.read(page.position)).entries).toEqual([
      { kind: "session", session: "ses_d", at: START },
    ]);
  });

  it("tells lockouts that stand in every snapshot, however old, and changes after a position", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const lockouts = new Lockouts();
    const lock = { tenant: "default", kind: "client", message: "-" } as const;
    lockouts.set({ ...lock, id: "old", value: "app" });
    const log = createRevocationLog({ store, from: "p", time, lockouts, tokenLifeMs: MINUTE });
    handlers().frontier?.("1", time.monotonic());
    const first = await log.read();
    expect(first.entries).toMatchObject([{ kind: "lockout", id: "old", lifted: false }]);
    time.pass(60 * MINUTE);
    lockouts.set({ ...lock, id: "new", value: "web", expiresAt: START + 1 });
    lockouts.set({ ...lock, id: "theirs", tenant: "acme", value: "web" });
    const ids = async (since?: string) =>
      (await log.read(since, "default")).entries.map((one) => "id" in one && one.id);
    expect(await ids()).toEqual(["old", "new"]);
    expect(await ids(first.position)).toEqual(["new"]);
    const { position } = await log.read(undefined, "default");
    lockouts.lift("old");
    expect((await log.read(position, "default")).entries).toMatchObject([
      { id: "old", target: "client", value: "app", lifted: true },
    ]);
    expect(await ids()).toEqual(["new"]);
    const page = await log.read(undefined, "default");
    expect(readPage(JSON.parse(JSON.stringify(formatPage(page))))).toEqual({
      ...page,
      at: expect.any(Number),
    });
    log.close();
  });

  it("says how long ago the store proved that nothing is missing (I3)", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, time });
    const first = log.read();
    time.pass(30);
    handlers().frontier?.("1", 10);
    expect((await first).ageMs).toBe(20);
    time.pass(500);
    expect((await log.read()).ageMs).toBe(520);
  });

  it("answers nothing before the store has proved anything (I7)", async () => {
    const { store, handlers } = handStore();
    const log = createRevocationLog({ store, time: new HandTime() });
    const first = log.read();
    handlers().error?.(new Error("down"));
    await expect(first).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    const second = log.read();
    log.close();
    await expect(second).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await expect(log.read()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
  });

  it("ends what was issued before it began, and before a gap", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, time });
    handlers().frontier?.("1", 0);
    expect((await log.read()).entries).toEqual([{ kind: "all", at: START }]);
    time.pass(90_500);
    handlers().gap?.();
    expect((await log.read()).entries.at(-1)).toEqual({ kind: "all", at: START + 90_000 });
  });

  it("takes the store's tail up where an earlier log could have begun", async () => {
    const { store, handlers, tails } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, time, tokenLifeMs: 15 * MINUTE });
    for (let minute = 0; minute < 40; minute += 1) {
      handlers().frontier?.(`at ${minute}`, time.monotonic());
      if (minute < 16) expect(log.checkpoint).toBeUndefined();
      time.pass(MINUTE);
    }
    const { checkpoint } = log;
    // Sixteen minutes back, less what lies between two marks.
    expect(["at 22", "at 24"]).toContain(checkpoint);
    const next = createRevocationLog({ store, time, from: checkpoint ?? "" });
    expect(tails.at(-1)?.from).toBe(checkpoint);
    handlers().frontier?.("1", time.monotonic());
    expect((await next.read()).entries).toEqual([]);
  });

  it("forgets what no token can remember, and then says that a position is too old", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, time, tokenLifeMs: 15 * MINUTE });
    handlers().frontier?.("1", 0);
    const { position } = await log.read();
    handlers().change(ended("a"));
    time.pass(16 * MINUTE);
    expect(await log.read(position)).toMatchObject({ complete: true });
    time.pass(1);
    expect(await log.read(position)).toMatchObject({ complete: false, entries: [] });
    expect(await log.read("other.1")).toMatchObject({ complete: false });
    expect(await log.read(`${position.split(".")[0]}.99`)).toMatchObject({ complete: false });
    expect(await log.read()).toMatchObject({ complete: true, entries: [] });
  });

  it("tells a lock once and its end once, and that none is known after a gap", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, from: "p", time });
    const changed = { ...ended("a"), what: "changed", end: undefined } as unknown as StoreChange;
    const locked = { ...changed, locked: true } as StoreChange;
    handlers().frontier?.("1", 0);
    const news = async (...changes: readonly StoreChange[]) => {
      const { position } = await log.read();
      for (const change of changes) handlers().change(change);
      return (await log.read(position)).entries;
    };
    const lock = (lifted: boolean) => ({ kind: "lock", session: "ses_a", lifted, at: START });
    expect(await news(changed)).toEqual([]);
    expect(await news(locked, locked)).toEqual([lock(false)]);
    expect(await news(changed, changed)).toEqual([lock(true)]);
    expect(await news(locked, ended("a"), changed)).toMatchObject([
      lock(false),
      { session: "ses_a" },
    ]);
    await news(locked);
    const { position } = await log.read();
    handlers().gap?.();
    expect((await log.read(position)).entries).toMatchObject([{ kind: "all" }, lock(true)]);
  });

  it("forgets a lock that is older than every token", async () => {
    const { store, handlers } = handStore();
    const time = new HandTime();
    const log = createRevocationLog({ store, from: "p", time, tokenLifeMs: 15 * MINUTE });
    const changed = { ...ended("a"), what: "changed", end: undefined } as unknown as StoreChange;
    handlers().change({ ...changed, locked: true } as StoreChange);
    time.pass(20 * MINUTE);
    handlers().frontier?.("1", time.monotonic());
    handlers().change(changed);
    expect((await log.read()).entries).toEqual([]);
  });

  it("tells of revoked keys once to each reader, and again when there is another", async () => {
    const { store, handlers } = handStore();
    const world = await tokenWorld();
    const feedKeys = await tokenWorld();
    const keys = [world.keys, feedKeys.keys];
    const log = createRevocationLog({ store, from: "p", keys, time: world.time });
    handlers().frontier?.("1", 0);
    const before = await log.read();
    const told = [];
    for (const { keys: own } of [world, feedKeys]) {
      const [key] = await own.inventory();
      await own.revoke(key?.kid ?? "");
      told.push({ kind: "key", kid: key?.kid, at: START });
      const page = await log.read(before.position);
      expect(page.entries).toEqual(told);
      expect((await log.read()).entries).toEqual(told);
      // Nothing new: a reader that waits for news is not answered over and over.
      expect((await log.read(page.position)).entries).toEqual([]);
    }
  });

  it("says whose its news is, so that nobody is woken by another tenant's", () => {
    const { store, handlers } = handStore();
    const log = createRevocationLog({ store, from: "p", time: new HandTime() });
    const heard: unknown[] = [];
    log.onNews((tenant) => heard.push(tenant));
    handlers().change(ended("a"));
    handlers().gap?.();
    log.close();
    expect(heard).toEqual(["default", undefined, undefined]);
  });
});

describe("the end of one token", () => {
  const token = { issuer: "https://auth.example", jti: "jti-1" };

  it("[JW-09, TE-02] is told by every log on the store, also by one that begins later, until it expires", async () => {
    const time = new HandTime();
    const store = new MemoryStore();
    const positions: string[] = [];
    store.tail("now", { change: () => undefined, frontier: (at) => void positions.push(at) });
    const options = { store, time, tokenLifeMs: 15 * MINUTE };
    const [one, two] = [createRevocationLog(options), createRevocationLog(options)];
    await Promise.all([one.read(), two.read()]);
    await one.revokeToken({ ...token, expiresAt: START + MINUTE });
    await two.revokeToken({ ...token, expiresAt: START + MINUTE });
    const later = createRevocationLog({ ...options, from: positions[0] ?? "" });
    const entry = { kind: "token", ...token, at: START };
    for (const log of [one, two, later]) {
      const { entries } = await log.read();
      expect(entries.filter(({ kind }) => kind !== "all")).toEqual([entry]);
    }
    time.pass(17 * MINUTE);
    expect((await one.read()).entries).toEqual([]);
    for (const log of [one, two, later]) log.close();
    await store.close();
  });

  it("is written nowhere for one that expired, and refused for what names none", async () => {
    const time = new HandTime();
    const store = new MemoryStore();
    const log = createRevocationLog({ store, time });
    const { position } = await log.read();
    await log.revokeToken({ ...token, expiresAt: START });
    expect((await log.read(position)).entries).toEqual([]);
    for (const odd of [{ jti: "" }, { issuer: "i".repeat(1_025) }, { expiresAt: Number.NaN }]) {
      const asked = log.revokeToken({ ...token, expiresAt: START + MINUTE, ...odd });
      await expect(asked).rejects.toThrow(/issuer, jti/);
    }
    log.close();
    await store.close();
  });

  it("is told to its own tenant alone, and is none that a session's cause could fake", async () => {
    const time = new HandTime();
    const store = new MemoryStore();
    const log = createRevocationLog({ store, time });
    const { position } = await log.read();
    await log.revokeToken({ ...token, tenant: "acme", expiresAt: START + MINUTE });
    expect((await log.read(position, "default")).entries).toEqual([]);
    expect((await log.read(position, "acme")).entries).toHaveLength(1);
    log.close();
    const hand = handStore();
    const other = createRevocationLog({ store: hand.store, from: "p", time });
    const cause = `token ${JSON.stringify([token.issuer, token.jti])}`;
    const end = { reason: "logout", at: START, cause } as const;
    hand.handlers().change({ ...ended("a"), end } as StoreChange);
    hand.handlers().frontier?.("1", 0);
    expect((await other.read()).entries).toMatchObject([{ kind: "session", session: "ses_a" }]);
    await store.close();
  });
});

describe("a log read for one tenant", () => {
  it("tells nothing of other tenants, and says whose it is", async () => {
    const { store, handlers } = handStore();
    const log = createRevocationLog({ store, from: "p", time: new HandTime() });
    const other = { tenant: "acme", id: "b" };
    handlers().change(ended("a"));
    handlers().change({ ...ended("b"), ref: other } as StoreChange);
    const all = { kind: "subject", tenant: "acme", subject: "s", epoch: 4, position: "2" } as const;
    handlers().change(all);
    handlers().gap?.();
    handlers().frontier?.("2", 0);
    const page = await log.read(undefined, "default");
    expect(page.tenant).toBe("default");
    expect(page.entries.map(({ kind }) => kind)).toEqual(["session", "all"]);
    expect((await log.read(undefined, "acme")).entries).toHaveLength(3);
    expect((await log.read()).entries).toHaveLength(4);
  });

  it("leaves a verifier without word of other tenants' tokens, which it then refuses", async () => {
    const world = await tokenWorld();
    const feed = {
      read: async (since?: string) => ({ ...(await world.feed.read(since)), tenant: "default" }),
    };
    const verifier = world.verifierWith({ feed });
    expect((await verifier.verify(await world.issue())).state).toBe("active");
    const foreign = await world.issue({ session: sessionOf({ tenant: "acme" }) });
    expect(await verifier.verify(foreign)).toEqual({ state: "unknown", why: "tenant" });
  });
});

describe("an access token of a real session", () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  it.each(["memory", "sqlite"] as const)(
    "[TE-01, TE-02] ends with its session wherever that ended, and is locked with it, on %s",
    async (kind) => {
      const folder = await mkdtemp(join(tmpdir(), "sojourn-log-"));
      closers.push(() => rm(folder, { recursive: true }));
      const path = join(folder, "sessions.db");
      const store = kind === "memory" ? new MemoryStore() : new SqliteStore({ path });
      const secrets = [secretOf(1)];
      const sessions = createSessions({ store, secrets, sweep: false });
      closers.push(() => sessions.close());
      const time = { wall: () => Date.now(), monotonic: () => performance.now() };
      const world = await tokenWorld();
      const log = createRevocationLog({ store, keys: [world.keys] });
      closers.push(() => Promise.resolve(log.close()));
      world.time.offsetMs = Date.now() - START;
      const verifier = world.verifierWith({ feed: log, time, boundMs: 400 });
      const issue = async () => {
        const { session } = await sessions.open({ subject: "alice", amr: ["pwd"] });
        const record = session.describe();
        if (record === undefined) throw new Error("open");
        return { session, id: session.id ?? "", token: await world.issue({ session: record }) };
      };
      const stateOf = async (token: string) => (await verifier.verify(token)).state;
      const [one, two, three] = await Promise.all([issue(), issue(), issue()]);
      for (const { token } of [one, two, three]) expect(await stateOf(token)).toBe("active");
      await sessions.revoke(one.id, { cause: "test" });
      await expect.poll(() => stateOf(one.token), { timeout: 3_000 }).toBe("ended");
      expect(await stateOf(two.token)).toBe("active");
      await sessions.subject("alice").revokeAll({ except: three.id });
      await expect.poll(() => stateOf(two.token), { timeout: 3_000 }).toBe("ended");
      expect(await stateOf(three.token)).toBe("active");
      await three.session.lock(1);
      await expect.poll(() => stateOf(three.token), { timeout: 3_000 }).toBe("locked");
      await three.session.unlock({ amr: ["totp"] });
      await expect.poll(() => stateOf(three.token), { timeout: 3_000 }).toBe("active");
    },
  );
});
