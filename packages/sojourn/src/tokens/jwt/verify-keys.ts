/**
 * The keys a verifier may use: an issuer's JWKS, and never what a token says of its key. A key that
 * is not known is looked for once in a while, so that a token cannot make us ask at will.
 */
import { errandOf } from "#platform";
import type { Errand, HostTime } from "../../engine/ports.ts";
import { algorithmOf } from "../keys/jwk.ts";
import type { AnyJwk } from "../keys/jwk.ts";
import type { SigningAlgorithm } from "../keys/algorithms.ts";
import type { SigningPurpose } from "../keys/provider.ts";
import { loadJose } from "./jose.ts";

/** Where a JWKS comes from. Rejects for trouble; its own deadline is its business. */
export interface JwksSource {
  read(): Promise<unknown>;
}

export interface VerifyKey {
  readonly kid: string | undefined;
  readonly alg: SigningAlgorithm;
  readonly key: CryptoKey;
}

export interface VerifyKeysOptions {
  readonly source: JwksSource;
  readonly purpose: SigningPurpose;
  readonly algorithms: readonly SigningAlgorithm[];
  readonly time: HostTime;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** How old a JWKS may be before it is read again, behind the callers' backs. */
const AGE_MS_MAX = 5 * 60_000;
/** The least time between two readings, whoever asks for what. */
const PAUSE_MS = 2_000;
const KEYS_MAX = 64;

export class VerifyKeys {
  /** Moves whenever a key may have gone. */
  version = 0;
  readonly #options: VerifyKeysOptions;
  #keys: readonly VerifyKey[] = [];
  #attemptAt = -Infinity;
  #readAt = -Infinity;
  /** The last reading succeeded: what is not among the keys does not exist. */
  #known = false;
  readonly #reading: Errand = errandOf(() => this.#attempt());

  constructor(options: VerifyKeysOptions) {
    this.#options = options;
  }

  /** A known key, by its id; a token without one is taken where only one key can be meant. */
  among(kid: string | undefined, alg: string): VerifyKey | undefined {
    const now = this.#options.time.monotonic();
    const due = now - this.#readAt >= AGE_MS_MAX && this.#rested(now);
    if (due && !this.#reading.underWay) void this.#reading.join();
    if (kid !== undefined) return this.#keys.find((one) => one.kid === kid && one.alg === alg);
    const fits = this.#keys.filter((one) => one.alg === alg);
    return fits.length === 1 ? fits[0] : undefined;
  }

  /**
   * As {@link VerifyKeys.among}, after another look where that is due.
   * @returns the key, that there is none, or that nobody can tell now.
   */
  async find(kid: string | undefined, alg: string): Promise<VerifyKey | "unknown" | "unavailable"> {
    const rested = this.#rested(this.#options.time.monotonic());
    if (rested || this.#reading.underWay) await this.#reading.join();
    return this.among(kid, alg) ?? (this.#known ? "unknown" : "unavailable");
  }

  /** True while tokens of the key are good. */
  has(kid: string | undefined): boolean {
    return this.#keys.some((one) => one.kid === kid);
  }

  #rested(now: number): boolean {
    return now - this.#attemptAt >= PAUSE_MS;
  }

  async #attempt(): Promise<void> {
    const now = this.#options.time.monotonic();
    try {
      await this.#read(now);
    } catch (error) {
      this.#known = false;
      this.#options.onError?.(error);
    }
    this.#attemptAt = now;
  }

  async #read(now: number): Promise<void> {
    const set = await this.#options.source.read();
    const list = (set as { keys?: unknown } | null)?.keys;
    if (!Array.isArray(list)) throw new TypeError("what was read is no JWK Set");
    const keys: VerifyKey[] = [];
    for (const jwk of list.slice(0, KEYS_MAX)) {
      const key = await this.#usable(jwk as ListedJwk);
      const twice = keys.some((one) => one.kid === key?.kid && one.alg === key?.alg);
      if (key !== undefined && !twice) keys.push(key);
    }
    if (now < this.#readAt) return;
    this.#keys = keys;
    this.#known = true;
    this.#readAt = now;
    this.version += 1;
  }

  async #usable(jwk: ListedJwk): Promise<VerifyKey | undefined> {
    const alg = this.#algorithmOf(jwk);
    if (alg === undefined) return undefined;
    try {
      const { importJWK } = await loadJose();
      const { kty, crv, x, y, n, e } = jwk as Readonly<Record<string, string>>;
      const key = await importJWK({ ...defined({ kty, crv, x, y, n, e }), alg }, alg);
      if (key instanceof Uint8Array) return undefined;
      return { kid: typeof jwk.kid === "string" ? jwk.kid : undefined, alg, key };
    } catch (error) {
      this.#options.onError?.(error);
      return undefined;
    }
  }

  /** Private, symmetric and other purposes' keys are passed over, as RFC 7517 section 5 has it. */
  #algorithmOf(jwk: ListedJwk): SigningAlgorithm | undefined {
    const { purpose, algorithms } = this.#options;
    if (typeof jwk !== "object" || jwk === null || jwk.d !== undefined) return undefined;
    if ((jwk.purpose ?? purpose) !== purpose || (jwk.use ?? "sig") !== "sig") return undefined;
    const algorithm = algorithmOf(jwk);
    if (typeof algorithm === "string" || !algorithms.includes(algorithm.alg)) return undefined;
    return algorithm.alg;
  }
}

type ListedJwk = AnyJwk & { readonly purpose?: unknown };

function defined(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, string>;
}
