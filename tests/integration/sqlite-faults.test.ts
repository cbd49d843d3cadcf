import {
  existsSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { SqliteStoreOptions } from "sojourn/stores/sqlite";
import { caseKit } from "sojourn/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const tenant = "t";
const kit = caseKit({ seed: 1 });
const { now } = kit;
const end = { reason: "revoked", at: now } as const;
const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE" };
/** The file is looked after at most this often. */
const MOVED_CHECK_MS = 120;

let directory = "";
let path = "";
let cleanUps: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sojourn-faults-"));
  path = join(directory, "sessions.db");
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
  const place = options.database === undefined ? { path } : {};
  const store = new SqliteStore({ ...place, ...options });
  cleanUps.push(() => store.close());
  return store;
}

function raw(readOnly = false): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly });
  cleanUps.push(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

async function oneSession(store: SqliteStore) {
  const record = kit.recordOf({ tenant });
  await store.create(record, { now, data: { k: "1" } });
  return record;
}

/** Put the file back into one piece, so that its bytes can be compared or damaged. */
async function filled(sessions: number) {
  const store = new SqliteStore({ path });
  const records = Array.from({ length: sessions }, () => kit.recordOf({ tenant }));
  await Promise.all(records.map((record) => store.create(record, { now, data: { k: "1" } })));
  await store.close();
  return records;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

describe("a locked database", () => {
  it("is a retryable error for writes after their time; reads go on, and so does the event loop", async () => {
    const store = open({ busyTimeoutMs: 300 });
    const record = await oneSession(store);
    const other = raw();
    other.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 10);
    const from = performance.now();
    const refused = store.revoke(record, end, { now }).catch((error: unknown) => error);
    expect((await store.find(record))?.record.state).toBe("active");
    expect(await refused).toMatchObject({
      ...UNAVAILABLE,
      retryable: true,
      message: expect.stringContaining("locked by another writer"),
    });
    clearInterval(ticking);
    expect(performance.now() - from).toBeLessThan(1000);
    expect(ticks).toBeGreaterThan(5);
    other.exec("ROLLBACK");
    expect((await store.find(record))?.record.state).toBe("active");
    expect((await store.revoke(record, end, { now })).outcome).toBe("ended");
  });

  it("is waited for when the other lets go in time", async () => {
    const store = open();
    const record = await oneSession(store);
    const other = raw();
    other.exec("BEGIN IMMEDIATE");
    setTimeout(() => other.exec("ROLLBACK"), 100);
    expect((await store.revoke(record, end, { now })).outcome).toBe("ended");
  });

  it("is a retryable error at the first opening too", async () => {
    const other = raw();
    other.exec("BEGIN EXCLUSIVE");
    const store = open({ busyTimeoutMs: 100 });
    await expect(store.health()).rejects.toMatchObject({ ...UNAVAILABLE, retryable: true });
    other.exec("ROLLBACK");
    expect((await store.health()).writable).toBe(true);
  });

  it("includes a transaction that the application left open on its own connection", async () => {
    const database = raw();
    const store = open({ database, busyTimeoutMs: 100 });
    const record = await oneSession(store);
    database.exec("BEGIN");
    await expect(store.revoke(record, end, { now })).rejects.toMatchObject(UNAVAILABLE);
    expect(database.isTransaction).toBe(true);
    database.exec("COMMIT");
    expect((await store.revoke(record, end, { now })).outcome).toBe("ended");
  });
});

describe("a read-only database", () => {
  it("answers reads, refuses writes with what to do, and says so in its health", async () => {
    const [record] = await filled(1);
    const store = open({ database: raw(true) });
    expect((await store.find(record ?? kit.recordOf({ tenant })))?.data).toEqual({ k: "1" });
    await expect(store.revoke(record ?? { tenant, id: "" }, end, { now })).rejects.toMatchObject({
      ...UNAVAILABLE,
      retryable: false,
      message: expect.stringContaining("read-only; make the file"),
    });
    expect((await store.health()).writable).toBe(false);
  });
});

describe("a full database", () => {
  it("refuses what does not fit, keeps everything it has acknowledged, and goes on with room", async () => {
    const database = raw();
    const store = open({ database });
    await store.health();
    const [row] = database.prepare("PRAGMA page_count").all();
    database.exec(`PRAGMA max_page_count = ${Number(row?.["page_count"]) + 20}`);
    const kept: { tenant: string; id: string }[] = [];
    let refused: unknown;
    for (let n = 0; n < 2000 && refused === undefined; n += 1) {
      const record = kit.recordOf({ tenant });
      await store.create(record, { now, data: { k: "x".repeat(200) } }).then(
        () => kept.push(record),
        (error: unknown) => (refused = error),
      );
    }
    expect(refused).toMatchObject({
      ...UNAVAILABLE,
      retryable: true,
      message: expect.stringContaining("full; free space"),
    });
    expect(kept.length).toBeGreaterThan(20);
    for (const record of kept) expect(await store.find(record)).toBeDefined();
    expect(await store.count({ tenant }, now)).toEqual({ count: kept.length, exact: true });
    database.exec("PRAGMA max_page_count = 100000");
    await oneSession(store);
  });

  it("does not let a write that fits suffer for one that does not", async () => {
    const database = raw();
    const store = open({ database, maxDataBytes: 16_000_000 });
    const record = await oneSession(store);
    const [row] = database.prepare("PRAGMA page_count").all();
    database.exec(`PRAGMA max_page_count = ${Number(row?.["page_count"]) + 20}`);
    const big = { op: "set", key: "big", value: "x".repeat(1_000_000) } as const;
    const settled = await Promise.allSettled([
      store.touch([{ ref: record, seenAt: now + 5 }]),
      store.patchData(record, [big]),
      store.revoke(record, end, { now }),
    ]);
    expect(settled.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const found = await store.find(record);
    expect(found?.record).toMatchObject({ state: "ended", seenAt: now + 5 });
    expect(found?.data).toEqual({ k: "1" });
  });
});

describe("a file that is not ours or not whole", () => {
  it("is refused when it is no SQLite database, and left as it is", async () => {
    const text = "this is a diary, not a database\n".repeat(100);
    writeFileSync(path, text);
    await expect(open().health()).rejects.toMatchObject({
      ...UNAVAILABLE,
      retryable: false,
      message: expect.stringContaining("not an SQLite database"),
    });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("is refused when another application's tables are in it, and left as it is", async () => {
    const other = raw();
    other.exec("CREATE TABLE notes (text TEXT)");
    other.close();
    const before = readFileSync(path);
    await expect(open().health()).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("give sessions a file of their own"),
    });
    expect(readFileSync(path)).toEqual(before);
  });

  it("is refused when another application's id is in it", async () => {
    const other = raw();
    other.exec("PRAGMA application_id = 7");
    other.close();
    await expect(open().health()).rejects.toMatchObject({ code: "ERR_CONFIG" });
  });

  it("is refused when a newer release wrote it, naming both versions, and left as it is", async () => {
    await filled(1);
    const other = raw();
    other.exec("PRAGMA user_version = 99");
    other.close();
    const before = readFileSync(path);
    await expect(open().health()).rejects.toMatchObject({
      code: "ERR_STORE_SCHEMA",
      retryable: false,
      message: expect.stringMatching(/version 99, this release knows up to 1/),
    });
    expect(readFileSync(path)).toEqual(before);
  });

  it("never answers `unknown` for a session on a damaged page", async () => {
    const records = await filled(3000);
    const bytes = readFileSync(path);
    const damaged = Math.floor(bytes.length / 4096 / 2) * 4096;
    bytes.fill(0xa5, damaged, damaged + 8 * 4096);
    writeFileSync(path, bytes);
    const store = open();
    const settled = await Promise.allSettled(records.map((record) => store.find(record)));
    const failed = settled.filter((one) => one.status === "rejected");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(records.length);
    for (const one of settled) {
      if (one.status === "fulfilled") expect(one.value).toBeDefined();
      else expect(one.reason).toMatchObject({ ...UNAVAILABLE, retryable: false });
    }
  });

  it("is refused when it is a directory, or its directory is missing, naming the path", async () => {
    await expect(open({ path: directory }).health()).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining("cannot be opened"),
    });
    const missing = join(directory, "no", "sessions.db");
    await expect(open({ path: missing }).health()).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining(`${join(directory, "no")} does not exist; create it`),
    });
  });
});

describe("a file that goes away", () => {
  it("is trouble, not an empty store: nothing is made in its place, and it is used once it is back", async () => {
    const store = open();
    const record = await oneSession(store);
    const away = join(directory, "away.db");
    for (const suffix of ["", "-wal"]) renameSync(path + suffix, away + suffix);
    await pause(MOVED_CHECK_MS);
    await expect(store.find(record)).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining("has disappeared; restore it"),
    });
    await expect(store.revoke(record, end, { now })).rejects.toMatchObject(UNAVAILABLE);
    expect(existsSync(path)).toBe(false);
    for (const suffix of ["", "-wal"]) {
      if (existsSync(away + suffix)) renameSync(away + suffix, path + suffix);
    }
    expect((await store.revoke(record, end, { now })).outcome).toBe("ended");
  });

  it("and comes back as a restored copy has a new incarnation; followers are told of the gap", async () => {
    await filled(1);
    const backup = join(directory, "backup.db");
    copyFileSync(path, backup);
    const store = open();
    const before = await store.health();
    const record = await oneSession(store);
    const gap = new Promise<void>((resolve) => {
      store.tail("now", { change: () => undefined, gap: resolve });
    });
    await pause(30);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    renameSync(backup, path);
    await pause(MOVED_CHECK_MS);
    const after = await store.health();
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(after.incarnationSince).toBeGreaterThanOrEqual(before.incarnationSince);
    await gap;
    expect(await store.find(record)).toBeUndefined();
  });

  it("keeps its incarnation over an orderly restart", async () => {
    const first = open();
    const { incarnation } = await first.health();
    await first.close();
    expect((await open().health()).incarnation).toBe(incarnation);
    expect(statSync(path).size).toBeGreaterThan(0);
  });
});

describe("a closed store", () => {
  it("has finished what was under way, refuses what comes after, and leaves no log behind", async () => {
    const store = open();
    const record = kit.recordOf({ tenant });
    const creating = store.create(record, { now });
    await store.health();
    const revoking = store.revoke(record, end, { now });
    await store.close();
    expect((await creating).outcome).toBe("created");
    expect((await revoking).outcome).toBe("ended");
    await expect(store.find(record)).rejects.toMatchObject({ ...UNAVAILABLE, retryable: false });
    await expect(store.revoke(record, end, { now })).rejects.toMatchObject(UNAVAILABLE);
    expect(() => store.tail("now", { change: () => undefined })).toThrow(/closed/);
    expect(existsSync(`${path}-wal`)).toBe(false);
    await store.close();
  });
});
