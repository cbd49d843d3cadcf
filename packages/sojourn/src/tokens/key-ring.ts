/**
 * The keys of an installation, derived from its root secrets by HKDF: one key per secret and
 * purpose. The first secret makes, all verify, so that a new one is rolled out as `[old, new]`,
 * `[new, old]`, `[new]`. Key bytes never leave this file.
 */
import { ConfigError, InvariantError } from "../engine/errors.ts";
import type { Digest, MaybePromise } from "../engine/ports.ts";
import { encodeFields } from "./fields.ts";
import { readSecrets, type Secret } from "./secrets.ts";

const HMAC = "HMAC-SHA-256";
const DERIVE = "HKDF-SHA-256 to AES-256-GCM";

type HmacPurpose =
  | "mac"
  | "hash"
  | "csrf"
  | "log"
  | "context"
  | "challenge"
  | "dpop-nonce"
  | "service-key"
  | "service-key-hash"
  | "outside";
type DerivePurpose = "data" | "seal";
export type KeyPurpose = HmacPurpose | DerivePurpose;

/** What each key is for, and the only algorithm it is used with. */
const ALGORITHM_OF_PURPOSE: Readonly<Record<KeyPurpose, string>> = {
  mac: HMAC,
  hash: HMAC,
  data: DERIVE,
  csrf: HMAC,
  log: HMAC,
  context: HMAC,
  challenge: HMAC,
  "dpop-nonce": HMAC,
  seal: DERIVE,
  "service-key": HMAC,
  "service-key-hash": HMAC,
  outside: HMAC,
};
const KEY_PURPOSES = Object.keys(ALGORITHM_OF_PURPOSE) as readonly KeyPurpose[];

const KEY_BYTES = 32;
const KID_BYTES = 2;
/** Changing the label changes every key: a new version of the whole derivation. */
const LABEL = "sojourn/1/";

/** One key as an inventory shows it: everything but the key. ASVS 5.0 11.1.2. */
export interface KeyFacts {
  /** Four hexadecimal digits. */
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly algorithm: string;
  /** True when new tokens and ciphertexts are made with it. */
  readonly primary: boolean;
}

export interface KeyRingOptions {
  readonly secrets: readonly Secret[] | undefined;
  readonly digest: Digest;
}

type PurposeKeys = Readonly<Record<KeyPurpose, Uint8Array>>;

/** Performs keyed operations by purpose. Prints as its inventory, whoever prints it. */
export class KeyRing {
  /** Ids of the keys, in the order of the secrets; the first is the primary. */
  readonly kids: readonly number[];
  readonly primary: number;
  readonly digest: Digest;
  readonly #keys: ReadonlyMap<number, PurposeKeys>;

  /** Use {@link createKeyRing}. */
  constructor(digest: Digest, keys: ReadonlyMap<number, PurposeKeys>) {
    const [primary] = keys.keys();
    if (primary === undefined) throw new InvariantError("a key ring without keys");
    this.kids = [...keys.keys()];
    this.primary = primary;
    this.digest = digest;
    this.#keys = keys;
  }

  /** @returns `undefined` when no secret has this key id. */
  hmac(
    purpose: HmacPurpose,
    kid: number,
    message: Uint8Array,
  ): MaybePromise<Uint8Array> | undefined {
    const keys = this.#keys.get(kid);
    return keys === undefined ? undefined : this.digest.hmac(keys[purpose], message);
  }

  /** As {@link KeyRing.hmac} under the primary key, which is always there. */
  primaryHmac(purpose: HmacPurpose, message: Uint8Array): MaybePromise<Uint8Array> {
    return this.digest.hmac(this.#primaryKeys[purpose], message);
  }

  /**
   * A 32-byte key for one thing: HKDF(`secret` ‖ the purpose's key; `info`).
   * @returns `undefined` when no secret has this key id.
   */
  derive(
    purpose: DerivePurpose,
    kid: number,
    info: Uint8Array,
    secret?: Uint8Array,
  ): MaybePromise<Uint8Array> | undefined {
    const keys = this.#keys.get(kid);
    if (keys === undefined) return undefined;
    const key = keys[purpose];
    const material = new Uint8Array((secret?.length ?? 0) + key.length);
    if (secret !== undefined) material.set(secret);
    material.set(key, material.length - key.length);
    return this.digest.hkdf(material, info, KEY_BYTES);
  }

  /**
   * The same key ids, with keys that only somebody who has `key`, too, can derive: without it they
   * are gone for good.
   *
   * @param key The tenant's own random bytes, at least 32.
   */
  async forTenant(tenant: string, key: Uint8Array): Promise<KeyRing> {
    if (key.length < KEY_BYTES) throw new InvariantError("a tenant's key has at least 32 bytes");
    const keys = new Map<number, PurposeKeys>();
    for (const [kid, own] of this.#keys) {
      keys.set(
        kid,
        await eachPurpose((purpose) => {
          const material = new Uint8Array(own[purpose].length + key.length);
          material.set(own[purpose]);
          material.set(key, own[purpose].length);
          const info = encodeFields([`${LABEL}tenant`, purpose, tenant]);
          return this.digest.hkdf(material, info, KEY_BYTES);
        }),
      );
    }
    return new KeyRing(this.digest, keys);
  }

  /** Every key there is, without its bytes. */
  inventory(): readonly KeyFacts[] {
    return this.kids.flatMap((kid) =>
      KEY_PURPOSES.map((purpose) => ({
        kid: formatKid(kid),
        purpose,
        algorithm: ALGORITHM_OF_PURPOSE[purpose],
        primary: kid === this.primary,
      })),
    );
  }

  toJSON(): unknown {
    return { inventory: this.inventory() };
  }

  get #primaryKeys(): PurposeKeys {
    return this.#keys.get(this.primary) as PurposeKeys;
  }
}

/**
 * Derive every key once; what uses the ring later is synchronous where the digest is.
 * @throws {ConfigError} listing every problem of the secrets at once.
 */
export async function createKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { digest } = options;
  const secrets = readSecrets(options.secrets);
  const kids = await Promise.all(secrets.map((secret) => kidOf(digest, secret)));
  refuseEqualKids(kids);
  const keys = new Map<number, PurposeKeys>();
  for (const [index, secret] of secrets.entries()) {
    keys.set(kids[index] as number, await purposeKeys(digest, secret));
    secret.fill(0);
  }
  return new KeyRing(digest, keys);
}

/** The printed form of a key id: four hexadecimal digits. */
export function formatKid(kid: number): string {
  return kid.toString(16).padStart(2 * KID_BYTES, "0");
}

/** From the secret itself and not from its place: the list may be reordered. */
async function kidOf(digest: Digest, secret: Uint8Array): Promise<number> {
  const [high = 0, low = 0] = await digest.hkdf(secret, encodeFields([`${LABEL}kid`]), KID_BYTES);
  return (high << 8) | low;
}

function purposeKeys(digest: Digest, secret: Uint8Array): Promise<PurposeKeys> {
  return eachPurpose((purpose) => digest.hkdf(secret, encodeFields([LABEL + purpose]), KEY_BYTES));
}

async function eachPurpose(
  derive: (purpose: KeyPurpose) => MaybePromise<Uint8Array>,
): Promise<PurposeKeys> {
  const keys: Partial<Record<KeyPurpose, Uint8Array>> = {};
  for (const purpose of KEY_PURPOSES) keys[purpose] = await derive(purpose);
  return keys as PurposeKeys;
}

function refuseEqualKids(kids: readonly number[]): void {
  const problems = kids.flatMap((kid, index) => {
    const first = kids.indexOf(kid);
    if (first === index) return [];
    const message = `has the key id ${formatKid(kid)} of secrets[${first}] by chance; make another`;
    return [{ path: `secrets[${index}]`, message }];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}
