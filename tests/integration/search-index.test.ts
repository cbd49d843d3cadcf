/** The search index beside each session store, in each control store. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ControlSql } from "../../packages/sojourn-server/src/control/control-sql.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { IndexTable } from "../../packages/sojourn-server/src/search/index-table.ts";
import { CONTROL_ENGINES } from "../support/control-grounds.ts";
import type { ControlGround } from "../support/control-grounds.ts";
import {
  FILTERS,
  idsOf,
  opened,
  scanned,
  scanOf,
  searcher,
  STORE_ENGINES,
} from "../support/search-world.ts";
import type { Searcher, StoreGround } from "../support/search-world.ts";

const PAIRS = [
  ["SQLite", "SQLite"],
  ["PostgreSQL", "PostgreSQL"],
  ["Redis", "SQLite"],
  ["Redis", "PostgreSQL"],
] as const;

/** Each engine is started once: a test has a place of its own in it. */
const STARTED = new Map<string, Promise<StoreGround | ControlGround>>();

function started<Ground extends StoreGround | ControlGround>(
  name: string,
  start: () => Ground | Promise<Ground>,
): Promise<Ground> {
  const running = STARTED.get(name) ?? Promise.resolve(start());
  STARTED.set(name, running);
  return running as Promise<Ground>;
}

afterAll(async () => {
  await Promise.all([...STARTED.values()].map(async (ground) => (await ground).end()));
});

describe.each(PAIRS)("sessions in %s, their index in %s", (storeName, controlName) => {
  let stores: StoreGround;
  let controls: ControlGround;
  let store: ReturnType<StoreGround["fresh"]>;
  let control: () => ControlSql;
  let open: Searcher[] = [];

  const start = (): Searcher => {
    const made = searcher(control(), store());
    open.push(made);
    return made;
  };

  beforeAll(async () => {
    stores = await started(`sessions in ${storeName}`, STORE_ENGINES[storeName]!);
    controls = await started(`index in ${controlName}`, new Map(CONTROL_ENGINES).get(controlName)!);
  });

  beforeEach(() => {
    store = stores.fresh();
    control = controls.fresh();
    return async () => {
      for (const one of open) await one.close();
      open = [];
    };
  });

  const check = async (by: Searcher, handles: readonly string[]): Promise<void> => {
    await by.settled();
    const scan = await scanOf(by.sessions, handles);
    for (const filter of FILTERS) {
      const found = idsOf(await by.pages(filter, 15));
      expect([filter, found.toSorted()]).toEqual([filter, scan(filter)]);
    }
  };

  it("answers as a full scan would, whoever opened, locked or ended the sessions", async () => {
    const [writer, reader] = [start(), start()];
    await reader.search.start();
    const handles: string[] = [];
    for (let n = 0; n < 36; n += 1) handles.push(await opened(writer.sessions, n));
    await check(reader, handles);
    const { sessions } = writer;
    for (const handle of handles.slice(0, 6)) await sessions.revoke(handle);
    for (const handle of handles.slice(8, 12)) await (await sessions.find(handle))?.lock(1);
    const kept = handles[17] ?? "";
    await sessions.subject("user-3").revokeAll({ except: kept });
    await (await sessions.find(handles[20] ?? ""))?.setRoles(["admin"]);
    await check(reader, handles);
    await reader.store.purgeSubject("default", "user-1", Date.now());
    await check(reader, handles);
    expect(reader.troubles).toEqual([]);
  });

  it("goes on where it was, and files nothing anew, after it was stopped", async () => {
    const first = start();
    await first.search.start();
    const handles = [await opened(first.sessions, 1), await opened(first.sessions, 2)];
    await check(first, handles);
    const stand = await standOf(control());
    await first.search.stop();
    handles.push(await opened(first.sessions, 3));
    await first.sessions.revoke(handles[0] ?? "");
    const second = start();
    await second.search.start();
    await check(second, handles);
    expect(await standOf(control())).toMatchObject({ build: stand.build, salt: stand.salt });
  });

  it("files everything anew where the log does not reach back", async () => {
    const first = start();
    await first.search.start();
    const handles: string[] = [];
    for (let n = 0; n < 12; n += 1) handles.push(await opened(first.sessions, n));
    await check(first, handles);
    const { build } = await standOf(control());
    await first.search.stop();
    // Erased and ended without a word of it in what is read next.
    await first.store.purgeSubject("default", "user-2", Date.now());
    await first.sessions.revoke(handles[5] ?? "");
    handles.push(await opened(first.sessions, 12));
    const sql = control();
    await sql.run("test", "UPDATE control.search_feed SET position = 'elsewhere:1'");
    const second = start();
    await second.search.start();
    await expect.poll(async () => (await standOf(sql)).build, POLL).toBe(build + 1);
    await check(second, handles);
    const { rows } = await sql.run("test", "SELECT count(*) AS n FROM control.search_session");
    const kept = (await scanned(second.sessions, handles, { state: "any" })).length;
    expect(Number(rows[0]?.["n"])).toBe(kept);
  });

  it("is not written by a process whose lease another one has", async () => {
    const table = new IndexTable(control());
    const stand = await table.stand();
    const now = Date.now();
    expect(await table.claim("first", now, now + 1_000)).toBe(true);
    expect(await table.claim("second", now + 1_000, now + 9_000)).toBe(false);
    expect(await table.claim("second", now + 1_001, now + 9_000)).toBe(true);
    const filing = { createdAt: now, endedAt: null, terms: [1, 2] };
    const refiling = { ref: { tenant: "default", id: "x" }, filing, before: undefined };
    const late = table.write([refiling], { ...stand, holder: "first", asOf: now + 5 });
    await expect(late).rejects.toMatchObject({ code: "ERR_STORE_CONTENTION" });
    expect(await table.filed([refiling.ref])).toEqual([]);
    expect((await table.stand()).asOf).toBe(stand.asOf);
    await table.write([refiling], { ...stand, holder: "second", asOf: now + 5 });
    expect(await table.filed([refiling.ref])).toMatchObject([{ createdAt: now, terms: [1, 2] }]);
  });

  it("is fed by one process of several, and says to all how old it is", async () => {
    const all = [start(), start(), start()];
    await Promise.all(all.map(({ search }) => search.start()));
    const { holder } = await standOf(control());
    const handles = [await opened(all[0]!.sessions, 1), await opened(all[1]!.sessions, 2)];
    await check(all[0]!, handles);
    await check(all[2]!, handles);
    expect((await standOf(control())).holder).toBe(holder);
    expect(holder).not.toBe("");
  });
});

it("is stopped although its last round failed", async () => {
  const sql = new SqliteControl(":memory:");
  const one = searcher(sql);
  await sql.close();
  await one.search.start();
  expect(one.troubles).toHaveLength(1);
  await expect(one.close()).resolves.toBeUndefined();
});

const POLL = { timeout: 30_000, interval: 50 };

async function standOf(sql: ControlSql) {
  const text = "SELECT build, salt, holder FROM control.search_feed WHERE one = 1";
  const { rows } = await sql.run("test", text);
  const { build, salt, holder } = rows[0] ?? {};
  return { build: Number(build), salt, holder };
}
