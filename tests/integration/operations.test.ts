/** Operations: who works on them, and what stops them. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StoreUnavailableError } from "sojourn";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { OperationTable } from "../../packages/sojourn-server/src/operations/operation-table.ts";
import { Operations } from "../../packages/sojourn-server/src/operations/operations.ts";
import type { Operation } from "../../packages/sojourn-server/src/operations/spec.ts";
import type { Search } from "../../packages/sojourn-server/src/search/search.ts";
import { gate } from "../support/postgres.ts";
import { searcher, TENANT } from "../support/search-world.ts";
import type { Searcher } from "../support/search-world.ts";

const SESSIONS = 120;
const WAIT = { timeout: 20_000, interval: 10 };

let sql: ControlSql;
let world: Searcher;
let notes: string[];
let started: Operations[];
let handles: string[];
/** Opened in the end, whatever became of the test. */
let gates: (() => void)[];

function held(): { readonly open: () => void; readonly opened: Promise<void> } {
  const made = gate();
  gates.push(made.open);
  return made;
}

beforeEach(async () => {
  sql = new SqliteControl(":memory:");
  world = searcher(sql);
  notes = [];
  started = [];
  handles = [];
  gates = [];
  await world.search.start();
  for (let n = 0; n < SESSIONS; n += 1) {
    const { session } = await world.sessions.open({ subject: `user-${n}`, amr: ["pwd"] });
    handles.push(session.id ?? "");
  }
  await world.settled();
});

afterEach(async () => {
  for (const open of gates) open();
  await Promise.all(started.map((one) => one.stop()));
  await world.close();
});

/** One process's. @param before Waited for before each page of the search. */
function operations(before: (pages: number) => Promise<void> | void = () => undefined): Operations {
  let pages = 0;
  const search: Pick<Search, "page" | "count" | "caughtUp"> = {
    async page(...args) {
      pages += 1;
      await before(pages);
      return world.search.page(...args);
    },
    count: (...args) => world.search.count(...args),
    caughtUp: (...args) => world.search.caughtUp(...args),
  };
  const { sessions } = world;
  const log = { note: (name: string) => void notes.push(name) };
  const parts = { sql, search, sessions, log, circumstances: () => ({}), now: Date.now };
  const made = new Operations({ ...parts, leaseMs: 300 });
  started.push(made);
  return made;
}

const REVOKE = { tenant: TENANT, actor: "key:test", action: "revoke", filter: {} } as const;

async function live(): Promise<number> {
  const all = await Promise.all(handles.map((handle) => world.sessions.describe(handle)));
  return all.filter((one) => one?.state === "active").length;
}

async function over(by: Operations, { id }: Operation): Promise<Operation> {
  return vi.waitFor(async () => {
    const operation = await by.find(TENANT, id);
    if (operation?.state === "running") throw new Error("still running");
    return operation!;
  }, WAIT);
}

describe("an operation", () => {
  it("touches nothing when it is cancelled before it began", async () => {
    const by = operations();
    const operation = await by.start(REVOKE);
    expect(operation).toMatchObject({ state: "running", total: SESSIONS });
    const cancelled = await by.cancel(TENANT, operation.id, "key:other");
    expect(cancelled).toMatchObject({ state: "cancelled", done: 0 });
    by.work();
    const second = await by.start({ ...REVOKE, filter: { subject: "nobody" } });
    await over(by, second);
    expect(await live()).toBe(SESSIONS);
    expect((await by.cancel(TENANT, operation.id, "key:other"))?.state).toBe("cancelled");
    expect(notes.filter((name) => name === "operation-cancelled")).toHaveLength(1);
    expect(await by.cancel("other", second.id, "key:other")).toBeUndefined();
  });

  it("keeps what it has done when it is cancelled on the way", async () => {
    const { open, opened: waited } = held();
    const by = operations((pages) => (pages === 2 ? waited : undefined));
    by.work();
    const operation = await by.start(REVOKE);
    await vi.waitFor(async () => {
      expect((await by.find(TENANT, operation.id))?.done).toBe(50);
    }, WAIT);
    await by.cancel(TENANT, operation.id, "key:other");
    open();
    // One after the other: when the next one is over, nobody works on this one.
    await over(by, await by.start({ ...REVOKE, filter: { subject: "nobody" } }));
    const found = await by.find(TENANT, operation.id);
    expect(found).toMatchObject({ state: "cancelled", failed: 0 });
    // The chunk that was about to begin may have been finished, and no more.
    expect([50, 100]).toContain(found?.done);
    expect(await live()).toBe(SESSIONS - (found?.done ?? 0));
    expect(notes.filter((name) => name === "operation-finished")).toHaveLength(1);
  });

  it("is taken over from a process that hangs, which then no longer counts", async () => {
    const { open, opened: hung } = held();
    const hanging = operations((pages) => (pages === 2 ? hung : undefined));
    hanging.work();
    const operation = await hanging.start(REVOKE);
    await vi.waitFor(async () => {
      expect((await hanging.find(TENANT, operation.id))?.done).toBe(50);
    }, WAIT);
    const other = operations();
    other.work();
    expect(await over(other, operation)).toMatchObject({ state: "done", done: SESSIONS });
    open();
    await hanging.stop();
    expect(await other.find(TENANT, operation.id)).toMatchObject({ done: SESSIONS, failed: 0 });
    expect(await live()).toBe(0);
    expect(notes.filter((name) => name === "operation-finished")).toHaveLength(1);
  });

  it("is worked on once by several processes", async () => {
    const all = [operations(), operations(), operations()];
    for (const one of all) one.work();
    const operation = await all[0]!.start(REVOKE);
    expect(await over(all[2]!, operation)).toMatchObject({ state: "done", done: SESSIONS });
  });

  it("waits out an outage, and says what holds it up", async () => {
    const by = operations((pages) => {
      if (pages === 2) throw new StoreUnavailableError("find");
    });
    by.work();
    const operation = await by.start(REVOKE);
    await vi.waitFor(async () => {
      expect((await by.find(TENANT, operation.id))?.trouble).toContain("cannot answer");
    }, WAIT);
    const done = await over(by, operation);
    expect(done).toMatchObject({ state: "done", done: SESSIONS, failed: 0 });
    expect(done.trouble).toBeUndefined();
  });

  it("begins when the index has all that was opened before, and not sooner", async () => {
    await world.search.stop();
    const { session } = await world.sessions.open({ subject: "late", amr: ["pwd"] });
    // Of one millisecond nobody can tell what came first.
    await expect.poll(() => Date.now(), WAIT).toBeGreaterThan(session.createdAt ?? 0);
    const by = operations();
    by.work();
    const operation = await by.start(REVOKE);
    await vi.waitFor(async () => {
      expect((await by.find(TENANT, operation.id))?.trouble).toContain("index");
    }, WAIT);
    expect(await live()).toBe(SESSIONS);
    const other = searcher(sql, world.store);
    await other.search.start();
    expect(await over(by, operation)).toMatchObject({ state: "done", done: SESSIONS + 1 });
    expect((await world.sessions.describe(session.id ?? ""))?.state).toBe("ended");
    await other.search.stop();
  });

  it("leaves alone what was opened after it was started, and what is excepted", async () => {
    const by = operations();
    const [kept = ""] = handles;
    const operation = await by.start({ ...REVOKE, except: [kept] });
    const { session } = await world.sessions.open({ subject: "later", amr: ["pwd"] });
    by.work();
    expect(await over(by, operation)).toMatchObject({ done: SESSIONS - 1 });
    for (const handle of [kept, session.id ?? ""]) {
      expect((await world.sessions.describe(handle))?.state).toBe("active");
    }
  });

  it("does not lock again, in a chunk that is repeated, who has given a factor since", async () => {
    const by = operations();
    const [first = "", second = ""] = handles;
    const operation = await by.start({ ...REVOKE, action: "lock", filter: { subject: "nobody" } });
    const table = new OperationTable(sql);
    const work = await table.claim("killed", Date.now(), Date.now() + 1);
    const progress = { ...work!.progress, place: "end", chunk: [first, second] };
    expect(await table.keep(operation.id, "killed", progress, Date.now() - 1)).toBe(true);
    const session = await world.sessions.find(first);
    await session?.stepUp({ amr: ["otp"] });
    by.work();
    expect(await over(by, operation)).toMatchObject({ state: "done", done: 2 });
    expect((await world.sessions.describe(first))?.state).toBe("active");
    expect((await world.sessions.describe(second))?.state).toBe("locked");
  });
});
