/**
 * How a sealed text is spread over cookies: `sj1e_`, the number of chunks as one digit, the rest.
 * Each chunk but the last is full, so that a text is cut in one way only.
 */

export const SEALED_PREFIX = "sj1e_";
/** Browsers take 4096 bytes of name and value; what is left is for the name and its prefix. */
const CHUNK_CHARS = 3_800;
/** Servers stop near 16 KiB of headers, and the other cookies want to live, too. */
export const CHUNKS_MAX = 4;

const COUNT_AT: number = SEALED_PREFIX.length;

/** How many chunks a text of so many characters takes. */
export function chunkCount(chars: number): number {
  return Math.ceil(chars / CHUNK_CHARS);
}

/** @returns `undefined` when the first chunk is none of a sealed session. */
export function claimedCount(first: string): number | undefined {
  if (!first.startsWith(SEALED_PREFIX)) return undefined;
  const count = first.charCodeAt(COUNT_AT) - 0x30;
  return count >= 1 && count <= CHUNKS_MAX ? count : undefined;
}

export function splitChunks(text: string): string[] {
  const chunks: string[] = [];
  for (let at = 0; at < text.length; at += CHUNK_CHARS) {
    chunks.push(text.slice(at, at + CHUNK_CHARS));
  }
  return chunks;
}

/** @returns `undefined` unless each is as long as it was cut. */
export function joinChunks(chunks: readonly string[]): string | undefined {
  const last = chunks.length - 1;
  const fits = chunks.every(({ length }, index) =>
    index < last ? length === CHUNK_CHARS : length > 0 && length <= CHUNK_CHARS,
  );
  return fits ? chunks.join("") : undefined;
}
