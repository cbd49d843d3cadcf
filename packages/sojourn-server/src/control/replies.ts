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
import type { DatabaseSync } from "node:sqlite";
import { guard } from "./database.ts";

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

export class Replies {
  readonly #database: DatabaseSync;
  readonly #secrets: readonly string[];
  readonly #now: () => number;

  constructor(database: DatabaseSync, secrets: readonly string[], now: () => number) {
    this.#database = database;
    this.#secrets = secrets;
    this.#now = now;
  }

  /** Atomic between processes: one of many simultaneous requests gets `claimed`. */
  claim(attempt: Attempt): Claim {
    const slot = slotOf(attempt);
    const now = this.#now();
    return guard("claim", () => {
      const inserted = this.#database
        .prepare(
          `INSERT INTO reply (slot, created_at, sealed) VALUES (?, ?, NULL)
           ON CONFLICT (slot) DO UPDATE SET created_at = excluded.created_at, sealed = NULL
           WHERE created_at <= ? OR (sealed IS NULL AND created_at <= ?)`,
        )
        .run(slot, now, now - KEPT_MS, now - ABANDONED_MS).changes;
      if (inserted === 1) return { outcome: "claimed" };
      const row = this.#database.prepare("SELECT sealed FROM reply WHERE slot = ?").get(slot);
      const sealed = row?.["sealed"];
      if (!(sealed instanceof Uint8Array)) return { outcome: "busy" };
      return this.#read(attempt, slot, sealed);
    });
  }

  keep(attempt: Attempt, reply: KeptReply): void {
    const slot = slotOf(attempt);
    const sealed = this.#seal(attempt, slot, reply);
    guard("keep", () => {
      this.#database.prepare("UPDATE reply SET sealed = ? WHERE slot = ?").run(sealed, slot);
    });
  }

  /** The work failed: the same key may be tried again. */
  release(attempt: Attempt): void {
    guard("release", () => {
      this.#database
        .prepare("DELETE FROM reply WHERE slot = ? AND sealed IS NULL")
        .run(slotOf(attempt));
    });
  }

  /** Forget what is over a day old, and the oldest above the bound. @returns how many. */
  tidy(): number {
    return guard("tidy", () => {
      const old = this.#database
        .prepare("DELETE FROM reply WHERE created_at <= ?")
        .run(this.#now() - KEPT_MS).changes;
      const over = this.#database
        .prepare(
          `DELETE FROM reply WHERE created_at <= (
             SELECT created_at FROM reply ORDER BY created_at DESC LIMIT 1 OFFSET ?)`,
        )
        .run(REPLIES_MAX).changes;
      return Number(old) + Number(over);
    });
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
