/**
 * What tells that two entries of one day came from the same address, without telling which: a hash
 * of it, keyed by the installation's secret and a random salt of that day. The salt is destroyed
 * when the day is over, and nobody can say any more what was hashed. GDPR 5(1)(c), 25.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { MetaTable } from "../control/meta-table.ts";

const PREFIX = "address-salt ";
const SALT_BYTES = 32;
const REF_CHARS = 16;
const DAY_MS = 86_400_000;

export class AddressSalts {
  readonly #meta: MetaTable;
  readonly #secret: string;
  readonly #now: () => number;
  #salts = new Map<string, string>();

  constructor(meta: MetaTable, secrets: readonly string[], now: () => number) {
    this.#meta = meta;
    this.#secret = secrets[0] ?? "";
    this.#now = now;
  }

  /** @returns `undefined` while the salt of the day is not known. */
  reference(address: string): string | undefined {
    const salt = this.#salts.get(dayOf(this.#now()));
    if (salt === undefined) return undefined;
    return createHmac("sha256", `sojourn/address/v1\n${this.#secret}\n${salt}`)
      .update(address)
      .digest("base64url")
      .slice(0, REF_CHARS);
  }

  /** Agree with the other processes on the salts of today and tomorrow, and destroy older ones. */
  async refresh(): Promise<void> {
    const now = this.#now();
    const salts = new Map<string, string>();
    for (const day of [dayOf(now), dayOf(now + DAY_MS)]) {
      const fresh = randomBytes(SALT_BYTES).toString("base64url");
      salts.set(day, await this.#meta.keepFirst(PREFIX + day, fresh));
    }
    this.#salts = salts;
    await this.#meta.removeBelow(PREFIX, PREFIX + dayOf(now));
  }
}

/** UTC. */
function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, "2026-11-20".length);
}
