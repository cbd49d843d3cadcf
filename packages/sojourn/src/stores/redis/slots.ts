/** Slots of a cluster: which one a key is in, and what a node says of who has them. */

const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;

const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 0x8000) === 0 ? value << 1 : (value << 1) ^ POLYNOMIAL;
  }
  return value & 0xffff;
});

/** Of an ASCII key: what is between its first braces alone, if it has any. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const [from, to] = close > open + 1 ? [open + 1, close] : [0, key.length];
  let crc = 0;
  for (let at = from; at < to; at += 1) {
    crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ key.charCodeAt(at)) & 0xff] ?? 0)) & 0xffff;
  }
  return crc % SLOTS;
}

/**
 * The address of each slot's primary, from an answer to CLUSTER SLOTS.
 *
 * @param asked Whose answer it is; a node that does not know its own name leaves it out.
 */
export function ownersOf(reply: unknown, asked: string): (string | undefined)[] {
  const owners: (string | undefined)[] = Array.from({ length: SLOTS });
  for (const [from, to, primary] of reply as [number, number, [unknown, number]][]) {
    const host = typeof primary[0] === "string" ? primary[0] : "";
    const named = host === "" || host === "?" ? asked.slice(0, asked.lastIndexOf(":")) : host;
    owners.fill(`${named}:${primary[1]}`, from, to + 1);
  }
  return owners;
}
