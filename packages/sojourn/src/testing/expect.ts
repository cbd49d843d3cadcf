/** Assertions without a test runner. A failure names the promise that was broken. */

/** A store broke its contract. */
export class CaseFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CaseFailure";
  }
}

/** @throws {CaseFailure} */
export function hold(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new CaseFailure(promise);
}

/** Deep equality; absent fields and `undefined` ones are alike. @throws {CaseFailure} */
export function same(actual: unknown, expected: unknown, what: string): void {
  const is = text(actual);
  const wanted = text(expected);
  if (is !== wanted) throw new CaseFailure(`${what}: is ${is}, expected ${wanted}`);
}

/** Narrow a union by its `outcome`. @throws {CaseFailure} */
export function outcome<Result extends { readonly outcome: string }, Name extends string>(
  result: Result,
  expected: Name,
  what: string,
): Extract<Result, { readonly outcome: Name }> {
  if (result.outcome !== expected) {
    throw new CaseFailure(`${what}: is ${text(result)}, expected outcome "${expected}"`);
  }
  return result as Extract<Result, { readonly outcome: Name }>;
}

/** @throws {CaseFailure} */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new CaseFailure(`${what}: is absent`);
  return value;
}

const POLL_MS = 5;
const PATIENCE_MS = 5_000;

/** Wait until something holds that another process or a timer brings about. Bounded: 5 s. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += POLL_MS) {
    if (waited > PATIENCE_MS)
      throw new CaseFailure(`${what}: still not so after ${PATIENCE_MS} ms`);
    await new Promise((resolve) => void setTimeout(resolve, waited === 0 ? 0 : POLL_MS));
  }
}

function text(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      const sorted = Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1));
      return Object.fromEntries(sorted);
    }) ?? "undefined"
  );
}
