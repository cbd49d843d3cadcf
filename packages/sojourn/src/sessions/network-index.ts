/**
 * Networks and what is said of each, found by an address that lies in them: one binary search,
 * then from the innermost network outwards. The families are kept apart.
 */
import { contains, readAddress, readNetwork } from "../http/address.ts";
import type { Address, Network } from "../http/address.ts";

interface Entry<Value> {
  readonly network: Network;
  readonly value: Value;
  /** The network around it. */
  outer: Entry<Value> | undefined;
}

export class NetworkIndex<Value> {
  readonly #networks: Map<Value, Network> = new Map<Value, Network>();
  /** In the order of their first addresses, an outer one before those in it. */
  #entries: Entry<Value>[] = [];
  #sorted = true;

  get size(): number {
    return this.#networks.size;
  }

  /**
   * One network of a value: another one takes its place.
   *
   * @param text As `readNetwork` takes it, checked before.
   */
  add(text: string, value: Value): void {
    const network = readNetwork(text);
    if (typeof network === "string") return;
    this.#networks.set(value, network);
    this.#sorted = false;
  }

  delete(value: Value): void {
    if (this.#networks.delete(value)) this.#sorted = false;
  }

  /** The innermost network with this address whose value `fits`. */
  find(text: string, fits: (value: Value) => boolean): Value | undefined {
    const address = readAddress(text);
    if (address === undefined) return undefined;
    if (!this.#sorted) this.#sort();
    let entry = this.#before(address);
    while (entry !== undefined) {
      if (contains(entry.network, address) && fits(entry.value)) return entry.value;
      entry = entry.outer;
    }
    return undefined;
  }

  /** The last one that begins at or before the address: it, or one around it, has it. */
  #before(address: Address): Entry<Value> | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && compare(entry.network.address, address) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low - 1];
  }

  /** At the next question after a change: many changes come together. */
  #sort(): void {
    const all = [...this.#networks];
    this.#entries = all.map(([value, network]) => ({ network, value, outer: undefined }));
    this.#entries.sort(
      (a, b) => compare(a.network.address, b.network.address) || a.network.bits - b.network.bits,
    );
    let around: Entry<Value> | undefined;
    for (const entry of this.#entries) {
      while (around !== undefined && !contains(around.network, entry.network.address)) {
        around = around.outer;
      }
      entry.outer = around;
      around = entry;
    }
    this.#sorted = true;
  }
}

function compare(a: Address, b: Address): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let index = 0; index < a.length; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
