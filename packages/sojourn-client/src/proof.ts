/** Keys that cannot leave the browser, and the proofs they sign. RFC 9449 section 4.2. */

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A key pair whose private half no script can read, ours included. */
export function makeKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
}

export interface ProofFor {
  readonly method: string;
  /** Without query and fragment. */
  readonly url: string;
  /** What the server asks it to answer: of one session and key, and good once. */
  readonly nonce: string;
}

export async function makeProof(
  pair: CryptoKeyPair,
  { method, url, nonce }: ProofFor,
): Promise<string> {
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: { crv, kty, x, y } };
  const iat = Math.floor(Date.now() / 1_000);
  const claims = { htm: method, htu: url, iat, jti: crypto.randomUUID(), nonce };
  const text = `${encode(utf8(header))}.${encode(utf8(claims))}`;
  const signature = await crypto.subtle.sign(
    ALGORITHM,
    pair.privateKey,
    new TextEncoder().encode(text),
  );
  return `${text}.${encode(new Uint8Array(signature))}`;
}

function utf8(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function encode(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
