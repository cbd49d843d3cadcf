import { InvariantError } from "./errors.ts";

/** Assert a promise of our own code. Stays on in production. @throws {InvariantError} */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
