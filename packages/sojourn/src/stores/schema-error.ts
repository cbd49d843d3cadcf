/** The one refusal that every store on an engine with a layout of its own has in common. */
import { SojournError } from "../engine/errors.ts";

/** A database written by a newer release. Refused, not guessed at. */
export class StoreSchemaError extends SojournError {
  constructor(found: number, known: number) {
    super(
      "ERR_STORE_SCHEMA",
      `the database has schema version ${found}, this release knows up to ${known}; ` +
        "run a release that knows it, or restore the backup from before the upgrade",
    );
  }
}
