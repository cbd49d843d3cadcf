/** The attacker reads everything a real engine keeps: its files, its write-ahead log, a backup. */
import { randomBytes } from "node:crypto";
import { createSessions } from "sojourn";
import type { SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { ManualClock } from "sojourn/testing";
import { expect, it, onTestFinished } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { filesBelow } from "../support/files.ts";
import { poolTo } from "../support/postgres.ts";
import { redisWorld } from "../support/redis-world.ts";
import { secretPart, successorIn } from "../support/world.ts";

const HOUR_MS = 3_600_000;

interface Place {
  readonly store: SessionStore;
  /** Everything that is on the engine's disk by now. */
  read(): Promise<Buffer>;
}

async function postgres(): Promise<Place> {
  const engine = await startPostgres();
  const pool = poolTo(engine.url);
  const store = new PostgresStore({ pool });
  onTestFinished(async () => {
    await store.close();
    await pool.end();
    await engine.stop();
  });
  return {
    store,
    read: async () => {
      await pool.query("CHECKPOINT");
      const { rows } = await pool.query<{ data_directory: string }>("SHOW data_directory");
      return filesBelow(rows[0]?.data_directory ?? "");
    },
  };
}

async function redis(): Promise<Place> {
  const always = ["--appendonly", "yes", "--appendfsync", "always"];
  const world = await redisWorld([...always, "--rdbcompression", "no"]);
  onTestFinished(() => world.end());
  return {
    store: world.store(),
    read: async () => {
      await world.admin.sendCommand(["SAVE"]);
      const { dir } = await world.admin.configGet("dir");
      return filesBelow(dir ?? "");
    },
  };
}

it.each([
  ["PostgreSQL", postgres],
  ["Redis", redis],
] as const)(
  "[ID-18] %s has no part of a token in any file or log, nor anything to present (I12)",
  async (_name, start) => {
    const { store, read } = await start();
    const clock = new ManualClock(Date.now());
    const secret = randomBytes(32);
    const secrets = [secret.toString("base64url")];
    const sessions = createSessions({ secrets, store, clock, sweep: false, production: false });
    onTestFinished(() => sessions.close());
    const tokens: string[] = [];
    const opened = await sessions.open({ subject: "alice", data: { note: "seen-in-a-dump" } });
    const left = await sessions.open({ subject: "canary-subject" });
    clock.advance(HOUR_MS);
    const how = { canSetToken: true };
    const successor = successorIn(await sessions.authenticate(opened.token, how));
    const pending = successorIn(await sessions.authenticate(left.token, how));
    await sessions.authenticate(successor, how);
    const { token: hard } = await opened.session.rotate();
    tokens.push(opened.token, left.token, successor, pending, hard);
    await opened.session.logout();
    const bytes = await read();
    // What is looked at holds the sessions.
    expect(bytes.includes("canary-subject")).toBe(true);
    expect(bytes.includes("seen-in-a-dump")).toBe(true);
    for (const token of tokens) {
      const part = secretPart(token);
      const binary = Buffer.from(part, "base64url");
      for (const form of [token, part, binary, binary.toString("hex"), binary.toString("base64")]) {
        expect(bytes.includes(form)).toBe(false);
      }
    }
    for (const form of [secret, secret.toString("hex"), ...secrets]) {
      expect(bytes.includes(form)).toBe(false);
    }
    const fields = new Set(bytes.toString("latin1").match(/[\w-]{32,}/g) ?? []);
    expect(fields.size).toBeGreaterThan(0);
    for (const field of fields) {
      const grafted = left.token.slice(0, 37) + field.slice(0, 48).padEnd(48, "A");
      for (const text of [field, `sj1s_${field}`.slice(0, 85), grafted]) {
        expect(await sessions.authenticate(text)).toEqual({ state: "unknown" });
      }
    }
  },
);
