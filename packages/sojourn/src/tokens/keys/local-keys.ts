/** Keys whose private part this process holds: given as text, by the environment or otherwise. */
import { ArgumentError, ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { factsOf, isSigningAlgorithm, SIGNING_ALGORITHMS } from "./algorithms.ts";
import { readKeyText } from "./key-text.ts";
import type { LocalKey } from "./key-text.ts";
import type { KeyProvider, SigningKey, SigningPurpose } from "./provider.ts";

const KEYS_MAX = 64;

export interface EnvironmentKeysOptions {
  /**
   * Each a PKCS#8 PEM block, a JWK, or a JWK Set whose keys may have `createdAt`, `activatesAt`,
   * `retiresAt`, `revokedAt` (RFC 3339) and `purpose`. Without dates the first signs and all
   * verify, so that a new one is rolled out as `[old, new]`, `[new, old]`, `[new]`.
   */
  readonly keys: readonly (string | undefined)[];
  /** Of keys that do not name one; default `"access-token"`. */
  readonly purpose?: SigningPurpose;
  /** Of PEM blocks with an RSA key; other keys say it themselves. */
  readonly alg?: SigningAlgorithm;
}

/**
 * A provider over keys from environment variables.
 * @throws {ConfigError} (rejects) listing every problem by place; never a key or a part of one.
 */
export async function environmentKeys(options: EnvironmentKeysOptions): Promise<KeyProvider> {
  const { keys: texts, purpose = "access-token", alg } = options;
  const problems: ConfigProblem[] = [];
  if (alg !== undefined && !isSigningAlgorithm(alg)) {
    problems.push({ path: "alg", message: `is none of ${SIGNING_ALGORITHMS.join(", ")}` });
  }
  if (texts.length === 0) problems.push({ path: "keys", message: "is empty; give a key" });
  const keys: LocalKey[] = [];
  for (const [index, text] of texts.entries()) {
    const path = `keys[${index}]`;
    if (text === undefined || text === "") {
      problems.push({ path, message: "is empty: is its environment variable set?" });
      continue;
    }
    const read = await readKeyText(text, { purpose, alg }, path);
    keys.push(...read.keys);
    problems.push(...read.problems);
  }
  problems.push(...listProblems(keys));
  if (problems.length > 0) throw new ConfigError(problems);
  return localProvider("environment", () => Promise.resolve(keys));
}

/** One purpose and place per key, whatever it is called. ASVS 5.0 11.1.2. */
export function listProblems(keys: readonly SigningKey[]): ConfigProblem[] {
  const problems = keys.flatMap((key, index) =>
    keys.findIndex((one) => isSame(one, key)) === index
      ? []
      : [{ path: "keys", message: `has the key ${key.kid} twice; one purpose and place per key` }],
  );
  if (keys.length <= KEYS_MAX) return problems;
  return [...problems, { path: "keys", message: `has over ${KEYS_MAX} keys` }];
}

function isSame(one: SigningKey, other: SigningKey): boolean {
  const [a, b] = [one.publicJwk, other.publicJwk];
  return one.kid === other.kid || (a.x ?? a.n) === (b.x ?? b.n);
}

/** @param current The keys as they are now. */
export function localProvider(
  name: string,
  current: () => Promise<readonly LocalKey[]>,
): KeyProvider {
  return {
    name,
    async list() {
      return (await current()).map(shown);
    },
    async sign(kid, alg, bytes) {
      const key = (await current()).find((one) => one.kid === kid && one.alg === alg);
      if (key === undefined) throw new ArgumentError("sign.kid", "no such key is held here");
      const { signing } = factsOf(alg);
      const signature = await crypto.subtle.sign(signing, key.privateKey, bytes as BufferSource);
      return new Uint8Array(signature);
    },
  };
}

/** Everything but the private key. */
function shown({ privateKey: _private, ...key }: LocalKey): SigningKey {
  return key;
}
