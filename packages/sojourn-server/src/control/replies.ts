/**
 * Replies kept for `Idempotency-Key`, 24 hours. A reply holds a session token, so it is sealed
 * (AES-256-GCM) under a key that takes both the installation's secret and the client's idempotency
 * key, and that key is stored only as a hash: whoever reads the file can present nothing. I12.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import type { ControlSql } from "./control-sql.ts";

export interface KeptReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One use of an idempotency key by one caller on one route. */
export interface Attempt {
  readonly callerId: string;
  readonly route: string;
  readonly key: string;
  readonly body: string;
}

export type Claim =
  /** The caller works, then calls `keep` or `release`. */
  | { readonly outcome: "claimed" }
  | { readonly outcome: "kept"; readonly reply: KeptReply }
  /** The same key came with another body. */
  | { readonly outcome: "mismatch" }
  /** The first request has not been answered yet. */
  | { readonly outcome: "busy" };

const KEPT_MS = 24 * 60 * 60 * 1_000;
/** A claim without a reply after this long belongs to a process that is gone. */
const ABANDONED_MS = 60_000;
const REPLIES_MAX = 100_000;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LABEL = "sojourn-server/1/reply";

const CLAIM = `INSERT INTO control.reply (slot, created_at, sealed) VALUES (?, ?, NULL)
  ON CONFLICT (slot) DO UPDATE SET created_at = excluded.created_at, sealed = NULL
  WHERE reply.created_at <= ? OR (reply.sealed IS NULL AND reply.created_at <= ?)`;
const READ = "SELECT sealed FROM control.reply WHERE slot = ?";
const KEEP = "UPDATE control.reply SET sealed = ? WHERE slot = ?";
const RELEASE = "DELETE FROM control.reply WHERE slot = ? AND sealed IS NULL";
const TIDY_OLD = "DELETE FROM control.reply WHERE created_at <= ?";
const TIDY_OVER = `DELETE FROM control.reply WHERE created_at <= (
  SELECT created_at FROM control.reply ORDER BY created_at DESC LIMIT 1 OFFSET ?)`;

export class Replies {
  readonly #sql: ControlSql;
  readonly #secrets: readonly string[];
  readonly #now: () => number;

  constructor(sql: ControlSql, secrets: readonly string[], now: () => number) {
    this.#sql = sql;
    this.#secrets = secrets;
    this.#now = now;
  }

  /** Atomic between processes: one of many simultaneous requests gets `claimed`. */
  async claim(attempt: Attempt): Promise<Claim> {
    const slot = slotOf(attempt);
    const now = this.#now();
    const ages = [now - KEPT_MS, now - ABANDONED_MS];
    const { changes } = await this.#sql.run("claim", CLAIM, slot, now, ...ages);
    if (changes === 1) return { outcome: "claimed" };
    const { rows } = await this.#sql.run("claim", READ, slot);
    const sealed = rows[0]?.["sealed"];
    if (!(sealed instanceof Uint8Array)) return { outcome: "busy" };
    return this.#read(attempt, slot, sealed);
  }

  async keep(attempt: Attempt, reply: KeptReply): Promise<void> {
    const slot = slotOf(attempt);
    await this.#sql.run("keep", KEEP, this.#seal(attempt, slot, reply), slot);
  }

  /** The work failed: the same key may be tried again. */
  async release(attempt: Attempt): Promise<void> {
    await this.#sql.run("release", RELEASE, slotOf(attempt));
  }

  /** Forget what is over a day old, and the oldest above the bound. @returns how many. */
  async tidy(): Promise<number> {
    const old = await this.#sql.run("tidy", TIDY_OLD, this.#now() - KEPT_MS);
    const over = await this.#sql.run("tidy", TIDY_OVER, REPLIES_MAX);
    return old.changes + over.changes;
  }

  #read(attempt: Attempt, slot: Uint8Array, sealed: Uint8Array): Claim {
    for (const secret of this.#secrets) {
      const plain = open(sealingKey(secret, slot, attempt.key), sealed);
      if (plain === undefined) continue;
      const { bodyHash, ...reply } = JSON.parse(plain) as KeptReply & { bodyHash: string };
      const same = timingSafeEqual(Buffer.from(bodyHash, "hex"), hashOf(attempt.body));
      return same ? { outcome: "kept", reply } : { outcome: "mismatch" };
    }
    // Sealed under a secret that is gone: what it said cannot be known, so nothing is repeated.
    return { outcome: "mismatch" };
  }

  #seal(attempt: Attempt, slot: Uint8Array, reply: KeptReply): Uint8Array {
    const [secret = ""] = this.#secrets;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", sealingKey(secret, slot, attempt.key), nonce);
    const bodyHash = hashOf(attempt.body).toString("hex");
    const text = cipher.update(JSON.stringify({ ...reply, bodyHash }), "utf8");
    return Buffer.concat([nonce, text, cipher.final(), cipher.getAuthTag()]);
  }
}

function open(key: Uint8Array, sealed: Uint8Array): string | undefined {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAuthTag(tag);
  try {
    const text = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Every part is measured off, so that two attempts never share a slot. */
function slotOf({ callerId, route, key }: Attempt): Uint8Array {
  return hashOf(JSON.stringify([callerId, route, key]));
}

function sealingKey(secret: string, slot: Uint8Array, key: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", `${secret}\n${key}`, slot, LABEL, 32));
}
