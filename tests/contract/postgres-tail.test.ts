/** The log of the PostgreSQL store: transactions commit in another order than they began. */
import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit } from "sojourn/testing";
import type { StoreChange } from "sojourn";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { gate, intercepted, poolTo } from "../support/postgres.ts";

const kit = caseKit({ seed: Math.floor(Math.random() * 2 ** 32) });
const engine = await startPostgres();
const pool = poolTo(engine.url, 10);
const open: PostgresStore[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
});

afterAll(async () => {
  await pool.end();
  await engine.stop();
});

function storeOn(
  through = pool as ConstructorParameters<typeof PostgresStore>[0]["pool"],
  more = {},
) {
  const store = new PostgresStore({ pool: through, tailPollMs: 10, ...more });
  open.push(store);
  return store;
}

/** A store whose transactions do not commit before they are let. */
function slowToCommit() {
  const { opened, open: commit } = gate();
  const began = gate();
  const store = storeOn(
    intercepted(pool, async (text) => {
      if (text !== "COMMIT") return text;
      began.open();
      await opened;
      return text;
    }),
  );
  return { store, commit, began: began.opened };
}

interface Heard {
  readonly changes: StoreChange[];
  readonly frontiers: string[];
  readonly gaps: () => number;
  readonly close: () => void;
}

/** Hear of one tenant: whoever is new also hears of the last seconds, in which others wrote. */
async function listen(store: PostgresStore, tenant: string, from: string = "now"): Promise<Heard> {
  const changes: StoreChange[] = [];
  const frontiers: string[] = [];
  let gaps = 0;
  const subscription = store.tail(from, {
    change: (change) => {
      const of = change.kind === "session" ? change.ref.tenant : change.tenant;
      if (of === tenant) changes.push(change);
    },
    frontier: (position) => void frontiers.push(position),
    gap: () => void (gaps += 1),
  });
  await vi.waitFor(() => expect(frontiers.length).toBeGreaterThan(0), 5000);
  return { changes, frontiers, gaps: () => gaps, close: () => subscription.close() };
}

function subjectsIn(changes: readonly StoreChange[]): (string | null)[] {
  return changes.filter(({ kind }) => kind === "subject").map(({ subject }) => subject);
}

function revokeAll(store: PostgresStore, tenant: string, subject: string) {
  const at = kit.now;
  return store.revokeSubject(tenant, subject, { now: at, end: { reason: "revoked", at } });
}

/** What a frontier proves, as a number. */
function horizonOf(position: string | undefined): bigint {
  return BigInt(position?.split(":")[1] ?? 0);
}

describe("the tail of a PostgreSQL store", () => {
  it("hears a change that commits long after later ones, once, and holds up nobody", async () => {
    const tenant = kit.tenant();
    const reader = storeOn();
    const writer = storeOn();
    await writer.health();
    const heard = await listen(reader, tenant);
    const slow = slowToCommit();
    const late = revokeAll(slow.store, tenant, "late");
    await slow.began;
    for (let index = 0; index < 30; index += 1) await revokeAll(writer, tenant, `early-${index}`);
    await vi.waitFor(() => expect(subjectsIn(heard.changes)).toHaveLength(30), 5000);
    const proved = horizonOf(heard.frontiers.at(-1));
    expect(subjectsIn(heard.changes)).not.toContain("late");
    slow.commit();
    await late;
    await vi.waitFor(() => expect(subjectsIn(heard.changes)).toContain("late"), 5000);
    await revokeAll(writer, tenant, "last");
    await vi.waitFor(() => expect(subjectsIn(heard.changes)).toContain("last"), 5000);
    expect(heard.changes).toHaveLength(32);
    expect(heard.gaps()).toBe(0);
    const place = heard.changes.find(({ subject }) => subject === "late")?.position ?? "";
    const [, xid = "0"] = place.split(":")[1]?.split(".") ?? [];
    expect(BigInt(xid) >= proved, "no frontier went past what was still open").toBe(true);
  });

  it("resumes at any change or frontier without missing what committed late", async () => {
    const tenant = kit.tenant();
    const [reader, writer] = [storeOn(), storeOn()];
    await writer.health();
    const heard = await listen(reader, tenant);
    const slow = slowToCommit();
    const late = revokeAll(slow.store, tenant, "late");
    await slow.began;
    await revokeAll(writer, tenant, "early");
    await vi.waitFor(() => expect(subjectsIn(heard.changes)).toEqual(["early"]), 5000);
    const places = [heard.changes[0]?.position ?? "", heard.frontiers.at(-1) ?? ""];
    heard.close();
    slow.commit();
    await late;
    for (const place of places) {
      const resumed = await listen(storeOn(), tenant, place);
      await vi.waitFor(() => expect(subjectsIn(resumed.changes)).toContain("late"), 5000);
      expect(resumed.gaps()).toBe(0);
    }
  });

  it("reads a backlog of many thousand changes in the order of the log", async () => {
    const tenant = kit.tenant();
    const [reader, writer] = [storeOn(), storeOn()];
    await writer.health();
    const first = await listen(reader, tenant);
    await revokeAll(writer, tenant, "first");
    await vi.waitFor(() => expect(first.changes).toHaveLength(1), 5000);
    first.close();
    await pool.query(
      "INSERT INTO sojourn.change (tenant, what, subject, detail) SELECT t.no, 5, n::text, " +
        `'{"epoch":1}' FROM sojourn.tenant t, generate_series(1, 4321) n WHERE t.name = $1`,
      [tenant],
    );
    const heard = await listen(storeOn(), tenant, first.changes[0]?.position ?? "");
    await vi.waitFor(() => expect(heard.changes).toHaveLength(4321), 5000);
    expect(subjectsIn(heard.changes)).toEqual(Array.from({ length: 4321 }, (_, n) => `${n + 1}`));
  });

  it("tells of a gap once what follows a position was dropped, and to nobody who has read it", async () => {
    const tenant = kit.tenant();
    const store = storeOn(pool, { logKeptMs: 1000 });
    const heard = await listen(store, tenant);
    for (const subject of ["a", "b", "c"]) await revokeAll(store, tenant, subject);
    await vi.waitFor(() => expect(heard.changes).toHaveLength(3), 5000);
    await pool.query("UPDATE sojourn.change SET at = at - interval '1 hour'");
    await store.sweep({ now: 0, limit: 10 });
    const { rows } = await pool.query("SELECT 1 FROM sojourn.change");
    expect(rows).toEqual([]);
    const resumed = await listen(storeOn(), tenant, heard.changes[0]?.position ?? "");
    expect(resumed.gaps()).toBe(1);
    await revokeAll(store, tenant, "d");
    await vi.waitFor(() => expect(subjectsIn(heard.changes)).toEqual(["a", "b", "c", "d"]), 5000);
    await vi.waitFor(() => expect(subjectsIn(resumed.changes)).toEqual(["d"]), 5000);
    expect(heard.gaps()).toBe(0);
  });

  it("keeps in the log what an open transaction may still come before", async () => {
    const tenant = kit.tenant();
    const store = storeOn(pool, { logKeptMs: 1000 });
    await store.health();
    const slow = slowToCommit();
    const late = revokeAll(slow.store, tenant, "late");
    await slow.began;
    await revokeAll(store, tenant, "early");
    await pool.query("UPDATE sojourn.change SET at = at - interval '1 hour'");
    await store.sweep({ now: 0, limit: 10 });
    const { rows } = await pool.query<{ subject: string }>(
      "SELECT subject FROM sojourn.change WHERE subject IN ('early', 'late')",
    );
    expect(rows).toEqual([{ subject: "early" }]);
    slow.commit();
    await late;
  });

  it("hears whatever is committed once it was asked for, before its first poll too", async () => {
    const tenant = kit.tenant();
    const writer = storeOn();
    await writer.health();
    const held = gate();
    const asked = gate();
    const reader = storeOn(
      intercepted(pool, async (text) => {
        if (!text.includes("pg_current_snapshot()")) return text;
        asked.open();
        await held.opened;
        return text;
      }),
    );
    await reader.health();
    const slow = slowToCommit();
    const late = revokeAll(slow.store, tenant, "begun-before");
    await slow.began;
    const listening = listen(reader, tenant);
    await asked.opened;
    slow.commit();
    await late;
    await revokeAll(writer, tenant, "begun-after");
    held.open();
    const heard = await listening;
    await vi.waitFor(() => {
      expect(new Set(subjectsIn(heard.changes))).toEqual(new Set(["begun-before", "begun-after"]));
    }, 5000);
  });

  it("tells of a gap when the store's past changed", async () => {
    const store = storeOn();
    const heard = await listen(store, kit.tenant());
    const before = await store.health();
    await pool.query("UPDATE sojourn.meta SET value = 'restored' WHERE key = 'store'");
    await vi.waitFor(() => expect(heard.gaps()).toBe(1), 5000);
    const after = await store.health();
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(after.incarnationSince).toBeGreaterThan(before.incarnationSince);
  });

  it("proves nothing, and reads nothing, on a standby", async () => {
    let demoted = "false";
    const standby = storeOn(
      intercepted(pool, (text) => text.replaceAll("pg_is_in_recovery()", demoted)),
    );
    await standby.health();
    demoted = "true";
    const errors: unknown[] = [];
    let frontiers = 0;
    standby.tail("now", {
      change: () => undefined,
      frontier: () => void (frontiers += 1),
      error: (error) => void errors.push(error),
    });
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1), 5000);
    expect(frontiers).toBe(0);
    const refused = { code: "ERR_STORE_UNAVAILABLE" };
    await expect(standby.find({ tenant: "t", id: kit.id() })).rejects.toMatchObject(refused);
    await expect(standby.subjectEpoch("t", "alice")).rejects.toMatchObject(refused);
    expect(await standby.health()).toMatchObject({ role: "replica", writable: false });
  });
});
