import { describe, expect, it } from "vitest";
import { GroupCommit } from "./group-commit.ts";
import type { SyncLevel, Transactions, WriteScope } from "./group-commit.ts";

/** A database that is a list: what a rolled back transaction added is gone. */
class ListDatabase implements Transactions {
  readonly rows: string[] = [];
  readonly log: string[] = [];
  busyTimes = 0;
  failCommits = 0;
  #before = 0;

  begin(level: SyncLevel): void {
    if (this.busyTimes > 0) {
      this.busyTimes -= 1;
      this.log.push("busy");
      throw Object.assign(new Error("database is locked"), { errcode: 5 });
    }
    this.#before = this.rows.length;
    this.log.push(`begin ${level}`);
  }

  commit(): void {
    if (this.failCommits > 0) {
      this.failCommits -= 1;
      throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
    }
    this.log.push("commit");
  }

  rollback(): void {
    this.rows.length = this.#before;
    this.log.push("rollback");
  }

  committed(): void {
    this.log.push("told");
  }

  add(row: string, durable = false) {
    return {
      name: "add",
      durable,
      run: () => this.rows.push(row),
    };
  }
}

function fixture(busyTimeoutMs = 2000) {
  const database = new ListDatabase();
  return { database, group: new GroupCommit(database, { busyTimeoutMs }) };
}

describe("GroupCommit", () => {
  it("lets concurrent writes share one transaction and one sync", async () => {
    const { database, group } = fixture();
    const writes = Array.from({ length: 64 }, (_, n) => group.submit(database.add(`${n}`, true)));
    await Promise.all(writes);
    expect(database.rows).toHaveLength(64);
    expect(database.log).toEqual(["begin FULL", "commit", "told"]);
  });

  it("syncs only where some write of the group must be durable", async () => {
    const { database, group } = fixture();
    await Promise.all([group.submit(database.add("a")), group.submit(database.add("b"))]);
    await Promise.all([group.submit(database.add("c")), group.submit(database.add("d", true))]);
    expect(database.log.filter((line) => line.startsWith("begin"))).toEqual([
      "begin NORMAL",
      "begin FULL",
    ]);
  });

  it("runs a group again with a sync when a write turns out to need it", async () => {
    const { database, group } = fixture();
    const ending = {
      name: "end",
      durable: false,
      run: (scope: WriteScope) => {
        scope.requireDurable();
        return database.rows.push("end");
      },
    };
    await Promise.all([group.submit(database.add("a")), group.submit(ending)]);
    expect(database.log).toEqual(["begin NORMAL", "rollback", "begin FULL", "commit", "told"]);
    expect(database.rows).toEqual(["a", "end"]);
  });

  it("keeps the other writes of a group when one fails, and tells each its own result", async () => {
    const { database, group } = fixture();
    const failing = {
      name: "bad",
      durable: false,
      run: () => {
        database.rows.push("half");
        throw Object.assign(new Error("malformed"), { errcode: 11 });
      },
    };
    const settled = await Promise.allSettled([
      group.submit(database.add("a")),
      group.submit(failing),
      group.submit(database.add("b")),
    ]);
    expect(settled.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(settled[1]).toMatchObject({ reason: { code: "ERR_STORE_UNAVAILABLE" } });
    expect(database.rows).toEqual(["a", "b"]);
  });

  it("reports a commit that failed as a failure, never as done", async () => {
    const { database, group } = fixture();
    database.failCommits = 2;
    await expect(group.submit(database.add("a"))).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
    });
    expect(database.rows).toEqual([]);
  });

  it("tries again while another process holds the lock, in the order of submission", async () => {
    const { database, group } = fixture();
    database.busyTimes = 2;
    await Promise.all([group.submit(database.add("a")), group.submit(database.add("b"))]);
    expect(database.rows).toEqual(["a", "b"]);
    expect(database.log).toEqual(["busy", "busy", "begin NORMAL", "commit", "told"]);
  });

  it("gives up at the caller's time with a retryable error, and nothing is written", async () => {
    const { database, group } = fixture(0);
    database.busyTimes = 1;
    await expect(group.submit(database.add("a"))).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
    });
    await group.submit(database.add("b"));
    expect(database.rows).toEqual(["b"]);
  });

  it("bounds what may wait", async () => {
    const { database, group } = fixture(0);
    const writes = Array.from({ length: 100_001 }, () => group.submit(database.add("x")));
    const settled = await Promise.allSettled(writes);
    expect(settled.filter((one) => one.status === "rejected")).toHaveLength(1);
    expect(database.rows).toHaveLength(100_000);
  });

  it("drains before it is done", async () => {
    const { database, group } = fixture();
    for (let n = 0; n < 600; n += 1) void group.submit(database.add(`${n}`));
    await group.drained();
    expect(database.rows).toHaveLength(600);
    expect(database.log.filter((line) => line === "commit")).toHaveLength(3);
  });
});
