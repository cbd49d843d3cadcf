/**
 * The signature algorithms tokens are signed with, and no others: asymmetric, at least 128 bits
 * strong (ASVS 5.0 11.2.3). A shared secret is not among them: whoever could verify could sign.
 */

export const SIGNING_ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** What a signature is made with in Web Crypto. */
export interface AlgorithmFacts {
  readonly kty: "EC" | "OKP" | "RSA";
  readonly crv?: string;
  /** Parameters of `importKey` and `generateKey`. */
  readonly key: EcKeyImportParams | RsaHashedImportParams | Algorithm;
  /** Parameters of `sign`. */
  readonly signing: EcdsaParams | RsaPssParams | Algorithm;
  /** Bytes of a signature; absent where the key decides. */
  readonly signatureBytes?: number;
}

const SHA_256 = "SHA-256";

const FACTS: Readonly<Record<SigningAlgorithm, AlgorithmFacts>> = {
  ES256: {
    kty: "EC",
    crv: "P-256",
    key: { name: "ECDSA", namedCurve: "P-256" },
    signing: { name: "ECDSA", hash: SHA_256 },
    signatureBytes: 64,
  },
  EdDSA: {
    kty: "OKP",
    crv: "Ed25519",
    key: { name: "Ed25519" },
    signing: { name: "Ed25519" },
    signatureBytes: 64,
  },
  RS256: {
    kty: "RSA",
    key: { name: "RSASSA-PKCS1-v1_5", hash: SHA_256 },
    signing: { name: "RSASSA-PKCS1-v1_5" },
  },
  PS256: {
    kty: "RSA",
    key: { name: "RSA-PSS", hash: SHA_256 },
    signing: { name: "RSA-PSS", saltLength: 32 },
  },
};

/** Keys of ours are at least this long. NIST SP 800-57: 3072 bits give 128. */
export const RSA_BITS_MIN = 3072;

export function factsOf(alg: SigningAlgorithm): AlgorithmFacts {
  return FACTS[alg];
}

export function isSigningAlgorithm(value: unknown): value is SigningAlgorithm {
  return SIGNING_ALGORITHMS.some((one) => one === value);
}
