/** Options that are whole numbers. */
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin } from "../../engine/given.ts";

export interface NumberRange {
  readonly otherwise: number;
  readonly min: number;
  readonly max: number;
}

/** What was given or else the default; what is out of range becomes a problem of `store.…`. */
export function wholeNumbers<Name extends string>(
  given: Readonly<Partial<Record<NoInfer<Name>, unknown>>>,
  ranges: Readonly<Record<Name, NumberRange>>,
  problems: ConfigProblem[],
): Record<Name, number> {
  const read = Object.entries<NumberRange>(ranges).map(([name, { otherwise, min, max }]) => {
    const value = given[name as Name] ?? otherwise;
    if (!isWholeWithin(value, min, max)) {
      problems.push({ path: `store.${name}`, message: `expected a whole number, ${min}–${max}` });
    }
    return [name, value];
  });
  return Object.fromEntries(read) as Record<Name, number>;
}
