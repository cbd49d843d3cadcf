/**
 * Verifies encrypted access tokens: opens them, and has what is inside verified as any other. What
 * does not open is one answer, whatever it was (KY-05), and a token that is not encrypted is none.
 */
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin, unknownOptions } from "../../engine/given.ts";
import type { MaybePromise } from "../../engine/ports.ts";
import type { Flaw } from "../jwt/compact.ts";
import { loadJose } from "../jwt/jose.ts";
import { Memo } from "../jwt/memo.ts";
import type { AccessStanding, AccessVerifier, Proven } from "../jwt/verifier.ts";
import { CONTENT_ALGORITHM } from "./algorithms.ts";
import { readCompactJwe } from "./compact-jwe.ts";
import { importKey, readEncryptionKey } from "./encryption-keys.ts";
import type { EncryptionKey, ReadKey } from "./encryption-keys.ts";

export interface EncryptedVerifierOptions {
  /** Of the signed tokens inside. */
  readonly verifier: Pick<AccessVerifier, "verify">;
  /** Private keys or shared secrets; several while one is rolled out. 1 to 16. */
  readonly keys: readonly EncryptionKey[];
  /** Opened tokens that are remembered; default 10 000. 0: none. */
  readonly remembered?: number;
}

interface Opened {
  readonly text: string;
  readonly inner: string;
}

interface HeldKey extends ReadKey {
  imported?: CryptoKey | Uint8Array;
}

const KEYS_MAX = 16;
const REMEMBERED = 10_000;
const REMEMBERED_MAX = 1_000_000;
const SIGNED = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export class EncryptedVerifier {
  readonly #verifier: Pick<AccessVerifier, "verify">;
  readonly #keys: ReadonlyMap<string, HeldKey>;
  readonly #memo: Memo<Opened> | undefined;

  /** Use {@link createEncryptedVerifier}. */
  constructor(verifier: Pick<AccessVerifier, "verify">, keys: readonly ReadKey[], max: number) {
    this.#verifier = verifier;
    this.#keys = new Map(keys.map((key) => [key.kid, { ...key }]));
    this.#memo = max === 0 ? undefined : new Memo(max);
  }

  /** As {@link AccessVerifier.verify}, of an encrypted token. */
  verify(token: string, proven?: Proven): MaybePromise<AccessStanding> {
    const known = this.#memo?.get(token);
    if (known !== undefined) return this.#verifier.verify(known.inner, proven);
    return this.#verifyAnew(token, proven);
  }

  async #verifyAnew(token: string, proven: Proven | undefined): Promise<AccessStanding> {
    const inner = await this.#open(token);
    if (typeof inner === "string") return { state: "unknown", why: inner };
    const standing = await this.#verifier.verify(inner.token, proven);
    if (standing.state === "active") this.#memo?.set({ text: token, inner: inner.token });
    return standing;
  }

  async #open(token: unknown): Promise<{ readonly token: string } | Flaw> {
    const key = readCompactJwe(token, this.#keys);
    if (typeof key === "string") return key;
    const { compactDecrypt } = await loadJose();
    // No promise of it is kept: some runtimes forbid one of another request.
    key.imported ??= await importKey(key, "keys");
    const { imported } = key;
    const allowed = {
      keyManagementAlgorithms: [key.alg],
      contentEncryptionAlgorithms: [CONTENT_ALGORITHM],
    };
    try {
      const { plaintext } = await compactDecrypt(token as string, imported, allowed);
      const inside = new TextDecoder().decode(plaintext);
      return SIGNED.test(inside) ? { token: inside } : "decryption";
    } catch {
      return "decryption";
    }
  }
}

/** @throws {ConfigError} listing every problem; never a key or a part of one. */
export function createEncryptedVerifier(options: EncryptedVerifierOptions): EncryptedVerifier {
  const { verifier, remembered = REMEMBERED } = options;
  const problems = unknownOptions(options, ["verifier", "keys", "remembered"]);
  if (typeof (verifier as Partial<AccessVerifier> | undefined)?.verify !== "function") {
    problems.push({ path: "verifier", message: "takes what createVerifier returned" });
  }
  if (!isWholeWithin(remembered, 0, REMEMBERED_MAX)) {
    const message = `takes a whole number from 0 to ${REMEMBERED_MAX}`;
    problems.push({ path: "remembered", message });
  }
  const keys = readKeys(options.keys, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return new EncryptedVerifier(verifier, keys, remembered);
}

function readKeys(given: unknown, problems: ConfigProblem[]): ReadKey[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > KEYS_MAX) {
    problems.push({ path: "keys", message: `takes 1 to ${KEYS_MAX} keys` });
    return [];
  }
  const keys: ReadKey[] = [];
  for (const [index, one] of (given as readonly EncryptionKey[]).entries()) {
    const path = `keys[${index}]`;
    const key = readEncryptionKey(one, "open", path);
    if ("message" in key) problems.push(key);
    else if (keys.some(({ kid }) => kid === key.kid)) {
      problems.push({ path, message: "has the kid of another; one kid per key" });
    } else keys.push(key);
  }
  return keys;
}
