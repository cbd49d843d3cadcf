/**
 * The proofs of browsers without DBSC: DPoP proofs (RFC 9449 section 4.2) by a key that a page made
 * with Web Crypto, with our challenge as their nonce. The challenge is of one session and key, old
 * after five minutes and answered once, so what the client's clock says is not looked at.
 */
import { decodeBase64Url } from "../base64url.ts";
import { normalTarget } from "../dpop/target.ts";
import { readCompact } from "../jwt/compact.ts";
import { readJsonObject } from "../jwt/strict-json.ts";
import type { JsonObject } from "../jwt/strict-json.ts";
import { keyText } from "./proof.ts";
import type { SignedText } from "./proof.ts";
import type { ProofFlaw } from "./words.ts";

/** What the proof has to be for. */
export interface ProofFor {
  readonly method: string;
  readonly target: string;
}

/** A proof whose form is right and whose signature nobody has looked at. */
export interface WebcryptoProof extends SignedText {
  readonly challenge: string;
  /** The key it brings, as a record keeps it. */
  readonly key: string;
}

const RULES = { kind: "dpop+jwt", algorithms: ["ES256"], bytesMax: 4_096 } as const;
const TEXT_CHARS_MAX = 256;

export function readWebcryptoProof(
  text: string,
  { method, target }: ProofFor,
): WebcryptoProof | ProofFlaw {
  const head = readCompact(text, RULES);
  if (typeof head === "string") return "form";
  const key = keyText(head.header["jwk"], "ES256");
  if (key === undefined) return "key";
  const claims = claimsOf(text);
  if (claims === undefined) return "form";
  const { jti, htm, htu, iat, nonce } = claims;
  if (!isText(jti) || typeof iat !== "number" || !isText(nonce)) return "form";
  if (htm !== method || normalTarget(htu) !== normalTarget(target)) return "audience";
  return { text, alg: "ES256", challenge: nonce, key };
}

function claimsOf(text: string): JsonObject | undefined {
  const [, payload = ""] = text.split(".");
  const bytes = decodeBase64Url(payload);
  return bytes === undefined ? undefined : readJsonObject(bytes);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= TEXT_CHARS_MAX;
}
