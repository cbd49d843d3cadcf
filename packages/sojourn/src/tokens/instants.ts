/** Instants as the wire has them (RFC 3339) and as we have them: milliseconds since the epoch. */

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** @returns `undefined` for anything but an instant. */
export function readInstant(text: unknown): number | undefined {
  if (typeof text !== "string" || !RFC_3339.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

export function formatInstant(at: number): string {
  return new Date(at).toISOString();
}
