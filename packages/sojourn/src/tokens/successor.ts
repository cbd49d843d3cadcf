/**
 * The pending successor at rest: sealed under the secret of the confirmed token, which only its
 * holder has. So every node hands out the identical successor, and the store alone can give none.
 *
 * Sealed are the successor's key id and secret only. The rest follows from them: type, id and
 * generation are known, the MAC is computed anew. 72 characters instead of 151 for the whole text.
 */
import { invariant } from "../engine/invariant.ts";
import type { MaybePromise } from "../engine/ports.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";
import { encodeFields, writeUint32 } from "./fields.ts";
import { chain } from "./maybe-promise.ts";
import type { TokenTools } from "./session-token.ts";
import {
  buildBody,
  parseToken,
  type ParsedToken,
  SECRET_BYTES,
  tokenBody,
  tokenSecret,
  tokenText,
} from "./token-format.ts";
import { macOver } from "./token-proof.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KID_BYTES = 2;
const SEALED_BYTES = NONCE_BYTES + KID_BYTES + SECRET_BYTES + TAG_BYTES;

/** Whose successor: the session, and the generation that the successor has. */
interface SuccessorPlace {
  readonly tenant: string;
  readonly id: string;
  readonly generation: number;
}

export interface Successors {
  /** @returns 72 base64url characters. 18 µs. */
  seal(confirmed: ParsedToken, successorText: string, place: SuccessorPlace): MaybePromise<string>;
  /** @returns the identical text, in 16 µs; `undefined` for another token, tenant or generation. */
  open(
    confirmed: ParsedToken,
    sealed: string,
    place: SuccessorPlace,
  ): MaybePromise<string | undefined>;
}

export function successors(tools: TokenTools): Successors {
  const { ring, entropy } = tools;
  return {
    seal(confirmed, successorText, place) {
      const successor = parseToken(successorText, confirmed.type);
      const sameSession = successor?.id === place.id && confirmed.id === place.id;
      const fits = sameSession && successor?.generation === place.generation;
      invariant(successor !== undefined && fits, "a successor has its session's type, id and turn");
      const info = placeFields(place);
      const key = sealKey(tools, confirmed, info);
      invariant(key !== undefined, "a successor was sealed before the token was verified");
      const nonce = entropy.bytes(NONCE_BYTES);
      const plain = joined(tokenBody(successor).subarray(1, 1 + KID_BYTES), tokenSecret(successor));
      const sealed = chain(key, (key) => ring.digest.seal(key, nonce, plain, info));
      return chain(sealed, (bytes) => encodeBase64Url(joined(nonce, bytes)));
    },

    open(confirmed, sealed, place) {
      const bytes = decodeBase64Url(sealed);
      if (bytes?.length !== SEALED_BYTES) return undefined;
      const info = placeFields(place);
      const key = sealKey(tools, confirmed, info);
      if (key === undefined) return undefined;
      const [nonce, box] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES)];
      const plain = chain(key, (key) => ring.digest.open(key, nonce, box, info));
      return chain(plain, (plain) => plain && rebuild(tools, confirmed, { plain, place }));
    },
  };
}

/** Needs both the presented secret and ours: neither a thief of the store nor of a log has both. */
function sealKey(
  tools: TokenTools,
  confirmed: ParsedToken,
  info: Uint8Array,
): MaybePromise<Uint8Array> | undefined {
  return tools.ring.derive("seal", confirmed.kid, info, tokenSecret(confirmed));
}

function placeFields(place: SuccessorPlace): Uint8Array {
  const generation = new Uint8Array(4);
  writeUint32(generation, 0, place.generation);
  return encodeFields([place.tenant, place.id], generation);
}

function rebuild(
  tools: TokenTools,
  confirmed: ParsedToken,
  opened: { readonly plain: Uint8Array; readonly place: SuccessorPlace },
): MaybePromise<string | undefined> {
  const { plain, place } = opened;
  const { type } = confirmed;
  const kid = ((plain[0] as number) << 8) | (plain[1] as number);
  const secret = plain.subarray(KID_BYTES);
  const body = buildBody({ type, kid, id: place.id, generation: place.generation, secret });
  const mac = macOver(tools.ring, body, { type, kid, tenant: place.tenant });
  return mac && chain(mac, (mac) => tokenText(type, body, mac));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
