/**
 * Where signing keys come from. A provider lists its keys and signs with them; private keys never
 * leave it, so that it may be a file, the environment, or a key management service that gives
 * nothing away.
 */
import type { SigningAlgorithm } from "./algorithms.ts";
import type { PublicJwk } from "./jwk.ts";

/** One purpose per key: a key of one is never used for another (ASVS 5.0 11.1.2). */
export const SIGNING_PURPOSES = [
  "access-token",
  "revocation-feed",
  "introspection",
  "security-event",
] as const;
export type SigningPurpose = (typeof SIGNING_PURPOSES)[number];

/** Instants of a key's life, in milliseconds since the epoch. */
export interface KeyDates {
  /** 0 when nobody wrote it down. */
  readonly createdAt: number;
  /** Signs from here on, until a later key does; published as soon as it is listed. */
  readonly activatesAt: number;
  /** Signs no more from here on; verifies until the longest token life has passed. */
  readonly retiresAt?: number;
  /** Compromised: verifies nothing any more. */
  readonly revokedAt?: number;
}

export interface SigningKey extends KeyDates {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly purpose: SigningPurpose;
  readonly publicJwk: PublicJwk;
}

export interface KeyProvider {
  /** For inventories, e.g. `"file"`; never a path or a secret. */
  readonly name: string;
  /** Every key there is, the preferred first. Asked before each signature: answer from memory. */
  list(): Promise<readonly SigningKey[]>;
  /**
   * @returns The JOSE form: for ES256 the 64 bytes of r and s.
   * @throws when there is no such key, or the service cannot answer.
   */
  sign(kid: string, alg: SigningAlgorithm, bytes: Uint8Array): Promise<Uint8Array>;
  /** Keep that a key is compromised. Absent: its owner takes it out of the list by hand. */
  revoke?(kid: string, at: number): Promise<void>;
}
