import type { MaybePromise } from "../engine/ports.ts";
import { encodeBase64Url } from "./base64url.ts";
import { encodeFields } from "./fields.ts";
import { chain } from "./maybe-promise.ts";

/** 96 bits: no two of a billion texts meet by chance. */
const SHORT_HASH_BYTES = 12;

/** What is hashed for a name that only has to be told apart: 16 base64url characters of the MAC. */
export function shortHash(hash: MaybePromise<Uint8Array>): MaybePromise<string> {
  return chain(hash, (bytes) => encodeBase64Url(bytes, SHORT_HASH_BYTES));
}

export function oneField(text: string): Uint8Array {
  return encodeFields([text]);
}
