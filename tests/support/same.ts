/** By their JSON, keys in any order. */
export function same(actual: unknown, expected: unknown): void {
  const [a, e] = [sorted(actual), sorted(expected)];
  if (a !== e) throw new Error(`expected ${e}, got ${a}`);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
