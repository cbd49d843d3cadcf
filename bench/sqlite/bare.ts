/**
 * Bare SQL: what a store sent to the driver for some work is written down, statement by statement
 * with its values, and sent again straight to `node:sqlite` against a twin of the file. So both
 * sides run the same text on the same rows in the same transactions with the same settings, and
 * what differs is the store's own work.
 */
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { SqliteStore } from "sojourn/stores/sqlite";

type Method = "get" | "all" | "run";

interface Call {
  readonly sql: string;
  /** Absent: `exec`. */
  readonly method?: Method;
  readonly values: readonly SQLInputValue[];
}

/** Something to do with a store that comes out the same on every twin of a file. */
export type Work = (store: SqliteStore) => Promise<unknown>;

/** A store over a file of its own that notes each statement with its values. */
export class Recorder {
  readonly #store: SqliteStore;
  readonly #database: DatabaseSync;
  #calls: Call[] = [];

  constructor(path: string) {
    const database = new DatabaseSync(path);
    this.#database = database;
    const note = (call: Call): void => void this.#calls.push(call);
    const seam = {
      exec: (sql: string) => {
        note({ sql, values: [] });
        database.exec(sql);
      },
      prepare: (sql: string) => noted(database.prepare(sql), sql, note),
      location: () => database.location(),
      close: () => database.close(),
    };
    this.#store = new SqliteStore({ database: seam });
  }

  /** Do the work here. @returns every statement it sent. */
  async record(work: Work): Promise<readonly Call[]> {
    this.#calls = [];
    await work(this.#store);
    return this.#calls;
  }

  async close(): Promise<void> {
    await this.#store.close();
    this.#database.close();
  }
}

function noted(statement: StatementSync, sql: string, note: (call: Call) => void): object {
  return {
    setReadBigInts: (enabled: boolean) => statement.setReadBigInts(enabled),
    setReturnArrays: (enabled: boolean) => statement.setReturnArrays(enabled),
    get: (...values: SQLInputValue[]) => {
      note({ sql, method: "get", values });
      return statement.get(...values);
    },
    all: (...values: SQLInputValue[]) => {
      note({ sql, method: "all", values });
      return statement.all(...values);
    },
    run: (...values: SQLInputValue[]) => {
      note({ sql, method: "run", values });
      return statement.run(...values);
    },
  };
}

/** One connection without a store. */
export class Bare {
  readonly database: DatabaseSync;
  readonly #statements: Map<string, StatementSync> = new Map();

  /** @param settings The `PRAGMA`s that a store gives its connection, from {@link settingsOf}. */
  constructor(path: string, settings: readonly string[]) {
    this.database = new DatabaseSync(path);
    for (const setting of settings) this.database.exec(setting);
  }

  /** Prepare what was recorded. @returns what sends it all. */
  replay(calls: readonly Call[]): () => void {
    const steps = calls.map(({ sql, method, values }) => {
      if (method === undefined) return { exec: sql };
      return { statement: this.#statement(sql), method, values };
    });
    return () => {
      for (const step of steps) {
        if ("exec" in step) this.database.exec(step.exec);
        else if (step.method === "run") step.statement.run(...step.values);
        else if (step.method === "get") step.statement.get(...step.values);
        else step.statement.all(...step.values);
      }
    };
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.database.prepare(sql);
    made.setReturnArrays(true);
    this.#statements.set(sql, made);
    return made;
  }

  close(): void {
    this.database.close();
  }
}

/** How a store sets up its connection to an existing file. */
export async function settingsOf(recorder: Recorder): Promise<readonly string[]> {
  const calls = await recorder.record((store) => store.subjectEpoch("default", "nobody"));
  return calls
    .filter(({ sql, method }) => method === undefined && sql.startsWith("PRAGMA"))
    .map(({ sql }) => sql);
}
