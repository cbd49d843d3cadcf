/** What is left of what was acknowledged when a PostgreSQL server dies, and who is told what. */
import type { SessionRecord, StoreChange } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  startPgBouncer,
  startPostgres,
  startPostgresStandby,
  startTcpProxy,
} from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import type { TestPool } from "../support/postgres.ts";

const WITHIN = { timeout: 20_000, interval: 20 };
const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE" };

const kit = caseKit({ seed: Math.floor(Math.random() * 2 ** 32) });
const { now } = kit;
const end = { reason: "revoked", at: now + 1 } as const;
/** In the order in which they are to be ended. */
const ending: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const one of ending.splice(0).toReversed()) await one();
});

function later<Thing extends { stop(): Promise<void> | void }>(thing: Thing): Thing {
  ending.push(() => thing.stop());
  return thing;
}

function openPool(url: string, max: number = 12): TestPool {
  const pool = poolTo(url, max);
  ending.push(() => pool.end());
  return pool;
}

function openStore(url: string): PostgresStore {
  const store = new PostgresStore({ pool: openPool(url), tailPollMs: 20 });
  ending.push(() => store.close());
  return store;
}

async function many(store: PostgresStore, count: number): Promise<SessionRecord[]> {
  const tenant = kit.tenant();
  const records = Array.from({ length: count }, () => kit.recordOf({ tenant }));
  await Promise.all(records.map((record) => store.create(record, { now })));
  return records;
}

interface Followed {
  /** Sessions whose end was told. */
  readonly ended: ReadonlySet<string>;
  readonly gaps: () => number;
  /** When the last proof was asked for. */
  readonly provenAt: () => number;
}

async function follow(store: PostgresStore): Promise<Followed> {
  const ended = new Set<string>();
  let [gaps, provenAt] = [0, 0];
  const change = (told: StoreChange): void => {
    if (told.kind === "session" && told.what === "ended") ended.add(told.ref.id);
  };
  const frontier = (_position: string, askedAt: number): void => void (provenAt = askedAt);
  store.tail("now", { change, frontier, gap: () => void (gaps += 1) });
  await expect.poll(() => provenAt, WITHIN).toBeGreaterThan(0);
  return { ended, gaps: () => gaps, provenAt: () => provenAt };
}

interface Storm {
  readonly acknowledged: SessionRecord[];
  readonly errors: unknown[];
  readonly over: Promise<unknown>;
}

/** Revoke all of them, eight at a time, whatever becomes of it. */
function storm(store: PostgresStore, records: readonly SessionRecord[]): Storm {
  const [acknowledged, errors]: [SessionRecord[], unknown[]] = [[], []];
  const queue = records.values();
  const worker = async (): Promise<void> => {
    for (const record of queue) {
      await store.revoke(record, end, { now }).then(
        () => acknowledged.push(record),
        (error: unknown) => errors.push(error),
      );
    }
  };
  const over = Promise.all(Array.from({ length: 8 }, worker));
  return { acknowledged, errors, over };
}

async function expectEnded(store: PostgresStore, records: readonly SessionRecord[]): Promise<void> {
  expect(records.length).toBeGreaterThan(0);
  for (const record of records) expect((await store.find(record))?.record.end).toEqual(end);
}

function answering(store: PostgresStore): Promise<void> {
  const writable = async (): Promise<boolean> => (await store.health()).writable;
  return expect.poll(() => writable().catch(() => false), WITHIN).toBe(true);
}

describe("a server that is killed under load and started again", () => {
  it("[TE-09] keeps every revocation it acknowledged; followers are told of a gap", async () => {
    const engine = later(await startPostgres());
    const store = openStore(engine.url);
    const records = await many(store, 600);
    const followed = await follow(openStore(engine.url));
    const { acknowledged, errors, over } = storm(store, records);
    await expect.poll(() => acknowledged.length, WITHIN).toBeGreaterThan(60);
    process.kill(engine.pid, "SIGKILL");
    await over;
    const downAt = performance.now();
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject({ ...UNAVAILABLE, retryable: true });
    expect(followed.provenAt(), "nothing is proven while it is away").toBeLessThan(downAt);
    await engine.restart();
    await answering(store);
    await expectEnded(store, acknowledged);
    await expect.poll(followed.provenAt, WITHIN).toBeGreaterThan(downAt);
    expect(followed.gaps(), "told to have missed some before freshness is proven").toBe(1);
  });
});

describe("PgBouncer that is killed under load and started again", () => {
  it("is an outage for the moment; followers through it go on where they were", async () => {
    const engine = later(await startPostgres());
    const bouncer = later(await startPgBouncer(engine));
    const store = openStore(bouncer.url);
    const records = await many(store, 600);
    const followed = await follow(openStore(bouncer.url));
    const { acknowledged, errors, over } = storm(store, records);
    await expect.poll(() => acknowledged.length, WITHIN).toBeGreaterThan(60);
    process.kill(bouncer.pid, "SIGKILL");
    await over;
    for (const error of errors) expect(error).toMatchObject({ ...UNAVAILABLE, retryable: true });
    await bouncer.restart();
    await answering(store);
    const rest = await many(store, 1);
    await store.revoke(rest[0] ?? kit.recordOf({ tenant: "" }), end, { now });
    await expectEnded(store, [...acknowledged, ...rest]);
    await expect.poll(() => followed.ended.has(rest[0]?.id ?? ""), WITHIN).toBe(true);
    expect(acknowledged.every(({ id }) => followed.ended.has(id))).toBe(true);
    expect(followed.gaps()).toBe(0);
  });
});

/** A primary, a standby behind a network of its own, and the way that applications take. */
async function pair() {
  const primary = later(await startPostgres());
  const between = later(await startTcpProxy(primary));
  const standby = later(await startPostgresStandby(between));
  const target = { port: primary.port, url: primary.url };
  const way = later(await startTcpProxy(target));
  const leadTo = (engine: { readonly port: number }): void => {
    target.port = engine.port;
    way.reset();
  };
  return { primary, between, standby, way, leadTo };
}

async function configure(pool: TestPool, names: string): Promise<void> {
  await pool.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
  await pool.query("SELECT pg_reload_conf()");
}

describe("an asynchronous standby that is promoted", () => {
  it("is another past: a new incarnation, a gap, and what it had not received is applied again", async () => {
    const { primary, between, standby, way, leadTo } = await pair();
    const store = openStore(way.url);
    const [early, late] = await many(store, 2);
    if (early === undefined || late === undefined) throw new Error("no sessions");
    await store.revoke(early, end, { now });
    const replayed = openPool(standby.url, 1);
    const arrived = "SELECT 1 FROM sojourn.session WHERE ended_at IS NOT NULL";
    await expect.poll(async () => (await replayed.query(arrived)).rows.length, WITHIN).toBe(1);
    const followed = await follow(openStore(way.url));
    const before = await store.health();
    between.cut();
    const revoked = await store.revoke(late, end, { now, durability: "replicated" });
    expect(revoked.durability, "no standby is waited for").toBe("local");
    const mine = await store.find(late);

    process.kill(primary.pid, "SIGKILL");
    await standby.promote();
    leadTo(standby);
    await answering(store);
    const after = await store.health();
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(after.role).toBe("primary");
    await expect.poll(followed.gaps, WITHIN).toBe(1);
    await expectEnded(store, [early]);
    expect((await store.find(late))?.record.state, "what mayForget stands for").toBe("active");

    if (mine === undefined) throw new Error("it was there");
    await store.apply([{ kind: "session", session: mine }], "outbox");
    await expectEnded(store, [late]);
    await expect.poll(() => followed.ended.has(late.id), WITHIN).toBe(true);
  });
});

const WAITED_FOR = "SELECT sync_state FROM pg_stat_replication";
const CANCEL_WAITING =
  "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

describe("a standby that the server waits for", () => {
  it("has every revocation that was acknowledged as replicated, when it is promoted", async () => {
    const { primary, standby, way, leadTo } = await pair();
    const admin = openPool(primary.url, 1);
    const store = openStore(way.url);
    const records = await many(store, 200);
    await configure(admin, "walreceiver");
    await expect
      .poll(async () => {
        const [probe] = await many(store, 1);
        return (await store.revoke(probe ?? kit.recordOf({ tenant: "" }), end, { now })).durability;
      }, WITHIN)
      .toBe("quorum");
    const all = await store.revokeSubject(kit.tenant(), "alice", { now, end });
    expect(all.durability).toBe("quorum");
    const { acknowledged, over } = storm(store, records);
    await expect.poll(() => acknowledged.length, WITHIN).toBeGreaterThan(30);
    process.kill(primary.pid, "SIGKILL");
    await standby.promote();
    leadTo(standby);
    await over;
    await answering(store);
    await expectEnded(store, acknowledged);
  });

  it("is not claimed to have what the server gave up waiting for (I8)", async () => {
    const { primary, between, way } = await pair();
    const admin = openPool(primary.url, 1);
    const store = openStore(way.url);
    const records = await many(store, 3);
    const [first, second, third] = records as [SessionRecord, SessionRecord, SessionRecord];
    await configure(admin, "walreceiver");
    const shown = async (): Promise<unknown> => (await admin.query(WAITED_FOR)).rows;
    await expect.poll(shown, WITHIN).toEqual([{ sync_state: "sync" }]);
    const replicated = { now, durability: "replicated" } as const;
    expect((await store.revoke(first, end, replicated)).durability).toBe("quorum");
    between.cut();
    const tombstoneUntil = now + 3_600_000;
    for (const write of [
      () => store.revoke(second, end, replicated),
      () => store.revoke(third, end, { ...replicated, tombstoneUntil }),
      () => store.revokeSubject(first.tenant, "bob", { ...replicated, end }),
    ]) {
      const written = write();
      const giveUp = async (): Promise<number> => (await admin.query(CANCEL_WAITING)).rows.length;
      await expect.poll(giveUp, WITHIN).toBe(1);
      expect((await written).durability).toBe("local");
    }
    await expectEnded(store, records);
    await configure(admin, "");
  });
});

describe("a standby that nobody promoted", () => {
  it("is refused at start, and by a store whose connections come to lead there", async () => {
    const { primary, standby, way, leadTo } = await pair();
    const store = openStore(way.url);
    const [record] = await many(store, 1);
    if (record === undefined) throw new Error("no session");
    const followed = await follow(store);
    leadTo(standby);
    await expect.poll(async () => (await store.health()).role, WITHIN).toBe("replica");
    const [movedAt, { writable }] = [performance.now(), await store.health()];
    expect(writable).toBe(false);
    await expect(store.find(record)).rejects.toMatchObject(UNAVAILABLE);
    await expect(store.revoke(record, end, { now })).rejects.toMatchObject(UNAVAILABLE);
    await expect(openStore(way.url).find(record)).rejects.toThrow(/is a standby/);
    await expect(openStore(standby.url).health()).rejects.toMatchObject({ code: "ERR_CONFIG" });
    expect(followed.provenAt()).toBeLessThan(movedAt);
    leadTo(primary);
    await answering(store);
    expect((await store.find(record))?.record.state).toBe("active");
    await expect.poll(followed.provenAt, WITHIN).toBeGreaterThan(movedAt);
    expect(followed.gaps()).toBe(0);
  });
});
