/**
 * `sojourn/tokens`: secrets, signing keys, access tokens and their verification away from the
 * store. A session token is not verified here: it is worth what `authenticate` answers.
 */
export { describeToken, type TokenDescription } from "./describe-token.ts";
export type { KeyFacts, KeyPurpose } from "./key-ring.ts";
export { generateSecret, type Secret } from "./secrets.ts";
export type { TokenType } from "./token-format.ts";
export type { SigningAlgorithm } from "./keys/algorithms.ts";
export { environmentKeys, type EnvironmentKeysOptions } from "./keys/local-keys.ts";
export { fileKeys, type FileKeysOptions, writeKeyFile } from "./keys/file-keys.ts";
export type { AnyJwk, JwkSet, PublicJwk } from "./keys/jwk.ts";
export { rotateKeys, type RotatedDocument, type RotateOptions } from "./keys/key-document.ts";
export type { KeyState } from "./keys/key-states.ts";
export { kmsKeys, type KmsKey, type KmsKeysOptions } from "./keys/kms-keys.ts";
export type { KeyDates, KeyProvider, SigningKey, SigningPurpose } from "./keys/provider.ts";
export { createSigningKeys } from "./keys/signing-keys.ts";
export type {
  BlastRadius,
  SigningKeyFacts,
  SigningKeys,
  SigningKeysOptions,
} from "./keys/signing-keys.ts";
export { createAccessGuard } from "./dpop/access-guard.ts";
export type {
  AccessAnswer,
  AccessGuard,
  AccessGuardOptions,
  AccessRequest,
} from "./dpop/access-guard.ts";
export { createDpop } from "./dpop/dpop.ts";
export type {
  Dpop,
  DpopOptions,
  ExaminedProof,
  ProofRefusal,
  ProofRequest,
  ProofStanding,
  ProvedKey,
} from "./dpop/dpop.ts";
export { memoryReplays, type MemoryReplaysOptions } from "./dpop/memory-replays.ts";
export { type NonceOptions, Nonces } from "./dpop/nonces.ts";
export type { HeaderValue, ProofFlaw } from "./dpop/proof.ts";
export type { DpopAlgorithm } from "./dpop/proof-key.ts";
export type { WrappingAlgorithm } from "./jwe/algorithms.ts";
export { createEncryptedVerifier } from "./jwe/encrypted-verifier.ts";
export type { EncryptedVerifier, EncryptedVerifierOptions } from "./jwe/encrypted-verifier.ts";
export type { EncryptionKey } from "./jwe/encryption-keys.ts";
export { tokenEncrypter, type TokenEncrypterOptions } from "./jwe/token-encrypter.ts";
export type { AccessClaims, Confirmation } from "./jwt/access-claims.ts";
export type { AccessRequirement, AccessUnmet } from "./jwt/access-requirement.ts";
export type { Flaw } from "./jwt/compact.ts";
export { httpFeed, httpJwks } from "./jwt/http-sources.ts";
export type { HttpFeedOptions, HttpSourceOptions } from "./jwt/http-sources.ts";
export { createIssuer } from "./jwt/issuer.ts";
export type { AccessIssuer, IssuedToken, IssueRequest, IssuerOptions } from "./jwt/issuer.ts";
export { createRevocationLog } from "./jwt/revocation-log.ts";
export type { RevocationLog, RevocationLogOptions } from "./jwt/revocation-log.ts";
export type { TokenEnd } from "./jwt/token-ends.ts";
export { formatPage, readPage } from "./jwt/revocations.ts";
export type { RevocationEntry, RevocationFeed, RevocationPage } from "./jwt/revocations.ts";
export { type PageClaims, signPage } from "./jwt/signed-page.ts";
export type { ClaimsTemplate, ClaimsTemplates, ClaimValue } from "./jwt/templates.ts";
export { createVerifier } from "./jwt/verifier.ts";
export type {
  AccessStanding,
  AccessVerifier,
  EndWhy,
  Proven,
  VerifierOptions,
} from "./jwt/verifier.ts";
export type { JwksSource } from "./jwt/verify-keys.ts";
