/**
 * HMAC-SHA-256 as two one-shot hashes. A short message costs 0.8 µs, against 2.1 µs for
 * `createHmac` with a ready `KeyObject` and 12 µs with key bytes (Node 24). The "binary" output is
 * what makes it so: a one-shot hash that returns a Buffer costs 0.5 µs more.
 */
import { hash } from "node:crypto";

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
/** Longer messages get a buffer of their own. */
const SCRATCH_BYTES = 448;

interface KeyBlocks {
  /** The inner pad, then room for a message. */
  readonly inner: Uint8Array;
  /** The outer pad, then room for the inner hash. */
  readonly outer: Uint8Array;
}

/** By identity: keys are long-lived objects that nobody changes, and unused ones are collected. */
const blocksOfKey: WeakMap<Uint8Array, KeyBlocks> = new WeakMap();

/** HMAC-SHA-256, 32 bytes. `key` is remembered by identity and must never be written to. */
export function hmacOneShot(key: Uint8Array, message: Uint8Array): Uint8Array {
  const { inner, outer } = blocksOfKey.get(key) ?? prepare(key);
  writeBinary(outer, BLOCK_BYTES, hash("sha256", innerInput(inner, message), "binary"));
  const result = new Uint8Array(HASH_BYTES);
  writeBinary(result, 0, hash("sha256", outer, "binary"));
  return result;
}

function innerInput(inner: Uint8Array, message: Uint8Array): Uint8Array {
  const length = BLOCK_BYTES + message.length;
  if (message.length <= SCRATCH_BYTES) {
    inner.set(message, BLOCK_BYTES);
    return inner.subarray(0, length);
  }
  const input = new Uint8Array(length);
  input.set(inner.subarray(0, BLOCK_BYTES));
  input.set(message, BLOCK_BYTES);
  return input;
}

/** RFC 2104: a key longer than a block is hashed first, a shorter one is filled with zeros. */
function prepare(key: Uint8Array): KeyBlocks {
  const short = key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key;
  const inner = new Uint8Array(BLOCK_BYTES + SCRATCH_BYTES);
  const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
  for (let index = 0; index < BLOCK_BYTES; index += 1) {
    const byte = short[index] ?? 0;
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  const blocks: KeyBlocks = { inner, outer };
  blocksOfKey.set(key, blocks);
  return blocks;
}

function writeBinary(target: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < HASH_BYTES; index += 1) {
    target[offset + index] = text.charCodeAt(index);
  }
}
