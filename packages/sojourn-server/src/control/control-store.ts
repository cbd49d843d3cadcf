/** What the service keeps besides sessions: service keys, and replies for idempotency. */
import { dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { StorePlace } from "../config/values.ts";
import { openControlDatabase } from "./database.ts";
import { KeyTable } from "./key-table.ts";
import { Replies } from "./replies.ts";

const CONTROL_FILE = "control.db";

/** `control.db` lies beside the session file; with a memory store it is in memory too. */
function controlPath(place: StorePlace): string {
  return place.kind === "memory" ? ":memory:" : join(dirname(place.path), CONTROL_FILE);
}

export class ControlStore {
  readonly keys: KeyTable;
  readonly replies: Replies;
  readonly #database: DatabaseSync;

  /** @throws {StoreUnavailableError | SojournError} when the file cannot be used. */
  constructor(place: StorePlace, secrets: readonly string[], now: () => number) {
    this.#database = openControlDatabase(controlPath(place));
    this.keys = new KeyTable(this.#database);
    this.replies = new Replies(this.#database, secrets, now);
  }

  close(): void {
    this.#database.close();
  }
}
