import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import type { StoreChange, StoreDelta } from "../engine/ports.ts";
import { caseKit } from "../testing/store-case.ts";
import { SqliteStore } from "./sqlite.ts";
import type { SqliteStoreOptions } from "./sqlite.ts";

const tenant = "t";
const kit = caseKit({ seed: 1 });
const { now } = kit;
const end = { reason: "revoked", at: now } as const;

let directory = "";
let path = "";
let stores: SqliteStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sojourn-sqlite-"));
  path = join(directory, "sessions.db");
});

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const store = new SqliteStore({ path, ...options });
  stores.push(store);
  return store;
}

/** A statement on the file beside the store. */
function sql(text: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path);
  const rows = database.prepare(text).all();
  database.close();
  return rows;
}

/** What a follower hears until it has seen everything there is. */
async function hear(store: SqliteStore, from: string): Promise<(StoreChange | "gap")[]> {
  const heard: (StoreChange | "gap")[] = [];
  await new Promise<void>((resolve) => {
    const subscription = store.tail(from, {
      change: (change) => heard.push(change),
      gap: () => heard.push("gap"),
      frontier: () => {
        subscription.close();
        resolve();
      },
    });
  });
  return heard;
}

describe("the options", () => {
  it("are refused all at once, each with its path and what is accepted", () => {
    const make = () =>
      new SqliteStore({
        busyTimeoutMs: -1,
        tailPollMs: 0,
        maxDataBytes: 1.5,
      });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(/4 configuration problems/);
    expect(make).toThrow(/store\.busyTimeoutMs: expected a whole number, 0–60000/);
    expect(make).toThrow(/store: expected exactly one of \{ path \} and \{ database \}/);
  });

  it.each(["", ":memory:", "file:x.db", "a\0b"])("refuse %j as a path", (wrong) => {
    expect(() => new SqliteStore({ path: wrong })).toThrow(/store\.path/);
  });

  it("touch no file before the first use", () => {
    expect(() => open({ path: join(directory, "no", "such", "directory.db") })).not.toThrow();
  });

  it("refuse a database in memory, which no other process could share", async () => {
    const store = new SqliteStore({ database: new DatabaseSync(":memory:") });
    await expect(store.health()).rejects.toThrow(/journal mode "memory".*MemoryStore/s);
  });
});

describe("a transaction of the application on the same connection", () => {
  it("is left alone: the store's write is refused, and nothing of the application is undone", async () => {
    const database = new DatabaseSync(path);
    const store = new SqliteStore({ database, busyTimeoutMs: 0 });
    stores.push(store);
    await store.health();
    database.exec("CREATE TABLE app (a); BEGIN; INSERT INTO app VALUES (1)");
    await expect(store.create(kit.recordOf({ tenant }), { now })).rejects.toThrow(/locked/);
    expect(await store.health()).toMatchObject({ writable: true });
    database.exec("COMMIT");
    expect(database.prepare("SELECT count(*) AS n FROM app").get()?.["n"]).toBe(1);
    expect(await store.create(kit.recordOf({ tenant }), { now })).toMatchObject({
      outcome: "created",
    });
    database.close();
  });
});

describe("durability", () => {
  it("is claimed as far as it goes: an opened session may be lost with the power, an end may not (I8)", async () => {
    const store = open();
    const first = kit.recordOf({ tenant });
    expect(await store.create(first, { now })).toMatchObject({ durability: "memory" });
    const second = kit.recordOf({ tenant });
    const replaces = { ref: first, dataVersion: 0 };
    expect(await store.create(second, { now, replaces })).toMatchObject({ durability: "local" });
    expect(await store.revoke(second, end, { now })).toMatchObject({ durability: "local" });
    const limits = { max: 1, onLimit: "evict-oldest" } as const;
    await store.create(kit.recordOf({ tenant }), { now });
    const third = await store.create(kit.recordOf({ tenant }), { now, limits });
    expect(third).toMatchObject({ evicted: [{}], durability: "local" });
  });
});

describe("a sync of the disk", () => {
  it("is asked for by every write that ends a session, and by none that only opens or touches", async () => {
    const database = new DatabaseSync(path);
    const store = new SqliteStore({ database });
    stores.push(store);
    const level = () => database.prepare("PRAGMA synchronous").get()?.["synchronous"];
    const [NORMAL, FULL] = [1, 2];
    const limits = { max: 1, onLimit: "evict-oldest" } as const;
    const create = async (options = {}) => {
      const record = kit.recordOf({ tenant });
      await store.create(record, { now, ...options });
      return record;
    };
    const first = await create();
    expect(level()).toBe(NORMAL);
    const second = await create({ replaces: { ref: first, dataVersion: 0 } });
    expect(level()).toBe(FULL);
    await store.touch([{ ref: second, seenAt: now + 1 }]);
    expect(level()).toBe(NORMAL);
    const third = await create({ limits });
    expect(level()).toBe(FULL);
    await store.replace(third, 1);
    expect(level()).toBe(NORMAL);
    await store.replace({ ...third, state: "ended", end }, 2);
    expect(level()).toBe(FULL);
    const fourth = await create();
    await store.revoke(fourth, end, { now });
    expect(level()).toBe(FULL);
    await create();
    await store.revokeSubject(tenant, "alice", { now, end });
    expect(level()).toBe(FULL);
    database.close();
  });
});

describe("the log of changes", () => {
  it("carries a follower over a restart from the position it had", async () => {
    const first = open();
    await first.create(kit.recordOf({ tenant }), { now });
    const [change] = await hear(first, `${(await first.health()).incarnation}:0`);
    await first.close();
    const second = open();
    const record = kit.recordOf({ tenant });
    await second.create(record, { now });
    const position = typeof change === "object" ? change.position : "";
    expect(await hear(second, position)).toMatchObject([
      { what: "created", ref: { id: record.id } },
    ]);
  });

  it("is bounded; a follower that is further behind is told to start over", async () => {
    const store = open();
    const { incarnation } = await store.health();
    const deltas = Array.from({ length: 70_000 }, (_, n): StoreDelta => {
      return { kind: "epoch", tenant, subject: "alice", epoch: n + 1 };
    });
    await store.apply(deltas, "elsewhere");
    expect(sql("SELECT count(*) AS n FROM change")[0]?.["n"]).toBeLessThan(65_536 + 2048);
    const heard = await hear(store, `${incarnation}:10`);
    expect(heard[0]).toBe("gap");
    expect(heard.at(-1)).toMatchObject({ kind: "subject", epoch: 70_000 });
    expect(heard.length).toBeGreaterThan(65_000);
  });

  it.each(["elsewhere:5", "nonsense", "%:99999"])(
    "knows no position %o: a gap",
    async (position) => {
      const store = open();
      await store.create(kit.recordOf({ tenant }), { now });
      const { incarnation } = await store.health();
      const heard = await hear(store, position.replace("%", incarnation));
      expect(heard[0]).toBe("gap");
    },
  );

  it("reaches a follower in the process before the write is reported as done", async () => {
    const store = open({ tailPollMs: 200 });
    const record = kit.recordOf({ tenant });
    await store.create(record, { now });
    const heard: StoreChange[] = [];
    await hear(store, "now");
    store.tail("now", { change: (change) => heard.push(change) });
    await store.health();
    await store.revoke(record, end, { now });
    expect(heard).toMatchObject([{ what: "ended", end }]);
  });

  it("goes on when a follower's handler throws, and the write stays done", async () => {
    const store = open();
    const errors: unknown[] = [];
    store.tail("now", {
      change: () => {
        throw new Error("a mistake of the application");
      },
      error: (error) => errors.push(error),
    });
    await store.health();
    expect(await store.create(kit.recordOf({ tenant }), { now })).toMatchObject({
      outcome: "created",
    });
    expect(errors).toHaveLength(1);
  });
});

describe("the sweep", () => {
  it("files a session that was active under its new deadline, and ends it there", async () => {
    const store = open();
    const record = kit.recordOf({ tenant });
    await store.create(record, { now });
    await store.touch([{ ref: record, seenAt: now + 60_000 }]);
    const firstDue = now + record.idleMs;
    expect((await store.sweep({ now: firstDue + 1000, limit: 10 })).ended).toEqual([]);
    expect(sql("SELECT due FROM session")[0]?.["due"]).toBe(Math.floor((firstDue + 60_000) / 1000));
    expect((await store.sweep({ now: firstDue + 59_999, limit: 10 })).ended).toEqual([]);
    const { ended } = await store.sweep({ now: firstDue + 60_000, limit: 10 });
    expect(ended).toMatchObject([{ end: { reason: "idle_timeout", at: firstDue + 60_000 } }]);
  });

  it("gets through any number of active sessions of one second in short steps", async () => {
    const store = open();
    const records = Array.from({ length: 25 }, () => kit.recordOf({ tenant }));
    await Promise.all(records.map((record) => store.create(record, { now })));
    await store.touch(records.map((ref) => ({ ref, seenAt: now + 5000 })));
    const at = now + (records[0]?.idleMs ?? 0) + 2000;
    let steps = 0;
    let more = true;
    while (more && steps < 10) {
      ({ more } = await store.sweep({ now: at, limit: 10 }));
      steps += 1;
    }
    expect(steps).toBe(3);
    const last = await store.sweep({ now: at + 3000, limit: 100 });
    expect(last.ended).toHaveLength(25);
  });
});

describe("an erased subject", () => {
  it("leaves no trace of its name or ids in the file, and its epoch still counts", async () => {
    const store = open();
    const subject = "zaphod-beeblebrox";
    const records = Array.from({ length: 20 }, () => kit.recordOf({ tenant, subject }));
    for (const record of records) await store.create(record, { now, data: { cart: "towel-42" } });
    await store.create(kit.recordOf({ tenant, subject: "ford-prefect" }), { now });
    await store.revokeSubject(tenant, subject, { now, end });
    expect(await store.purgeSubject(tenant, subject, now)).toBe(20);
    // What the followers had to hear goes after a minute, once the log has moved on.
    await store.create(kit.recordOf({ tenant, subject: "ford-prefect" }), { now });
    await store.sweep({ now: now + 60_000, limit: 100 });
    expect(await store.subjectEpoch(tenant, subject)).toBe(2);
    expect(await store.create(records[0] ?? kit.recordOf({ tenant }), { now })).toEqual({
      outcome: "exists",
    });
    await store.close();
    const bytes = readFileSync(path);
    expect(bytes.includes("ford-prefect")).toBe(true);
    expect(bytes.includes(subject)).toBe(false);
    expect(bytes.includes("towel-42")).toBe(false);
  });

  it("comes back above its old epoch", async () => {
    const store = open();
    await store.revokeSubject(tenant, "alice", { now, end });
    await store.purgeSubject(tenant, "alice", now);
    const record = kit.recordOf({ tenant, subject: "alice" });
    expect(await store.create(record, { now, subjectEpoch: 1 })).toEqual({
      outcome: "stale-epoch",
      epoch: 2,
    });
    expect(await store.create(record, { now, subjectEpoch: 2 })).toMatchObject({
      record: { epoch: 2 },
    });
    expect(await store.find(record)).toMatchObject({ subjectEpoch: 2, record: { epoch: 2 } });
  });
});

describe("pages", () => {
  it("stay short where thousands of rows in a row do not match, and go on from there", async () => {
    const store = open();
    const locked = kit.recordOf({ tenant, state: "locked", lockFactors: 1, createdAt: now - 1 });
    await store.create(locked, { now });
    const records = Array.from({ length: 6000 }, () => kit.recordOf({ tenant }));
    await Promise.all(records.map((record) => store.create(record, { now })));
    const filter = { tenant, state: "locked" } as const;
    const first = await store.query(filter, { now });
    expect(first.items).toEqual([]);
    const second = await store.query(filter, { now, cursor: first.cursor ?? "" });
    expect(second.items).toMatchObject([{ id: locked.id }]);
    expect(second.cursor).toBeUndefined();
  });
});
