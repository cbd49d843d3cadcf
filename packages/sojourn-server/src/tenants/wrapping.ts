/**
 * Keys of tenants as they are stored: AES-256-GCM under a key of the installation's secret, bound
 * to the tenant, so that neither the store alone nor another tenant's row gives one away. I12.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LABEL = "sojourn-server/1/tenant-key";

export interface Unwrapped {
  readonly key: Uint8Array;
  /** Under the first secret: it opens with the others gone, too. */
  readonly current: boolean;
}

export function newTenantKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES));
}

export class Wrapping {
  readonly #secrets: readonly string[];

  /** @param secrets The first wraps, all unwrap. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  wrap(tenant: string, key: Uint8Array): Uint8Array {
    const [secret = ""] = this.#secrets;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", wrappingKey(secret, tenant), nonce);
    const box = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
    return new Uint8Array(box);
  }

  /** @returns `undefined` when none of the secrets has wrapped it for this tenant. */
  unwrap(tenant: string, wrapped: Uint8Array): Unwrapped | undefined {
    for (const [index, secret] of this.#secrets.entries()) {
      const key = open(wrappingKey(secret, tenant), wrapped);
      if (key !== undefined) return { key, current: index === 0 };
    }
    return undefined;
  }
}

function open(wrappingKey: Uint8Array, wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length !== NONCE_BYTES + KEY_BYTES + TAG_BYTES) return undefined;
  const nonce = wrapped.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", wrappingKey, nonce);
  decipher.setAuthTag(wrapped.subarray(wrapped.length - TAG_BYTES));
  try {
    const text = decipher.update(wrapped.subarray(NONCE_BYTES, wrapped.length - TAG_BYTES));
    return new Uint8Array(Buffer.concat([text, decipher.final()]));
  } catch {
    return undefined;
  }
}

function wrappingKey(secret: string, tenant: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", `${LABEL}\n${tenant}`, KEY_BYTES));
}
