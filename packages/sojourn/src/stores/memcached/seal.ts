/**
 * What lies in the cache: keys that name nobody, values that nobody but the processes of the same
 * installation can read, change or move to another key. AES-256-GCM; keys by HMAC-SHA-256.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { SessionRef, StoredSession } from "../../engine/ports.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_CHARACTERS = 32;
const VERSION = 1;

export interface Opened {
  readonly stored: StoredSession;
  /** When the read began, by the wall clock of the process that read. */
  readonly readAt: number;
}

export class Seal {
  readonly #nameKey: Buffer;
  readonly #valueKey: Buffer;

  /** @param bucketKey Of the installation: known to all its processes, kept in the store. */
  constructor(bucketKey: string) {
    const secret = Buffer.from(bucketKey, "base64url");
    const derive = (label: string): Buffer =>
      Buffer.from(hkdfSync("sha256", secret, "", `sojourn memcached ${label}`, 32));
    this.#nameKey = derive("key");
    this.#valueKey = derive("value");
  }

  /** Letters, digits, - and _ only. */
  keyOf({ tenant, id }: SessionRef): string {
    const mac = createHmac("sha256", this.#nameKey);
    return mac
      .update(JSON.stringify([tenant, id]))
      .digest("base64url")
      .slice(0, KEY_CHARACTERS);
  }

  seal(key: string, { stored, readAt }: Opened): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#valueKey, nonce);
    cipher.setAAD(Buffer.from(key));
    const { record, data, dataVersion, subjectEpoch } = stored;
    const plain = JSON.stringify([VERSION, readAt, record, data, dataVersion, subjectEpoch]);
    const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, body, cipher.getAuthTag()]);
  }

  /** @returns `undefined` for what was not sealed under this key, by whomever. */
  open(key: string, bytes: Buffer): Opened | undefined {
    if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#valueKey, nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(key));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return read(Buffer.concat([body, decipher.final()]).toString("utf8"));
    } catch {
      return undefined;
    }
  }
}

/** Sealed by us, so that only another version of us can have meant something else. */
function read(plain: string): Opened | undefined {
  const [version, readAt, record, data, dataVersion, subjectEpoch] = JSON.parse(plain) as [
    number,
    number,
    StoredSession["record"],
    StoredSession["data"],
    number,
    number,
  ];
  if (version !== VERSION) return undefined;
  return { readAt, stored: { record, data, dataVersion, subjectEpoch } };
}
