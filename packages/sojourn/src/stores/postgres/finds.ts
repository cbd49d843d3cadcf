/**
 * Reads that are asked for in one turn of the event loop go as one statement: a page of sessions is
 * one round trip, and a busy process asks less often than it is asked. A read alone goes alone.
 */
import type { SessionRef, StoredSession } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import { storeFault } from "./faults.ts";
import { findSession, findSessions } from "./find.ts";
import type { Found } from "./find.ts";

/** Of one statement. */
const TOGETHER_MAX = 100;

interface Waiting {
  readonly ref: SessionRef;
  readonly resolve: (found: StoredSession | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class Finds {
  readonly #database: Database;
  #waiting: Waiting[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return new Promise((resolve, reject) => {
      // After whatever asks in the same turn.
      if (this.#waiting.length === 0) queueMicrotask(() => this.#send());
      this.#waiting.push({ ref, resolve, reject });
    });
  }

  #send(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < all.length; from += TOGETHER_MAX) {
      const some = all.slice(from, from + TOGETHER_MAX);
      this.#read(some).then(
        (found) => settle(some, found),
        (error: unknown) => {
          for (const { reject } of some) reject(error);
        },
      );
    }
  }

  #read(some: readonly Waiting[]): Promise<readonly Found[]> {
    const refs = some.map(({ ref }) => ref);
    return this.#database.run("find", async (sql) => {
      const [first] = refs;
      if (refs.length > 1 || first === undefined) return findSessions(sql, refs);
      const stored = await findSession(sql, first);
      return [() => stored];
    });
  }
}

/** One row that does not read is that session's trouble alone. */
function settle(some: readonly Waiting[], found: readonly Found[]): void {
  for (const [at, { resolve, reject }] of some.entries()) {
    try {
      resolve(found[at]?.());
    } catch (error) {
      reject(storeFault(error, "find"));
    }
  }
}
