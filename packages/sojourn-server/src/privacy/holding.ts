/** A place where something is kept of people. Each is asked for both: what it knows, to forget. */

export interface Person {
  readonly tenant: string;
  readonly subject: string;
}

/** Who asked for an erasure, for the record. */
export interface Order {
  readonly actor: string;
  /** Names nobody. */
  readonly cause?: string;
  readonly request?: string;
}

export interface Holding {
  /** Its member of an export, and of the answer to an erasure. */
  readonly name: string;
  /** What was under way when somebody was forgotten arrives later: it is asked once more. */
  readonly late: boolean;
  /** Everything, oldest or newest first; JSON objects without tokens. */
  export(person: Person): AsyncIterable<object>;
  /** Idempotent. @returns how much went. */
  erase(person: Person, order: Order): Promise<number>;
}
