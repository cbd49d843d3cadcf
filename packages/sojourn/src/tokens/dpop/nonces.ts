/**
 * Nonces of the server: a proof with one was made after it, so that none is made in advance. A
 * nonce is its instant and a MAC under a key that all nodes have: nothing is stored, and nobody
 * else can tell one beforehand. RFC 9449 sections 8, 11.2 and 11.3.
 */
import { digest } from "#platform";
import { ConfigError } from "../../engine/errors.ts";
import { equalText } from "../../engine/equal.ts";
import { isWholeWithin, unknownOptions } from "../../engine/given.ts";
import { invariant } from "../../engine/invariant.ts";
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { oneField } from "../keyed-text.ts";
import { createKeyRing } from "../key-ring.ts";
import type { KeyRing } from "../key-ring.ts";
import { readSecrets } from "../secrets.ts";
import type { Secret } from "../secrets.ts";

export interface NonceOptions {
  /** The installation's, as `createSessions` takes them: the first makes, all verify. */
  readonly secrets: readonly Secret[];
  /** How long a nonce is taken; 10 000 to 3 600 000, default 5 minutes. */
  readonly lifeMs?: number;
}

const LIFE_MS = 5 * 60_000;
const LIFE_MS_MIN = 10_000;
const LIFE_MS_MAX = 3_600_000;
const TIME_BYTES = 6;
const MAC_BYTES = 18;
/** 8 characters of time, 24 of MAC. */
const FORM = /^[A-Za-z0-9_-]{32}$/;
const TIME_CHARS = 8;

export class Nonces {
  readonly lifeMs: number;
  readonly #secrets: readonly Secret[];
  #ring: KeyRing | undefined;

  /** @throws {ConfigError} listing every problem. */
  constructor(options: NonceOptions) {
    const { lifeMs = LIFE_MS } = options;
    const problems = unknownOptions(options, ["secrets", "lifeMs"]);
    if (!isWholeWithin(lifeMs, LIFE_MS_MIN, LIFE_MS_MAX)) {
      const message = `takes a whole number from ${LIFE_MS_MIN} to ${LIFE_MS_MAX}`;
      problems.push({ path: "lifeMs", message });
    }
    if (problems.length > 0) throw new ConfigError(problems);
    readSecrets(options.secrets);
    this.lifeMs = lifeMs;
    this.#secrets = options.secrets;
  }

  async make(now: number): Promise<string> {
    const ring = await this.#keys();
    const time = timeText(now);
    return time + macText(await ring.primaryHmac("dpop-nonce", oneField(time)));
  }

  /**
   * When a nonce of ours was made.
   * @returns `undefined` for what is none of ours. All keys are tried.
   */
  async madeAt(nonce: string): Promise<number | undefined> {
    if (!FORM.test(nonce)) return undefined;
    const ring = await this.#keys();
    const time = nonce.slice(0, TIME_CHARS);
    const presented = nonce.slice(TIME_CHARS);
    let ours = false;
    for (const kid of ring.kids) {
      const mac = ring.hmac("dpop-nonce", kid, oneField(time));
      invariant(mac !== undefined, "a ring has the keys it lists");
      ours = equalText(macText(await mac), presented) || ours;
    }
    return ours ? timeOf(time) : undefined;
  }

  /** Made by each who comes before the first is done: no promise is shared between requests. */
  async #keys(): Promise<KeyRing> {
    this.#ring ??= await createKeyRing({ secrets: this.#secrets, digest });
    return this.#ring;
  }
}

function macText(mac: Uint8Array): string {
  return encodeBase64Url(mac, MAC_BYTES);
}

function timeText(at: number): string {
  const bytes = new Uint8Array(TIME_BYTES);
  let rest = Math.floor(at);
  for (let index = TIME_BYTES - 1; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return encodeBase64Url(bytes);
}

function timeOf(text: string): number | undefined {
  return decodeBase64Url(text)?.reduce((sum, byte) => sum * 256 + byte, 0);
}
