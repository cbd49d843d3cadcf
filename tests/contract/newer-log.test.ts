/** Processes of two releases on one store: the older one meets entries it does not know. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SessionStore, StoreChange } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { SqliteStore } from "sojourn/stores/sqlite";
import { caseKit } from "sojourn/testing";
import { afterEach, expect, it, vi } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import { redisWorld } from "../support/redis-world.ts";

const WITHIN = { timeout: 5_000 };
const UNKNOWN_KIND = "(what, tenant) SELECT 99, min(no) FROM";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Place {
  readonly store: SessionStore;
  /** What a newer release may write. */
  note(): Promise<unknown>;
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  async SQLite() {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-newer-"));
    const path = join(folder, "sessions.db");
    const store = new SqliteStore({ path });
    ends.push(
      () => store.close(),
      () => rmSync(folder, { recursive: true }),
    );
    const note = async (): Promise<void> => {
      const database = new DatabaseSync(path);
      database.exec(`INSERT INTO change ${UNKNOWN_KIND} tenant`);
      database.close();
    };
    return { store, note };
  },
  async PostgreSQL() {
    const server = await startPostgres();
    const pool = poolTo(server.url, 4);
    const store = new PostgresStore({ pool });
    ends.push(
      () => store.close(),
      () => pool.end(),
      () => server.stop(),
    );
    const text = `INSERT INTO sojourn.change ${UNKNOWN_KIND} sojourn.tenant`;
    return { store, note: () => pool.query(text) };
  },
  async Redis() {
    const world = await redisWorld();
    ends.push(() => world.end());
    const note = async (): Promise<unknown> => {
      const [log = ""] = await world.admin.keys("*l/*");
      return world.admin.sendCommand(["XADD", log, "0-*", "w", "new", "n", "x", "s", "", "x", "1"]);
    };
    return { store: world.store(), note };
  },
};

it.each(Object.entries(places))(
  "a change of a kind that only a newer release knows is a gap, and the tail goes on: %s",
  async (_engine, open) => {
    const { store, note } = await open();
    const kit = caseKit({ seed: 1, now: Date.now() });
    const record = kit.recordOf({ tenant: kit.tenant() });
    const changes: StoreChange[] = [];
    let [gaps, proofs] = [0, 0];
    await store.create(record, { now: kit.now });
    const tail = store.tail("now", {
      change: (change) => void changes.push(change),
      gap: () => void (gaps += 1),
      frontier: () => void (proofs += 1),
    });
    await vi.waitFor(() => expect(proofs).toBeGreaterThan(0), WITHIN);
    await note();
    await vi.waitFor(() => expect(gaps).toBe(1), WITHIN);
    proofs = 0;
    await store.revoke(record, { reason: "revoked", at: kit.now }, { now: kit.now });
    await vi.waitFor(() => expect(proofs).toBeGreaterThan(1), WITHIN);
    tail.close();
    const told = changes.filter(({ kind }) => kind === "subject");
    expect(told).toEqual([]);
    expect(changes.at(-1)).toMatchObject({ kind: "session", what: "ended" });
  },
);
