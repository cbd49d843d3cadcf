/**
 * A DPoP proof, read strictly: one header, one signed text of its kind, its own key's signature,
 * for this method and this address. When it was made and whether it came before is judged
 * elsewhere. RFC 9449 section 4.3.
 */
import { readCompact } from "../jwt/compact.ts";
import type { Flaw } from "../jwt/compact.ts";
import { loadJose } from "../jwt/jose.ts";
import { readJsonObject } from "../jwt/strict-json.ts";
import type { JsonObject } from "../jwt/strict-json.ts";
import type { Memo } from "../jwt/memo.ts";
import { readProofKey } from "./proof-key.ts";
import type { DpopAlgorithm, ProofKey } from "./proof-key.ts";
import { normalTarget } from "./target.ts";

/** Every value of a header, or its one value. Two in one text are none: they are refused. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** Why a proof is worth nothing. For logs: the outside gets one answer for all of them. */
export type ProofFlaw =
  | Flaw
  | "absent"
  | "repeated"
  | "method"
  | "target"
  | "time"
  | "nonce"
  | "token_hash"
  | "other_key"
  | "replayed";

export interface ProofRules {
  readonly algorithms: readonly DpopAlgorithm[];
  readonly method: string;
  /** In its normal spelling. */
  readonly target: string;
  /** Headers that were read lately: a client's proofs have the same, key and all. */
  readonly heads: Memo<KnownHead>;
}

export interface KnownHead extends ProofKey {
  readonly text: string;
  readonly alg: string;
}

export interface Proof {
  /** The RFC 7638 thumbprint of the key that signed it. */
  readonly jkt: string;
  readonly jti: string;
  readonly target: string;
  /** Milliseconds since the epoch, as its maker says. */
  readonly issuedAt: number;
  /** The hash of an access token. */
  readonly ath: string | undefined;
  readonly nonce: string | undefined;
}

const PROOF_BYTES_MAX = 4_096;
const JTI_CHARS_MAX = 256;
const TEXT_CHARS_MAX = 256;

/** The one value of a header. @returns the flaw where there are none or several. */
export function oneValue(header: HeaderValue): { readonly text: string } | ProofFlaw {
  if (header === null || header === undefined) return "absent";
  if (typeof header === "string") return { text: header };
  const [text, ...others] = header;
  if (text === undefined) return "absent";
  return others.length === 0 ? { text } : "repeated";
}

/** @throws {ConfigError} (rejects) where `jose` is not installed. */
export async function readProof(
  header: HeaderValue,
  rules: ProofRules,
): Promise<Proof | ProofFlaw> {
  const value = oneValue(header);
  if (typeof value === "string") return value;
  const head = await readHead(value.text, rules);
  if (typeof head === "string") return head;
  const { compactVerify } = await loadJose();
  let bytes: Uint8Array;
  try {
    const verified = await compactVerify(value.text, head.key, { algorithms: [head.alg] });
    bytes = verified.payload;
  } catch {
    return "signature";
  }
  const claims = readJsonObject(bytes);
  return claims === undefined ? "claims" : judge(claims, head.jkt, rules);
}

async function readHead(
  text: string,
  { algorithms, heads }: ProofRules,
): Promise<KnownHead | ProofFlaw> {
  const compact = { kind: "dpop+jwt", algorithms, bytesMax: PROOF_BYTES_MAX } as const;
  const head = readCompact(text, compact);
  if (typeof head === "string") return head;
  const headText = text.slice(0, text.indexOf("."));
  const known = heads.get(headText);
  if (known !== undefined) return known;
  const { alg } = head;
  const key = await readProofKey(head.header["jwk"], alg as DpopAlgorithm);
  if (key === undefined) return "key";
  const read = { text: headText, alg, ...key };
  heads.set(read);
  return read;
}

function judge(claims: JsonObject, jkt: string, rules: ProofRules): Proof | ProofFlaw {
  const { jti, htm, htu, iat, ath, nonce } = claims;
  if (!isText(jti, JTI_CHARS_MAX) || !isInstant(iat)) return "claims";
  if (!isTextOrAbsent(ath) || !isTextOrAbsent(nonce)) return "claims";
  if (htm !== rules.method) return "method";
  const { target } = rules;
  // Most clients spell it as we do, and a normal spelling is its own.
  if (htu !== target && normalTarget(htu) !== target) return "target";
  return { jkt, jti, target, issuedAt: iat * 1_000, ath, nonce };
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= max;
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || isText(value, TEXT_CHARS_MAX);
}

/** Seconds that stay exact as milliseconds. */
function isInstant(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < 9e12;
}
