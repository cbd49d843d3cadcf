/**
 * What PostgreSQL cannot hold in a text is escaped on the way in and restored on the way out, so
 * that `alice` never comes out of a longer name and no two names become one.
 */
import { pack, unpack } from "../sql/packed.ts";

/** NUL is refused by the server, a lone surrogate has no UTF-8; U+0001 marks what was escaped. */
// oxlint-disable-next-line no-control-regex
const FOREIGN = /[\u0000\u0001\p{Surrogate}]/gu;
// oxlint-disable-next-line no-control-regex
const ESCAPED = /\u0001([0-9a-f]{4})/g;
const PACKED_BYTES = 18;
const UNPACKED_MARK = 0xff;

export function textIn(text: string): string {
  return text.replace(FOREIGN, (unit) => `\u0001${hex4(unit.charCodeAt(0))}`);
}

export function textInOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : textIn(text);
}

export function textOut(text: string): string {
  if (!text.includes("\u0001")) return text;
  return text.replace(ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function hex4(code: number): string {
  return code.toString(16).padStart(4, "0");
}

/**
 * A session id as bytes: 18 for an id of ours, ordered as the texts are. Any other text keeps its
 * UTF-8 behind a byte that UTF-8 never has, doubled where the length would be taken for ours.
 */
export function idIn(id: string): Uint8Array {
  const packed = id.length === 24 ? pack(id) : id;
  if (typeof packed !== "string") return packed;
  const plain = Buffer.from(textIn(id));
  const marks = plain.length + 1 === PACKED_BYTES ? 2 : 1;
  return Buffer.concat([Buffer.alloc(marks, UNPACKED_MARK), plain]);
}

/** The id that {@link idIn} was given, from the hexadecimal text of its bytes. */
export function idOut(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  if (bytes.length === PACKED_BYTES) return unpack(bytes);
  return textOut(bytes.toString("utf8", bytes[1] === UNPACKED_MARK ? 2 : 1));
}
