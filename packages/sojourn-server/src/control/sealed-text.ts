/**
 * Texts that must be had again in the clear, like the secrets of webhooks: sealed with AES-256-GCM
 * under a key of their own, from the installation's secret by HKDF. I12.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

export interface Opened {
  readonly text: string;
  /** Under a secret that is not the first any more: seal it again before that one goes. */
  readonly stale: boolean;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

export class TextSealer {
  readonly #secrets: readonly string[];
  readonly #purpose: string;

  /** @param secrets Of the installation: the first seals, all open. */
  constructor(secrets: readonly string[], purpose: string) {
    this.#secrets = secrets;
    this.#purpose = `sojourn-server/1/${purpose}`;
  }

  /** @param owner The row it is for: moved into another row it cannot be opened. */
  seal(owner: string, text: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key(this.#secrets[0] ?? "", owner), nonce);
    return Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  }

  /** @returns `undefined` for what no secret of the installation opens. */
  open(owner: string, sealed: Uint8Array): Opened | undefined {
    for (const [at, secret] of this.#secrets.entries()) {
      const text = opened(this.#key(secret, owner), sealed);
      if (text !== undefined) return { text, stale: at > 0 };
    }
    return undefined;
  }

  #key(secret: string, owner: string): Uint8Array {
    const material = Buffer.from(secret, "base64url");
    return new Uint8Array(hkdfSync("sha256", material, owner, this.#purpose, KEY_BYTES));
  }
}

function opened(key: Uint8Array, sealed: Uint8Array): string | undefined {
  const end = sealed.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(sealed.subarray(end));
    const text = decipher.update(sealed.subarray(NONCE_BYTES, end));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
