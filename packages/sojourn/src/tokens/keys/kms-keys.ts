/**
 * Keys of a key management service: it signs, and gives no private key away. What a service calls
 * its keys and how it is asked stays with the application.
 */
import { ConfigError, SojournError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { factsOf } from "./algorithms.ts";
import { ecdsaFromDer } from "./ecdsa-der.ts";
import { algorithmOf, publicJwk } from "./jwk.ts";
import type { AnyJwk } from "./jwk.ts";
import { listProblems } from "./local-keys.ts";
import { SIGNING_PURPOSES } from "./provider.ts";
import type { KeyDates, KeyProvider, SigningKey, SigningPurpose } from "./provider.ts";

export interface KmsKey extends Partial<KeyDates> {
  /** In tokens and in `sign`. Default: the RFC 7638 thumbprint. */
  readonly kid?: string;
  readonly alg: SigningAlgorithm;
  readonly publicJwk: AnyJwk;
  /** Default `"access-token"`. */
  readonly purpose?: SigningPurpose;
}

export interface KmsKeysOptions {
  /** The preferred first. */
  readonly keys: readonly KmsKey[];
  /** Sign the bytes, which are not hashed yet. Its own deadline is its business. */
  readonly sign: (kid: string, alg: SigningAlgorithm, bytes: Uint8Array) => Promise<Uint8Array>;
  /** Form of ECDSA signatures: most services answer `"der"`. Default `"raw"`: r and s. */
  readonly ecdsa?: "raw" | "der";
}

/** @throws {ConfigError} (rejects) listing every problem by place. */
export async function kmsKeys(options: KmsKeysOptions): Promise<KeyProvider> {
  const problems: ConfigProblem[] = [];
  const keys: SigningKey[] = [];
  for (const [index, given] of options.keys.entries()) {
    const read = await readKmsKey(given);
    if (typeof read === "string")
      problems.push({ path: `keys[${index}].publicJwk`, message: read });
    else keys.push(read);
  }
  problems.push(...listProblems(keys));
  if (options.keys.length === 0) problems.push({ path: "keys", message: "is empty; give a key" });
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    name: "kms",
    list: () => Promise.resolve(keys),
    async sign(kid, alg, bytes) {
      const answer = await options.sign(kid, alg, bytes);
      const der = options.ecdsa === "der" && alg === "ES256";
      const signature = der ? ecdsaFromDer(answer) : answer;
      const { signatureBytes } = factsOf(alg);
      const wrong = signatureBytes !== undefined && signature?.length !== signatureBytes;
      if (signature === undefined || wrong) {
        const message = `the key management service gave no ${alg} signature; see option ecdsa`;
        throw new SojournError("ERR_KEY_UNAVAILABLE", message);
      }
      return signature;
    },
  };
}

async function readKmsKey(given: KmsKey): Promise<SigningKey | string> {
  const { purpose = "access-token", createdAt = 0, activatesAt = 0 } = given;
  if (given.publicJwk.d !== undefined) return "has a private part (d); give the public key alone";
  if (!SIGNING_PURPOSES.includes(purpose)) {
    return `has no known purpose: ${SIGNING_PURPOSES.join(", ")}`;
  }
  const algorithm = algorithmOf(given.publicJwk, given.alg);
  if (typeof algorithm === "string") return algorithm;
  const shown = await publicJwk(given.publicJwk, algorithm.alg, given.kid);
  if (typeof shown === "string") return shown;
  const { retiresAt, revokedAt } = given;
  const ends = {
    ...(retiresAt === undefined ? {} : { retiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  };
  const { kid, alg } = shown;
  return { kid, alg, purpose, createdAt, activatesAt, ...ends, publicJwk: shown };
}
