/** ECDSA signatures as key management services give them: an ASN.1 sequence of two integers. */

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const HALF_BYTES = 32;

/** The 64 bytes of r and s that JOSE has for P-256. @returns `undefined` for anything else. */
export function ecdsaFromDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return undefined;
  const raw = new Uint8Array(2 * HALF_BYTES);
  let at = 2;
  for (const half of [0, HALF_BYTES]) {
    const length = der[at + 1] ?? 0;
    if (der[at] !== INTEGER || length === 0 || length > HALF_BYTES + 1) return undefined;
    let digits = der.subarray(at + 2, at + 2 + length);
    if (digits.length !== length) return undefined;
    // A leading zero keeps a high first bit from being a sign.
    if (digits[0] === 0) digits = digits.subarray(1);
    if (digits.length > HALF_BYTES) return undefined;
    raw.set(digits, half + HALF_BYTES - digits.length);
    at += 2 + length;
  }
  return at === der.length ? raw : undefined;
}
