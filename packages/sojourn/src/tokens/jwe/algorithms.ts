/**
 * How the key of an encrypted token is wrapped, and nothing else: no RSA1_5 (an oracle), no
 * password (PBES2: its count is the sender's), no bare shared key (`dir`). The content is A256GCM,
 * never compressed. RFC 8725 sections 3.2 and 3.6; ASVS 5.0 11.2.3.
 */

export const WRAPPING_ALGORITHMS = ["A256KW", "ECDH-ES+A256KW", "RSA-OAEP-256"] as const;
export type WrappingAlgorithm = (typeof WRAPPING_ALGORITHMS)[number];

export const CONTENT_ALGORITHM = "A256GCM";

export function isWrappingAlgorithm(value: unknown): value is WrappingAlgorithm {
  return WRAPPING_ALGORITHMS.some((one) => one === value);
}
