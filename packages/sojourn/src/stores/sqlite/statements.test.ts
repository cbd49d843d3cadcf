import { DatabaseSync } from "node:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { SessionFilter } from "../../engine/ports.ts";
import { caseKit } from "../../testing/store-case.ts";
import { SqliteStore } from "../sqlite.ts";

const directory = mkdtempSync(join(tmpdir(), "sojourn-plans-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Passes everything on and notes each statement that is prepared. */
function recorded(database: DatabaseSync, statements: Set<string>) {
  return {
    exec: (sql: string) => database.exec(sql),
    prepare: (sql: string) => {
      statements.add(sql);
      return database.prepare(sql);
    },
    location: () => database.location(),
    close: () => database.close(),
  };
}

/** Every operation of the store at least once, with every kind of filter. */
async function useEverything(store: SqliteStore): Promise<void> {
  const kit = caseKit({ seed: 1 });
  const { now } = kit;
  const tenant = "t";
  const end = { reason: "revoked", at: now } as const;
  await store.installation({ id: "i", bucketKey: "k" });
  const first = kit.recordOf({ tenant, device: { id: "phone" } });
  await store.create(first, { now, data: { a: "1" }, limits: { max: 5, onLimit: "ask" } });
  const second = kit.recordOf({ tenant });
  await store.create(second, { now, replaces: { ref: first, dataVersion: 1 } });
  await store.create(kit.recordOf({ tenant, subject: "bob" }), { now, subjectEpoch: 0 });
  await store.find(second);
  await store.replace({ ...second, device: { id: "x" } }, 1);
  await store.replace({ ...second, state: "ended", end }, 2);
  await store.replace(second, 9);
  await store.patchData(second, [{ op: "set", key: "k", value: "1" }]);
  await store.touch([
    { ref: second, seenAt: now + 1 },
    { ref: second, sent: { generation: 2, at: now } },
  ]);
  await store.revoke(second, end, { now });
  await store.revoke({ tenant, id: kit.id() }, end, { now, tombstoneUntil: now + 1 });
  const kept = kit.recordOf({ tenant, subject: "carol" });
  await store.create(kept, { now });
  await store.revokeSubject(tenant, "carol", { now, end, except: kept.id });
  await store.listBySubject(tenant, "carol", { now });
  await store.subjectEpoch(tenant, "carol");
  const filters: Omit<SessionFilter, "tenant">[] = [
    {},
    { subject: "carol" },
    { device: "phone" },
    { subject: "carol", device: "phone", createdFrom: now, createdBefore: now + 1 },
  ];
  for (const filter of filters) {
    for (const state of ["live", "any", "ended", "locked"] as const) {
      await store.query({ tenant, ...filter, state }, { now });
      await store.count({ tenant, ...filter, state }, now);
    }
  }
  const session = { record: kept, data: {}, dataVersion: 0, subjectEpoch: 2 };
  await store.apply([{ kind: "session", session }], "elsewhere");
  await store.apply([{ kind: "tombstone", ref: kept, until: now }], "elsewhere");
  await store.apply([{ kind: "epoch", tenant, subject: "dora", epoch: 3 }], "elsewhere");
  await store.purgeSubject(tenant, "bob", now);
  await store.sweep({ now: now + 1e9, limit: 100, purgeBefore: now + 1e9 });
  const heard = new Promise<void>((resolve) => {
    store.tail("0", { change: () => undefined, frontier: () => resolve() });
  });
  await heard;
  await store.health();
}

/** Bounded and small: the log (65 536 rows, read whole by erasures only), one row of `meta`. */
const ALLOWED: readonly RegExp[] = [
  /^SCAN CONSTANT ROW$/,
  /^SCAN (tombstone|erased_subject)( USING .*)?$/,
  /^SEARCH change$/,
];
/** Statements that may read the whole log. */
const READS_LOG: readonly RegExp[] = [
  /^DELETE FROM change WHERE id IS NULL/,
  /^UPDATE change SET subject = NULL/,
];

describe("the statements of the store", () => {
  it("use an index each: none reads a whole table", async () => {
    const path = join(directory, "plans.db");
    const statements = new Set<string>();
    const store = new SqliteStore({ database: recorded(new DatabaseSync(path), statements) });
    await useEverything(store);
    await store.close();

    const database = new DatabaseSync(path);
    const scans: string[] = [];
    let explained = 0;
    for (const sql of statements) {
      if (!/^(SELECT|INSERT|UPDATE|DELETE)/.test(sql) || sql.includes("sqlite_schema")) continue;
      explained += 1;
      for (const step of database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()) {
        const detail = String(step["detail"]);
        const whole = detail.startsWith("SCAN") || detail.includes("TEMP B-TREE");
        const logged = READS_LOG.some((known) => known.test(sql)) && detail === "SCAN change";
        if (whole && !logged && !ALLOWED.some((known) => known.test(detail))) {
          scans.push(`${detail}: ${sql}`);
        }
      }
    }
    expect(scans).toEqual([]);
    expect(explained).toBeGreaterThan(40);
    database.close();
  });

  it("finds a page of a subject by one search of the index of live ones, in order", () => {
    const database = new DatabaseSync(join(directory, "plans.db"));
    const plan = database
      .prepare(
        "EXPLAIN QUERY PLAN SELECT id FROM session INDEXED BY session_subject_live " +
          "WHERE tenant = 1 AND ended_at IS NULL AND subject = 'a' AND created_at <= 5 " +
          "ORDER BY created_at DESC, id DESC",
      )
      .all();
    expect(plan).toHaveLength(1);
    expect(String(plan[0]?.["detail"])).toMatch(
      /^SEARCH session USING .*INDEX session_subject_live/,
    );
    database.close();
  });
});
