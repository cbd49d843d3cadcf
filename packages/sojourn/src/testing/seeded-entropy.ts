import type { Entropy } from "../engine/ports.ts";
import { SeededRandom } from "./random.ts";

/**
 * Predictable "entropy" for tests and simulations. **Never give it to a service**: whoever knows
 * or guesses the seed, a 32-bit number, can forge every token.
 */
export class InsecureSeededEntropy implements Entropy {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  bytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }
}
