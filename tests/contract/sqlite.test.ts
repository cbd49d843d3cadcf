import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { SqliteDatabase } from "sojourn/stores/sqlite";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, it } from "vitest";

/** Loaded here alone: on a Node that is too old for it the package ends the process. */
function openBetter(path: string): SqliteDatabase {
  const Database = createRequire(import.meta.url)("better-sqlite3") as new (
    path: string,
  ) => SqliteDatabase;
  return new Database(path);
}

/** Both run on one file each; the peer is a second connection to it, as another process has. */
const STORES: Readonly<Record<string, (path: string) => SqliteStore>> = {
  "node:sqlite by path": (path) => new SqliteStore({ path, tailPollMs: 20 }),
  "node:sqlite passed in": (path) =>
    new SqliteStore({ database: new DatabaseSync(path), tailPollMs: 20 }),
  "better-sqlite3 passed in": (path) =>
    new SqliteStore({ database: openBetter(path), tailPollMs: 20 }),
};

const BETTER_RUNS = Number(process.versions["napi"]) >= 10;
const entries = Object.entries(STORES);
const usable = entries.filter(([name]) => BETTER_RUNS || !name.startsWith("better-sqlite3"));
const unusable = entries.filter((entry) => !usable.includes(entry));

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

describe.each(usable)(`%s keeps the store contract (seed ${seed})`, (_name, make) => {
  const directory = mkdtempSync(join(tmpdir(), "sojourn-contract-"));
  const path = join(directory, "sessions.db");
  const store = make(path);
  const peer = make(path);
  const kit = caseKit({ seed, peer });

  beforeAll(async () => {
    await store.health();
    await peer.health();
  });

  afterAll(async () => {
    await store.close();
    await peer.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each(storeCasesFor(store.capabilities))("$name", ({ run }) => run(store, kit));
});

it.skip.each(unusable)("%s (skipped: better-sqlite3 13 needs N-API 10)", () => undefined);
