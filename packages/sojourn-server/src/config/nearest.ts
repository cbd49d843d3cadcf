/** Which known name a mistyped one was meant to be. */

const NAME_MAX_CHARS = 64;

/** @returns the nearest name, or `undefined` when more than a third of the letters would change. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const wanted = given.slice(0, NAME_MAX_CHARS).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.floor(wanted.length / 3) + 1;
  for (const name of known) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** Say that a name is unknown, with the nearest one or all of them. */
export function unknownName(given: string, known: readonly string[]): string {
  const guess = nearest(given, known);
  return guess === undefined
    ? `unknown; accepted: ${known.join(", ")}`
    : `unknown; did you mean ${guess}?`;
}

/** Edits with neighbours swapped counted as one (a typing slip); both texts are short. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const slip = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const slipped = slip ? at(before, j - 2) + 1 : Infinity;
      next.push(Math.min(swap, at(row, j) + 1, at(next, j - 1) + 1, slipped));
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
