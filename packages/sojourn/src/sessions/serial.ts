/** Runs tasks of one key one after the other, so that only other processes can race them. */
export class SerialQueues {
  readonly #tails: Map<string, Promise<unknown>> = new Map();

  run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key);
    const result = before === undefined ? task() : before.then(task, task);
    this.#tails.set(key, result);
    const clean = (): void => {
      if (this.#tails.get(key) === result) this.#tails.delete(key);
    };
    result.then(clean, clean);
    return result;
  }
}
