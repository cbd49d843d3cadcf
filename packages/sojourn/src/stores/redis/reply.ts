/** Replies that RESP 2 and 3 shape differently. */

/** Names and values, told as a list in RESP 2 and as a map in RESP 3. */
export function pairsOf(reply: unknown): ReadonlyMap<string, string> {
  const list = Array.isArray(reply)
    ? (reply as unknown[]).flat()
    : Object.entries(reply ?? {}).flat();
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < list.length; index += 2) {
    pairs.set(String(list[index]), String(list[index + 1]));
  }
  return pairs;
}
