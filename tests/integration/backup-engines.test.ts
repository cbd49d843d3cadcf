/** Backup and restore of sessions in PostgreSQL and Redis, by the engines' own means. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import pg from "pg";
import { createClient } from "redis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { command, contents, crowd, endSome, moved, statesOf } from "./backup-harness.ts";
import type { Env, Opened } from "./backup-harness.ts";
import { folder, SECRET } from "./service-harness.ts";

let place: ReturnType<typeof folder>;
let out: string;

beforeEach(() => {
  place = folder();
  out = join(place.path, "backup");
});

afterEach(() => place.remove());

async function statesNow(env: Env, all: readonly Opened[]): Promise<readonly string[]> {
  const { s } = await moved(env);
  const states = await statesOf(s, all);
  await s.service.stop();
  return states;
}

it("in PostgreSQL: a restore brings back what lives, and none that has ended since", async () => {
  const postgres = await startPostgres();
  const env = { SOJOURN_STORE: postgres.url };
  const { s, pass } = await moved(env);
  const all = await crowd(s);
  const made = await command(env, "backup", "--out", out);
  expect([made.code, made.err]).toEqual([0, ""]);
  const expected = await endSome(s, all, pass);
  await s.service.stop();
  for (const { token } of all.slice(0, 5)) {
    expect(contents(out).bytes).not.toContain(token.slice(-40));
  }
  expect(contents(out).bytes).not.toContain(SECRET);
  const mark = await query(postgres.url, "SELECT value FROM sojourn.meta WHERE key = 'store'");

  const done = await command(env, "restore", out, "--json");
  expect([done.code, done.err]).toEqual([0, ""]);
  expect(JSON.parse(done.out)).toMatchObject({ ended: 34, locked: 2 });
  expect(
    await query(postgres.url, "SELECT value FROM sojourn.meta WHERE key = 'store'"),
  ).not.toEqual(mark);
  expect(await statesNow(env, all)).toEqual(expected);

  // The whole database from one dump: the trail knows no more than the sessions.
  for (const schema of ["sojourn", "sojourn_control"]) {
    await query(postgres.url, `DROP SCHEMA ${schema} CASCADE`);
  }
  for (const name of ["sessions.pgdump", "control.pgdump"]) {
    execFileSync("pg_restore", ["--no-owner", "--dbname", postgres.url, join(out, name)]);
  }
  const refused = await command(env, "restore", out);
  expect([refused.code, refused.err]).toEqual([
    1,
    expect.stringMatching(/trail is no newer than the backup: begin with empty sessions/),
  ]);
  await postgres.stop();
});

async function query(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

it("in Redis: a snapshot put in place brings back what lives, and none that has ended since", async () => {
  const args = ["--appendonly", "yes"];
  const redis = await startRedis({ args });
  const control = { SOJOURN_CONTROL: `sqlite:${place.path}/control.db` };
  const env = { ...control, SOJOURN_STORE: redis.url };
  const { s, pass } = await moved(env);
  const all = await crowd(s);
  const copy = `redis-cli -p ${redis.port} --rdb "$SOJOURN_BACKUP/dump.rdb"`;
  const made = await command(env, "backup", "--out", out, "--with", copy);
  expect([made.code, made.err]).toEqual([0, ""]);
  const expected = await endSome(s, all, pass);
  await s.service.stop();
  await redis.stop();
  const { bytes } = contents(out);
  expect(bytes).toContain("REDIS");
  for (const { token } of all) expect(bytes).not.toContain(token.slice(-40));

  // A server begins with a snapshot before it keeps an append-only file.
  const again = await startRedis({
    args: ["--appendonly", "no", "--dir", out, "--dbfilename", "dump.rdb", "--save", ""],
  });
  const client = createClient({ url: again.url });
  await client.connect();
  await client.sendCommand(["CONFIG", "SET", "appendonly", "yes"]);
  await client.close();
  const there = { ...control, SOJOURN_STORE: again.url };
  const wrong = await command(there, "restore", out);
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--placed is missing")]);
  const done = await command(there, "restore", out, "--placed", "--json");
  expect([done.code, done.err]).toEqual([0, ""]);
  expect(JSON.parse(done.out)).toMatchObject({ ended: 34, locked: 2 });
  expect(await statesNow(there, all)).toEqual(expected);
  await again.stop();
});
