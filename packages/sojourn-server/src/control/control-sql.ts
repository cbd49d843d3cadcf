/**
 * One SQL for two engines: what SQLite and PostgreSQL both understand, with values by plain `?`.
 * Tables are written as `control.reply`. Texts, whole numbers, bytes and NULL are all there is.
 */
import { ContentionError, SojournError, StoreUnavailableError } from "sojourn";

export type SqlValue = string | number | Uint8Array | null;

export interface Statement {
  readonly text: string;
  readonly values: readonly SqlValue[];
  /** Rows that it must write; any other number undoes the whole transaction. */
  readonly writes?: number;
}

export interface SqlOutcome {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows that were written. */
  readonly changes: number;
}

export interface ControlSql {
  /** A statement that is a transaction of its own. @throws {StoreUnavailableError} */
  run(operation: string, text: string, ...values: readonly SqlValue[]): Promise<SqlOutcome>;
  /**
   * All of them or none.
   *
   * @throws {StoreUnavailableError}
   * @throws {ContentionError} when one wrote another number of rows than it must: nothing is left.
   */
  all(operation: string, statements: readonly Statement[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Trouble of the engine is `unavailable`, so that it answers 503 and never 401. Of what the driver
 * said only its code is kept: the rest may quote values. Invariants I7, I12.
 */
export function controlFault(error: unknown, operation: string): Error {
  if (error instanceof SojournError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "no code";
  const cause = Object.assign(new Error(`control store: ${code}`), { code });
  return new StoreUnavailableError(`control ${operation}`, { cause });
}

/** Whoever comes between two steps is noticed here, inside the transaction. */
export function checkWrites({ writes }: Statement, { changes }: SqlOutcome): void {
  if (writes !== undefined && changes !== writes) throw new ContentionError("control store");
}

/** A control store written by a newer release. Refused, not guessed at. */
export function newerSchema(place: string, found: number, known: number): SojournError {
  return new SojournError(
    "ERR_STORE_SCHEMA",
    `${place} has schema ${found}; this version knows ${known}: upgrade sojourn-server`,
  );
}
