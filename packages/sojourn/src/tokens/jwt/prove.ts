/** The signature of a compact JWS, proved by `jose`; nothing of the payload is read before. */
import type { CompactHead, CompactRules, Flaw } from "./compact.ts";
import { readCompact } from "./compact.ts";
import { loadJose } from "./jose.ts";
import { readJsonObject } from "./strict-json.ts";
import type { JsonObject } from "./strict-json.ts";
import type { VerifyKeys } from "./verify-keys.ts";

export interface ProvedToken {
  readonly head: CompactHead;
  readonly payload: JsonObject;
  /** Of the key that proved it, whether or not the token names it. */
  readonly keyId: string | undefined;
}

/**
 * @returns the flaw, or `"unavailable"` when nobody can tell whether there is such a key.
 * @throws {ConfigError} (rejects) where `jose` is not installed.
 */
export async function proveCompact(
  token: unknown,
  rules: CompactRules,
  keys: VerifyKeys,
): Promise<ProvedToken | Flaw | "unavailable"> {
  const head = readCompact(token, rules);
  if (typeof head === "string") return head;
  const jose = loadJose();
  const { compactVerify } = jose instanceof Promise ? await jose : jose;
  const key = keys.among(head.kid, head.alg) ?? (await keys.find(head.kid, head.alg));
  if (key === "unavailable") return key;
  if (key === "unknown") return "key";
  let bytes: Uint8Array;
  try {
    const verified = await compactVerify(token as string, key.key, { algorithms: [key.alg] });
    bytes = verified.payload;
  } catch {
    return "signature";
  }
  const payload = readJsonObject(bytes);
  return payload === undefined ? "claims" : { head, payload, keyId: key.kid };
}
