/** What the PostgreSQL store does when the server, a process or the set-up fails. */
import { inspect } from "node:util";
import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit } from "sojourn/testing";
import type { SessionRecord } from "sojourn";
import { afterAll, describe, expect, it } from "vitest";
import { startPgBouncer, startPostgres } from "../../tools/engines.mjs";
import { gate, intercepted, poolTo } from "../support/postgres.ts";

const kit = caseKit({ seed: Math.floor(Math.random() * 2 ** 32) });
const engine = await startPostgres({ args: ["-c", "wal_writer_delay=10s"] });
const pool = poolTo(engine.url, 20);
const end = { reason: "revoked", at: kit.now + 1 } as const;

afterAll(async () => {
  await pool.end();
  await engine.stop();
});

async function many(store: PostgresStore, count: number): Promise<SessionRecord[]> {
  const tenant = kit.tenant();
  const records = Array.from({ length: count }, () => kit.recordOf({ tenant }));
  await Promise.all(records.map((record) => store.create(record, { now: kit.now })));
  return records;
}

/** The server takes any process of its own that was killed for damage, and starts over. */
async function crashServer(): Promise<void> {
  const { rows } = await pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  process.kill(Number(rows[0]?.pid), "SIGKILL");
}

/** Ask until it answers. */
async function recovered(store: PostgresStore): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await store.health();
      return;
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }
}

describe("a PostgreSQL server that is killed in a storm of writes", () => {
  it("has every end that was acknowledged; calls fail as unavailable, and the store goes on", async () => {
    const store = new PostgresStore({ pool });
    for (let round = 0; round < 3; round += 1) {
      const records = await many(store, 400);
      const acknowledged: SessionRecord[] = [];
      const errors: unknown[] = [];
      const worker = async (mine: readonly SessionRecord[]): Promise<void> => {
        for (const record of mine) {
          try {
            await store.revoke(record, end, { now: end.at });
            acknowledged.push(record);
          } catch (error) {
            errors.push(error);
          }
        }
      };
      const workers = Array.from({ length: 8 }, (_, index) =>
        worker(records.filter((_record, at) => at % 8 === index)),
      );
      while (acknowledged.length < 100) await new Promise((resolve) => void setImmediate(resolve));
      await crashServer();
      await Promise.all(workers);
      await recovered(store);
      for (const record of acknowledged) {
        expect((await store.find(record))?.record.end, "an acknowledged end").toEqual(end);
      }
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) {
        expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true });
      }
    }
    await store.close();
  });

  it("I3: tells a follower of what took the numbers of transactions that a crash undid", async () => {
    const store = new PostgresStore({ pool });
    const reading: { after?: Promise<void> } = {};
    const slow = intercepted(pool, async (text) => {
      await reading.after;
      return text;
    });
    const reader = new PostgresStore({ pool: slow, tailPollMs: 10 });
    const records = await many(store, 100);
    const heard = new Set<string>();
    let [proofs, gaps] = [0, 0];
    const following = reader.tail("now", {
      change: (change) => {
        if (change.kind === "session" && change.what === "ended") heard.add(change.ref.id);
      },
      frontier: () => void (proofs += 1),
      gap: () => void (gaps += 1),
    });
    const proven = async (): Promise<void> => {
      const before = proofs;
      await expect.poll(() => proofs, { timeout: 5000 }).toBeGreaterThan(before + 1);
    };
    // Touches need not reach the disk, and the follower has seen their transactions end.
    for (const ref of records) await store.touch([{ ref, seenAt: ref.seenAt + 1 }]);
    await proven();
    const { opened, open } = gate();
    reading.after = opened;
    await crashServer();
    await recovered(store);
    for (const record of records) await store.revoke(record, end, { now: end.at });
    open();
    await proven();
    const missed = records.filter(({ id }) => !heard.has(id)).length;
    expect(gaps > 0 ? 0 : missed, "ends it was told neither of, nor to have missed").toBe(0);
    following.close();
    await Promise.all([store.close(), reader.close()]);
  });

  it("writes ends through to disk where its own default is not to wait", async () => {
    const relaxed = intercepted(pool, async (text) => text);
    await pool.query("ALTER SYSTEM SET synchronous_commit = off");
    await pool.query("SELECT pg_reload_conf()");
    const store = new PostgresStore({ pool: relaxed });
    const records = await many(store, 50);
    await Promise.all(records.map((record) => store.revoke(record, end, { now: end.at })));
    await store.revokeSubject(records[0]?.tenant ?? "", "bob", { now: end.at, end });
    await crashServer().catch(() => undefined);
    await recovered(store);
    for (const record of records) expect((await store.find(record))?.record.end).toEqual(end);
    expect(await store.subjectEpoch(records[0]?.tenant ?? "", "bob")).toBe(1);
    await pool.query("ALTER SYSTEM RESET synchronous_commit");
    await pool.query("SELECT pg_reload_conf()");
    await store.close();
  });
});

describe("a process that stands still within a transaction", () => {
  it("holds up others for seconds, not for ever", async () => {
    const { opened, open } = gate();
    const reached = gate();
    const stuck = new PostgresStore({
      pool: intercepted(pool, async (text) => {
        if (text !== "COMMIT") return text;
        reached.open();
        await opened;
        return text;
      }),
    });
    const store = new PostgresStore({ pool });
    const [record] = await many(store, 1);
    if (record === undefined) throw new Error("no session");
    const { tenant } = record;
    const standing = stuck.revokeSubject(tenant, "alice", { now: end.at, end });
    const outcome = standing.then(
      () => "committed",
      (error: { code: string }) => error.code,
    );
    await reached.opened;
    await expect(store.revoke(record, end, { now: end.at })).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
    });
    await expect
      .poll(
        () =>
          store.revoke(record, end, { now: end.at }).then(
            (result) => result.outcome,
            () => "",
          ),
        {
          timeout: 10_000,
        },
      )
      .toBe("ended");
    open();
    expect(await outcome).toBe("ERR_STORE_UNAVAILABLE");
    await Promise.all([stuck.close(), store.close()]);
  });
});

describe("PgBouncer that is restarted", () => {
  it("is an outage for the moment: nothing that was acknowledged is lost", async () => {
    const first = await startPgBouncer(engine);
    const through = poolTo(first.url, 5);
    const store = new PostgresStore({ pool: through });
    const [record] = await many(store, 1);
    if (record === undefined) throw new Error("no session");
    await store.revoke(record, end, { now: end.at });
    await first.stop();
    await expect(store.find(record)).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    const second = await startPgBouncer(engine, first.port);
    await recovered(store);
    expect((await store.find(record))?.record.end).toEqual(end);
    await store.close();
    await through.end();
    await second.stop();
  });
});

describe("bad input", () => {
  it("never shows a password, whatever the driver says", async () => {
    const { port } = engine;
    const urls = [
      "postgres://who:hunter2@127.0.0.1:1/postgres",
      `postgres://nobody:hunter2@127.0.0.1:${port}/postgres`,
      `postgres://postgres:hunter2@127.0.0.1:${port}/nowhere`,
    ];
    for (const url of urls) {
      const wrong = poolTo(url, 1);
      const store = new PostgresStore({ pool: wrong });
      const error: unknown = await store.health().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
      await store.close();
      await wrong.end();
    }
    const leaking = intercepted(pool, () => {
      const input = "postgres://who:hunter2@nowhere";
      throw Object.assign(new TypeError(`Invalid URL ${input}`), {
        code: "ERR_INVALID_URL",
        input,
      });
    });
    const store = new PostgresStore({ pool: leaking });
    const error: unknown = await store.health().catch((thrown: unknown) => thrown);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter2");
  });

  it("a schema of a newer release is refused, one of somebody else too, each by its name", async () => {
    const older = new PostgresStore({ pool, schema: "newer" });
    await older.health();
    await pool.query("UPDATE newer.meta SET value = '99' WHERE key = 'schema'");
    const store = new PostgresStore({ pool, schema: "newer" });
    await expect(store.health()).rejects.toMatchObject({ code: "ERR_STORE_SCHEMA" });
    await pool.query("CREATE SCHEMA theirs; CREATE TABLE theirs.meta (key text, value text)");
    const foreign = new PostgresStore({ pool, schema: "theirs" });
    await expect(foreign.health()).rejects.toThrow(/"theirs" holds tables of another application/);
    const { rows } = await pool.query("SELECT relname FROM pg_class WHERE relname = 'meta'");
    expect(rows.length).toBeGreaterThan(1);
  });

  it("a server that is too old or writes another encoding is refused before anything is made", async () => {
    await pool.query("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    const latin = poolTo(engine.url.replace(/postgres$/, "latin"), 1);
    const old = intercepted(latin, (text) =>
      text.replace("current_setting('server_version_num')", "'140011'"),
    );
    const refused = new PostgresStore({ pool: old }).health();
    await expect(refused).rejects.toThrow(/older than PostgreSQL 15[\s\S]*encoded in LATIN1/);
    const { rows } = await latin.query("SELECT 1 FROM pg_namespace WHERE nspname = 'sojourn'");
    expect(rows).toEqual([]);
    await latin.end();
  });

  it("a standby, and a connection that may only read, are refused at start by their name", async () => {
    const standby = intercepted(pool, (text) => text.replaceAll("pg_is_in_recovery()", "true"));
    await expect(new PostgresStore({ pool: standby }).health()).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringMatching(/is a standby; connect to the primary/) as string,
    });
    const reading = poolTo(`${engine.url}?options=-c%20default_transaction_read_only%3Don`, 1);
    const refused = new PostgresStore({ pool: reading }).health();
    await expect(refused).rejects.toThrow(/only reads; set default_transaction_read_only to off/);
    await reading.end();
  });

  it("needs no right to make a schema once it is there", async () => {
    await new PostgresStore({ pool, schema: "given" }).health();
    await pool.query(
      "CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA given TO app; " +
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA given TO app",
    );
    const app = poolTo(engine.url.replace("postgres@", "app@"), 2);
    const store = new PostgresStore({ pool: app, schema: "given" });
    const record = kit.recordOf({ tenant: kit.tenant() });
    expect((await store.create(record, { now: kit.now })).outcome).toBe("created");
    expect((await store.revoke(record, end, { now: end.at })).outcome).toBe("ended");
    const none = new PostgresStore({ pool: app, schema: "ungiven" });
    await expect(none.health()).rejects.toThrow(/has not the right to do this/);
    await app.end();
  });

  it("wrong options are told all at once", () => {
    const options = { pool: {} as never, schema: 'a"; DROP', tailPollMs: 0, logKeptMs: 1 };
    expect(() => new PostgresStore(options)).toThrow(
      /4 configuration problems[\s\S]*tailPollMs[\s\S]*logKeptMs[\s\S]*schema[\s\S]*pool/,
    );
  });

  it("a schema that disappears is an outage, never an empty store", async () => {
    const store = new PostgresStore({ pool, schema: "dropped" });
    const record = kit.recordOf({ tenant: kit.tenant() });
    await store.create(record, { now: kit.now });
    await pool.query("DROP SCHEMA dropped CASCADE");
    const refused = { code: "ERR_STORE_UNAVAILABLE", retryable: false };
    await expect(store.find(record)).rejects.toMatchObject(refused);
    await expect(store.create(record, { now: kit.now })).rejects.toMatchObject(refused);
  });
});

describe("touches", () => {
  it("write no index: every new version of a row stays beside the old one (HOT)", async () => {
    const single = poolTo(engine.url, 1);
    const store = new PostgresStore({ pool: single, schema: "hot" });
    const tenant = kit.tenant();
    const records = Array.from({ length: 2000 }, () => kit.recordOf({ tenant }));
    for (let from = 0; from < records.length; from += 50) {
      const batch = records.slice(from, from + 50);
      await Promise.all(batch.map((record) => store.create(record, { now: kit.now })));
    }
    for (let round = 1; round <= 50; round += 1) {
      const some = kit.random.shuffle([...records]).slice(0, 40);
      const touched = await store.touch(some.map((ref) => ({ ref, seenAt: kit.now + round })));
      expect(touched.every((one) => one === "touched")).toBe(true);
    }
    await single.query("SELECT pg_stat_force_next_flush()");
    const { rows } = await single.query<{ all: string; hot: string }>(
      "SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables " +
        "WHERE schemaname = 'hot' AND relname = 'session'",
    );
    const [counts] = rows;
    expect(Number(counts?.all)).toBe(2000);
    expect(Number(counts?.hot) / Number(counts?.all)).toBeGreaterThan(0.97);
    await store.close();
    await single.end();
  });
});
