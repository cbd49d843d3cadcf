/**
 * IP addresses and networks as text and as numbers. IPv4 written as IPv6 (`::ffff:192.0.2.1`) is
 * the IPv4 address everywhere, so that one host cannot look like two.
 */

/** Two 16-bit groups for IPv4, eight for IPv6. */
export type Address = readonly number[];

export interface Network {
  readonly address: Address;
  /** Leading bits that count: 0–32 or 0–128. */
  readonly bits: number;
}

/** Longest text of an address with a zone that is looked at. */
const ADDRESS_MAX_CHARS = 64;
const IPV4_GROUPS = 2;
const IPV6_GROUPS = 8;
const DOT = 0x2e;
const COLON = 0x3a;

/** Digits only, no sign, no leading zero, at most `max`. @returns -1 for anything else. */
export function readNumber(text: string, max: number): number {
  if (text.length === 0 || text.length > 5) return -1;
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9 || (index === 1 && value === 0)) return -1;
    value = value * 10 + digit;
  }
  return value <= max ? value : -1;
}

/** Dotted quad from `start` to the end. */
function readIpv4(text: string, start: number): Address | undefined {
  const octets: number[] = [];
  let at = start;
  while (octets.length < 4) {
    // The last one takes all the rest, so that a fifth part makes it no number.
    const end = octets.length === 3 ? text.length : text.indexOf(".", at);
    const octet = end === -1 ? -1 : readNumber(text.slice(at, end), 255);
    if (octet < 0) return undefined;
    octets.push(octet);
    at = end + 1;
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  return [(a << 8) | b, (c << 8) | d];
}

/** -1 for what is no hexadecimal digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Where the group from `start` ends; its value lands in `groups`. @returns -1 for no group. */
function readGroup(text: string, start: number, groups: number[]): number {
  let value = 0;
  let at = start;
  for (; at < text.length; at += 1) {
    const digit = hexDigit(text.charCodeAt(at));
    if (digit < 0) break;
    value = value * 16 + digit;
  }
  if (at === start || at - start > 4) return -1;
  groups.push(value);
  return at;
}

function readIpv6(text: string): Address | undefined {
  const groups: number[] = [];
  /** How many groups stand before `::`; -1 while it has not come. */
  let gap = text.startsWith("::") ? 0 : -1;
  let at = gap === 0 ? 2 : 0;
  while (at < text.length) {
    const end = readGroup(text, at, groups);
    if (end === -1) return undefined;
    if (end === text.length) return filled(groups, gap);
    if (text.charCodeAt(end) === DOT) return endingInIpv4(text, at, groups, gap);
    if (text.charCodeAt(end) !== COLON) return undefined;
    at = end + 1;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap !== -1) return undefined;
    gap = groups.length;
    at += 1;
  }
  // What was read ended in a colon: fine behind the one gap, nowhere else.
  return gap === groups.length ? filled(groups, gap) : undefined;
}

/** The last group read was the first octet of a dotted quad that starts at `start`. */
function endingInIpv4(
  text: string,
  start: number,
  groups: readonly number[],
  gap: number,
): Address | undefined {
  const tail = readIpv4(text, start);
  return tail === undefined ? undefined : filled([...groups.slice(0, -1), ...tail], gap);
}

/** Put zeros where `::` stood; it stands for at least one group. */
function filled(groups: readonly number[], gap: number): Address | undefined {
  const missing = IPV6_GROUPS - groups.length;
  if (gap === -1) return missing === 0 ? groups : undefined;
  if (missing < 1) return undefined;
  const whole = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let index = 0; index < groups.length; index += 1) {
    whole[index < gap ? index : index + missing] = groups[index] ?? 0;
  }
  return whole;
}

function unmapped(groups: Address): Address {
  if (groups[5] !== 0xffff) return groups;
  for (let index = 0; index < 5; index += 1) {
    if (groups[index] !== 0) return groups;
  }
  return groups.slice(6);
}

/** Read an address; a zone (`%eth0`) is left out. @returns `undefined` for anything else. */
export function readAddress(text: string): Address | undefined {
  if (text.length < 2 || text.length > ADDRESS_MAX_CHARS) return undefined;
  if (!text.includes(":")) return readIpv4(text, 0);
  const zone = text.indexOf("%");
  const groups = readIpv6(zone === -1 ? text : text.slice(0, zone));
  return groups === undefined ? undefined : unmapped(groups);
}

/** Where the longest run of two or more zero groups begins and ends; the first one of equals. */
function longestGap(groups: Address): readonly [number, number] {
  let best: readonly [number, number] = [0, 0];
  for (let start = 0; start < groups.length;) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start >= 2 && end - start > best[1] - best[0]) best = [start, end];
    start = Math.max(end, start + 1);
  }
  return best;
}

/** Print an address in its one canonical form. RFC 5952. */
export function printAddress(address: Address): string {
  if (address.length === IPV4_GROUPS) {
    const [high = 0, low = 0] = address;
    return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
  }
  const [start, end] = longestGap(address);
  let text = "";
  for (let index = 0; index < address.length; index += 1) {
    if (index === start && end > start) {
      text += "::";
      index = end - 1;
      continue;
    }
    if (text !== "" && index !== end) text += ":";
    text += (address[index] ?? 0).toString(16);
  }
  return text;
}

function mask(bits: number): number {
  return (0xffff << (16 - Math.min(Math.max(bits, 0), 16))) & 0xffff;
}

/** Read `address/bits` or a single address. @returns a sentence when it cannot be meant. */
export function readNetwork(text: string): Network | string {
  const slash = text.indexOf("/");
  const address = readAddress(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return "is no IP address or network such as 10.0.0.0/8 or fd00::/8";
  const width = address.length * 16;
  if (slash === -1) return { address, bits: width };
  // A mapped network counts its bits from the IPv6 front; only what is left concerns IPv4.
  const offset = width === 32 && text.includes(":") ? 96 : 0;
  const bits = readNumber(text.slice(slash + 1), width + offset) - offset;
  if (bits < 0) return `takes ${offset} to ${width + offset} bits after the slash`;
  const network = address.map((group, index) => group & mask(bits - index * 16));
  if (network.some((group, index) => group !== address[index])) {
    return `has bits set behind the first ${bits}; write ${printAddress(network)}/${bits}`;
  }
  return { address, bits };
}

/** True when the address lies in the network. The families never meet. */
export function contains(network: Network, address: Address): boolean {
  if (network.address.length !== address.length) return false;
  for (let index = 0; index < address.length; index += 1) {
    const differing = (network.address[index] ?? 0) ^ (address[index] ?? 0);
    if ((differing & mask(network.bits - index * 16)) !== 0) return false;
  }
  return true;
}

export const LOOPBACK_NETWORKS: readonly Network[] = Object.freeze([
  { address: [0x7f00, 0], bits: 8 },
  { address: [0, 0, 0, 0, 0, 0, 0, 1], bits: 128 },
]);

/** True for 127.0.0.0/8 and ::1, however written. */
export function isLoopbackAddress(text: string): boolean {
  const address = readAddress(text);
  return address !== undefined && LOOPBACK_NETWORKS.some((network) => contains(network, address));
}
