/**
 * A store that fails as real ones do, on command or by chance: before a write, after it (so that
 * the caller cannot know), never answering, late; and a hook between load and write.
 */
import { StoreUnavailableError } from "../engine/errors.ts";
import { ForwardingStore } from "../engine/forwarding-store.ts";
import type { StoreOperation } from "../engine/forwarding-store.ts";
import type { MaybePromise, SessionStore } from "../engine/ports.ts";
import type { SeededRandom } from "./random.ts";

export type { StoreOperation } from "../engine/forwarding-store.ts";

/** `before`: nothing was written. `after`: it was, but the caller hears of trouble. */
export type FaultKind = "before" | "after" | "hang";

/** Probability of each trouble per call. */
export interface FaultRates {
  readonly before?: number;
  readonly after?: number;
  readonly hang?: number;
}

export interface FaultyStoreOptions {
  readonly random?: SeededRandom;
  /** Needs `random`. */
  readonly rates?: FaultRates;
  /** Awaited before each call reaches the store: where a simulation lets time pass. */
  readonly delay?: (operation: StoreOperation) => MaybePromise<void>;
}

type Hook = () => MaybePromise<void>;

export class FaultyStore extends ForwardingStore {
  readonly #options: FaultyStoreOptions;
  readonly #calls: Map<StoreOperation, number> = new Map<StoreOperation, number>();
  readonly #faults: Map<StoreOperation, FaultKind[]> = new Map<StoreOperation, FaultKind[]>();
  readonly #before: Map<StoreOperation, Hook[]> = new Map<StoreOperation, Hook[]>();
  readonly #after: Map<StoreOperation, Hook[]> = new Map<StoreOperation, Hook[]>();
  #hanging: (() => void)[] = [];
  #down = false;

  constructor(inner: SessionStore, options: FaultyStoreOptions = {}) {
    super(inner);
    this.#options = options;
  }

  /** Calls so far of one operation, or of all. Failed ones count. */
  calls(operation?: StoreOperation): number {
    if (operation !== undefined) return this.#calls.get(operation) ?? 0;
    return [...this.#calls.values()].reduce((sum, count) => sum + count, 0);
  }

  resetCalls(): void {
    this.#calls.clear();
  }

  /** Fail the next `times` calls of an operation. */
  fail(operation: StoreOperation, kind: FaultKind, times: number = 1): void {
    const queue = this.#faults.get(operation) ?? [];
    queue.push(...Array.from({ length: times }, () => kind));
    this.#faults.set(operation, queue);
  }

  /** Run once, just before the next call of an operation reaches the store. */
  before(operation: StoreOperation, run: Hook): void {
    this.#before.set(operation, [...(this.#before.get(operation) ?? []), run]);
  }

  /** Run once, when the next call of an operation is done and its caller does not know it yet. */
  after(operation: StoreOperation, run: Hook): void {
    this.#after.set(operation, [...(this.#after.get(operation) ?? []), run]);
  }

  /** Down: every call fails before it is made, until it is up again. */
  setDown(down: boolean): void {
    this.#down = down;
  }

  /** Let every hanging call go on to the store. */
  release(): void {
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const go of hanging) go();
  }

  /** Calls that hang now. */
  get hanging(): number {
    return this.#hanging.length;
  }

  protected override async through<Result>(
    operation: StoreOperation,
    run: () => Promise<Result>,
  ): Promise<Result> {
    this.#calls.set(operation, this.calls(operation) + 1);
    const fault = this.#down ? "before" : this.#nextFault(operation);
    await this.#options.delay?.(operation);
    if (fault === "before") throw new StoreUnavailableError(operation);
    if (fault === "hang") await new Promise<void>((resolve) => void this.#hanging.push(resolve));
    await this.#before.get(operation)?.shift()?.();
    const result = await run();
    await this.#after.get(operation)?.shift()?.();
    if (fault === "after") throw new StoreUnavailableError(operation);
    return result;
  }

  #nextFault(operation: StoreOperation): FaultKind | undefined {
    const scripted = this.#faults.get(operation)?.shift();
    const { random, rates } = this.#options;
    if (scripted !== undefined || random === undefined || rates === undefined) return scripted;
    if (random.chance(rates.before ?? 0)) return "before";
    if (random.chance(rates.after ?? 0)) return "after";
    return random.chance(rates.hang ?? 0) ? "hang" : undefined;
  }
}
