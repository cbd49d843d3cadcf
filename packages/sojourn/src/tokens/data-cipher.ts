/**
 * Session data encrypted at rest: AES-256-GCM under a key per session, bound to tenant, session and
 * data key, so that a value moved to another place does not open. Stored as `e1.` + four
 * hexadecimal digits of the key id + base64url. No JSON text begins with `e`, so plain values
 * written before encryption was switched on stay readable; what is missing is protection of
 * *those* values.
 */
import { SojournError } from "../engine/errors.ts";
import type { MaybePromise, SessionRef } from "../engine/ports.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";
import { encodeFields } from "./fields.ts";
import { formatKid } from "./key-ring.ts";
import { chain } from "./maybe-promise.ts";
import type { TokenTools } from "./session-token.ts";

const PREFIX = "e1.";
const KID_END = PREFIX.length + 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KID = /^[0-9a-f]{4}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The values of one session. Keeps the session's derived keys: make one per load, then drop it. */
export interface SessionCipher {
  /** Encrypt the JSON text of one data key under the primary key. 10 µs, the first 16 µs. */
  seal(key: string, json: string): MaybePromise<string>;
  /**
   * The JSON text again; a plain value as it is.
   * @throws {SojournError} `ERR_DATA_UNREADABLE` when the key is gone or the value was changed.
   */
  open(key: string, stored: string): MaybePromise<string>;
}

export function sessionCipher(tools: TokenTools, ref: SessionRef): SessionCipher {
  const { ring, entropy } = tools;
  const { digest } = ring;
  const keys = new Map<number, MaybePromise<Uint8Array>>();

  function keyOf(kid: number): MaybePromise<Uint8Array> {
    const known = keys.get(kid);
    if (known !== undefined) return known;
    const key = ring.derive("data", kid, encodeFields([ref.tenant, ref.id]));
    if (key === undefined) throw unknownKey(kid);
    keys.set(kid, key);
    return key;
  }

  function place(key: string): Uint8Array {
    return encodeFields([ref.tenant, ref.id, key]);
  }

  return {
    seal(key, json) {
      const kid = ring.primary;
      const nonce = entropy.bytes(NONCE_BYTES);
      const plain = encoder.encode(json);
      const sealed = chain(keyOf(kid), (bytes) => digest.seal(bytes, nonce, plain, place(key)));
      return chain(sealed, (box) => {
        const kidText = formatKid(kid);
        return PREFIX + kidText + encodeBase64Url(nonce) + encodeBase64Url(box);
      });
    },

    open(key, stored) {
      if (!isSealedData(stored)) return stored;
      const kidText = stored.slice(PREFIX.length, KID_END);
      const bytes = decodeBase64Url(stored.slice(KID_END));
      if (!KID.test(kidText) || bytes === undefined) throw damaged();
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw damaged();
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const box = bytes.subarray(NONCE_BYTES);
      const dataKey = keyOf(Number.parseInt(kidText, 16));
      const plain = chain(dataKey, (bytes) => digest.open(bytes, nonce, box, place(key)));
      return chain(plain, (plain) => {
        if (plain === undefined) throw damaged();
        return decoder.decode(plain);
      });
    },
  };
}

/** True for the encrypted form of a stored value. */
export function isSealedData(stored: string): boolean {
  return stored.startsWith(PREFIX);
}

function unknownKey(kid: number): SojournError {
  return new SojournError(
    "ERR_DATA_UNREADABLE",
    `stored session data is encrypted under key id ${formatKid(kid)}, which no entry of ` +
      "`secrets` has; put that secret back at the end of the list",
  );
}

function damaged(): SojournError {
  return new SojournError(
    "ERR_DATA_UNREADABLE",
    "stored session data does not open: it was changed, moved, or written with other secrets",
  );
}
