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

/**
 * @returns the flaw, or `"unavailable"` when nobody can tell whether there is such a key.
 * @throws {ConfigError} (rejects) where `jose` is not installed.
 */
export function proveCompact(
  token: unknown,
  rules: CompactRules,
  keys: VerifyKeys,
): MaybePromise<ProvedToken | Flaw | "unavailable"> {
  const head = readCompact(token, rules);
  if (typeof head === "string") return head;
  const jose = loadJose();
  const key = keys.among(head.kid, head.alg);
  const text = token as string;
  if (jose instanceof Promise || key === undefined) return proveLater(text, head, keys);
  return proveWith(jose, key, { text, head });
}

async function proveLater(
  text: string,
  head: CompactHead,
  keys: VerifyKeys,
): Promise<ProvedToken | Flaw | "unavailable"> {
  const jose = await loadJose();
  const key = await keys.find(head.kid, head.alg);
  if (key === "unavailable") return key;
  return key === "unknown" ? "key" : proveWith(jose, key, { text, head });
}

/** No `async`: this is the way of every token, and each step of it costs as much as a claim. */
function proveWith(
  { compactVerify }: Jose,
  { key, alg, kid: keyId }: VerifyKey,
  { text, head }: { readonly text: string; readonly head: CompactHead },
): Promise<ProvedToken | Flaw> {
  return compactVerify(text, key, { algorithms: [alg] }).then(
    (verified) => {
      const payload = readJsonObject(verified.payload);
      return payload === undefined ? "claims" : { head, payload, keyId };
    },
    () => "signature" as const,
  );
}
