import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { SqliteDatabase } from "sojourn/stores/sqlite";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, it } from "vitest";

/** The package has no types of its own. */
const BetterSqlite3 = createRequire(import.meta.url)("better-sqlite3") as new (
  path: string,
) => SqliteDatabase;

/** Both run on one file each; the peer is a second connection to it, as another process has. */
const STORES: Readonly<Record<string, (path: string) => SqliteStore>> = {
  "node:sqlite by path": (path) => new SqliteStore({ path, tailPollMs: 20 }),
  "node:sqlite passed in": (path) =>
    new SqliteStore({ database: new DatabaseSync(path), tailPollMs: 20 }),
  "better-sqlite3 passed in": (path) =>
    new SqliteStore({ database: new BetterSqlite3(path), tailPollMs: 20 }),
};

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

describe.each(Object.entries(STORES))(
  `%s keeps the store contract (seed ${seed})`,
  (_name, make) => {
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
  },
);
