/**
 * The token last proved for each session: its MAC was checked and its verifier computed. A hit
 * saves both, never the judgement: the record is read and judged every time. Bounded; the oldest
 * half goes when it is full, so that a flood of sessions costs one clean-up per `max / 2`.
 */
import { equalText } from "../engine/equal.ts";

export interface ProvedToken {
  readonly text: string;
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly verifier: string;
  readonly generation: number;
}

export class TokenMemo {
  #young: Map<string, ProvedToken> = new Map();
  #old: Map<string, ProvedToken> = new Map();
  readonly #halfMax: number;

  constructor(max: number) {
    this.#halfMax = Math.max(1, Math.floor(max / 2));
  }

  /** The proof of exactly this text, compared in constant time; else `undefined`. */
  find(id: string, text: string, tenant: string): ProvedToken | undefined {
    let proved = this.#young.get(id);
    if (proved === undefined) {
      proved = this.#old.get(id);
      if (proved === undefined) return undefined;
      this.keep(id, proved);
    }
    return proved.tenant === tenant && equalText(proved.text, text) ? proved : undefined;
  }

  keep(id: string, proved: ProvedToken): void {
    if (this.#young.size >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, proved);
  }

  forget(id: string): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }
}
