import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, vi } from "vitest";
import { adoptDriver, openNodeDriver, requireRuntime } from "./driver.ts";
import type { Driver, SqliteDatabase } from "./driver.ts";
import { resultCode } from "./faults.ts";

/** Loading is left to the tests: on a Node that is too old for it the package ends the process. */
function openBetter(): Driver {
  const Database = createRequire(import.meta.url)("better-sqlite3") as new (
    path: string,
  ) => SqliteDatabase;
  return adoptDriver(new Database(":memory:"));
}

const BETTER_SKIPPED = Number(process.versions["napi"]) < 10;
const REASON = BETTER_SKIPPED ? " (skipped: better-sqlite3 13 needs N-API 10)" : "";

describe("requireRuntime", () => {
  it.each(["20.19.0", "22.12.9", "18.0.0"])("refuses Node %s, naming what is needed", (node) => {
    expect(() => requireRuntime({ node })).toThrow(/needs Node 22\.13 or newer; this is/);
  });

  it.each(["22.13.0", "24.0.0"])("accepts Node %s", (node) => {
    expect(() => requireRuntime({ node })).not.toThrow();
  });

  it("leaves Bun and Deno alone, whatever Node they say they are", () => {
    expect(() => requireRuntime({ node: "20.0.0", bun: "1.2.0" })).not.toThrow();
    expect(() => requireRuntime({ node: "20.0.0", deno: "2.0.0" })).not.toThrow();
  });
});

describe("adoptDriver", () => {
  const shape = { prepare: () => 1, exec: () => 1, close: () => 1 };

  it("knows a DatabaseSync of Node 22.13, which has no location(), by its open()", () => {
    expect(adoptDriver({ ...shape, open: () => 1 } as SqliteDatabase).name).toBe("node:sqlite");
  });

  it("refuses better-sqlite3 where Node is too old for it, naming the version and the way out", () => {
    const better = { ...shape, open: true, pragma: () => 1 } as SqliteDatabase;
    const old = { node: "22.13.1", napi: "9" };
    expect(() => adoptDriver(better, old)).toThrow(/N-API 10.*22\.14.*22\.13\.1.*\{ path \}/s);
    expect(adoptDriver(better, { node: "22.14.0", napi: "10" }).name).toBe("better-sqlite3");
    expect(adoptDriver(better, { ...old, bun: "1.2.0" }).name).toBe("better-sqlite3");
  });

  it.each([[{}], [null], ["sessions.db"], [{ prepare: () => 1, exec: () => 1 }]])(
    "refuses %o with what it expects",
    (value) => {
      const call = () => adoptDriver(value as unknown as SqliteDatabase);
      expect(call).toThrow(/store\.database: expected a Database of better-sqlite3/);
    },
  );
});

describe("openNodeDriver", () => {
  it("names the way out where the runtime has no SQLite", () => {
    expect(() => openNodeDriver("x.db", () => undefined)).toThrow(/no node:sqlite; pass/);
  });

  it("prints no warning that only the runtime's makers could act on, and restores the others", () => {
    const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    openNodeDriver(":memory:").close();
    expect(emit).not.toHaveBeenCalled();
    process.emitWarning("another");
    expect(emit).toHaveBeenCalledTimes(1);
    emit.mockRestore();
  });
});

function driverTests(name: Driver["name"], make: () => Driver): void {
  it("binds numbered parameters, repeated and out of order, and returns arrays", () => {
    const driver = make();
    expect(driver.name).toBe(name);
    const statement = driver.prepare("SELECT ?2 AS a, ?1 AS b, ?2 AS c");
    expect(statement.get("x", 7)).toEqual([7, "x", 7]);
    expect(statement.all("x", 7)).toEqual([[7, "x", 7]]);
    driver.close();
  });

  it("gives blobs as bytes, integers as numbers, and counts changed rows", () => {
    const driver = make();
    driver.exec("CREATE TABLE t (a INTEGER, b BLOB) STRICT");
    const insert = driver.prepare("INSERT INTO t (a, b) VALUES (?, ?)");
    expect(insert.run(1_800_000_000_123, new Uint8Array([1, 2]))).toBe(1);
    const row = driver.prepare("SELECT a, b FROM t").get();
    expect(row?.[0]).toBe(1_800_000_000_123);
    expect(Array.from(row?.[1] as Uint8Array)).toEqual([1, 2]);
    expect(driver.prepare("SELECT a FROM t WHERE a = ?").get(5)).toBeUndefined();
    driver.close();
  });

  it("says whether a transaction is open", () => {
    const driver = make();
    expect(driver.inTransaction()).toBe(false);
    driver.exec("BEGIN");
    expect(driver.inTransaction()).toBe(true);
    driver.exec("ROLLBACK");
    expect(driver.inTransaction()).toBe(false);
    driver.close();
  });

  it("throws errors whose result code can be told", () => {
    const driver = make();
    driver.exec("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES (1)");
    let code: number | undefined;
    try {
      driver.exec("PRAGMA query_only = ON; INSERT INTO t VALUES (2)");
    } catch (error) {
      code = resultCode(error);
    }
    expect(code).toBe(8);
    driver.close();
  });
}

describe("the node:sqlite driver", () => {
  driverTests("node:sqlite", () => adoptDriver(new DatabaseSync(":memory:")));

  it("says whether a transaction is open where Node has no isTransaction", () => {
    const database = new DatabaseSync(":memory:");
    const driver = adoptDriver({
      exec: (sql: string) => database.exec(sql),
      prepare: (sql: string) => database.prepare(sql),
      open: () => undefined,
      close: () => database.close(),
    } as SqliteDatabase);
    expect(driver.inTransaction()).toBe(false);
    driver.exec("BEGIN");
    expect(driver.inTransaction()).toBe(true);
    expect(driver.inTransaction()).toBe(true);
    driver.exec("COMMIT");
    expect(driver.inTransaction()).toBe(false);
    driver.close();
  });
});

describe.skipIf(BETTER_SKIPPED)(`the better-sqlite3 driver${REASON}`, () => {
  driverTests("better-sqlite3", openBetter);
});
