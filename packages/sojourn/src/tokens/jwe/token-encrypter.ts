/** Encrypts signed tokens: sign, then encrypt, so that nobody between reads what they say. */
import { ArgumentError, ConfigError } from "../../engine/errors.ts";
import { unknownOptions } from "../../engine/given.ts";
import { loadJose } from "../jwt/jose.ts";
import { CONTENT_ALGORITHM } from "./algorithms.ts";
import { TOKEN_BYTES_MAX } from "./compact-jwe.ts";
import { importKey, readEncryptionKey } from "./encryption-keys.ts";
import type { EncryptionKey } from "./encryption-keys.ts";

export interface TokenEncrypterOptions {
  /** Of whoever opens the tokens: its public key, or the secret of both. */
  readonly key: EncryptionKey;
}

const SIGNED = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * What a template of claims takes as `encrypt`.
 * @returns a function that rejects with `ArgumentError` for what is no signed token, and for one
 * that is over 8192 characters when it is encrypted.
 * @throws {ConfigError} for a key or an algorithm that is not taken.
 */
export function tokenEncrypter(options: TokenEncrypterOptions): (token: string) => Promise<string> {
  const problems = unknownOptions(options, ["key"]);
  const key = readEncryptionKey(options.key, "seal", "key");
  if ("message" in key) problems.push(key);
  if ("message" in key || problems.length > 0) throw new ConfigError(problems);
  const header = { alg: key.alg, enc: CONTENT_ALGORITHM, cty: "JWT", kid: key.kid };
  let imported: CryptoKey | Uint8Array | undefined;
  return async (token) => {
    if (!SIGNED.test(token)) throw new ArgumentError("encrypt.token", "takes a signed token");
    const { CompactEncrypt } = await loadJose();
    imported ??= await importKey(key, "key");
    const encrypt = new CompactEncrypt(new TextEncoder().encode(token));
    const sealed = await encrypt.setProtectedHeader(header).encrypt(imported);
    if (sealed.length <= TOKEN_BYTES_MAX) return sealed;
    const message = `has ${sealed.length} characters encrypted; at most ${TOKEN_BYTES_MAX}`;
    throw new ArgumentError("encrypt.token", `${message}: give it fewer claims`);
  };
}
