/** The signature of a compact JWS, proved by `jose`; nothing of the payload is read before. */
import type { MaybePromise } from "../../engine/ports.ts";
import type { CompactHead, CompactRules, Flaw } from "./compact.ts";
import { readCompact } from "./compact.ts";
import { loadJose } from "./jose.ts";
import type { Jose } from "./jose.ts";
import { readJsonObject } from "./strict-json.ts";
import type { JsonObject } from "./strict-json.ts";
import type { VerifyKey, VerifyKeys } from "./verify-keys.ts";

export interface ProvedToken {
  readonly head: CompactHead;
  readonly payload: JsonObject;
  /** Of the key that proved it, whether or not the token names it. */
  readonly keyId: string | undefined;
}

/** What a token is proved with. */
export interface Provers {
  readonly rules: CompactRules;
  readonly keys: VerifyKeys;
}

/** A flaw, or `"unavailable"` when nobody can tell whether there is such a key. */
type Read = ProvedToken | Flaw | "unavailable";

/**
 * @param go What becomes of it, in the same step: on the way of every token one more costs as much
 * as all of its claims.
 * @throws {ConfigError} (rejects) where `jose` is not installed.
 */
export function proveCompact<T>(
  token: unknown,
  { rules, keys }: Provers,
  go: (read: Read) => MaybePromise<T>,
): MaybePromise<T> {
  const head = readCompact(token, rules);
  if (typeof head === "string") return go(head);
  const jose = loadJose();
  const key = keys.among(head.kid, head.alg);
  const signed = { text: token as string, head };
  if (jose instanceof Promise || key === undefined) return proveLater(jose, signed, keys, go);
  return proveWith(jose, key, signed, go);
}

interface Signed {
  readonly text: string;
  readonly head: CompactHead;
}

async function proveLater<T>(
  loaded: MaybePromise<Jose>,
  signed: Signed,
  keys: VerifyKeys,
  go: (read: Read) => MaybePromise<T>,
): Promise<T> {
  const jose = await loaded;
  const key = await keys.find(signed.head.kid, signed.head.alg);
  if (key === "unavailable") return go(key);
  return key === "unknown" ? go("key") : proveWith(jose, key, signed, go);
}

function proveWith<T>(
  { compactVerify }: Jose,
  { key, alg, kid: keyId }: VerifyKey,
  { text, head }: Signed,
  go: (read: Read) => MaybePromise<T>,
): Promise<T> {
  return compactVerify(text, key, { algorithms: [alg] }).then(
    (verified) => {
      const payload = readJsonObject(verified.payload);
      return go(payload === undefined ? "claims" : { head, payload, keyId });
    },
    () => go("signature"),
  );
}
