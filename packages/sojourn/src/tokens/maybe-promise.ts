import type { MaybePromise } from "../engine/ports.ts";

/**
 * Go on with a value that may be a promise: at once when it is none. On Node every primitive is
 * synchronous, so a chain of these allocates no promise and yields to nobody; on web runtimes the
 * same code is asynchronous. Errors are thrown or rejected accordingly.
 */
export function chain<T, R>(
  value: MaybePromise<T>,
  step: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return value instanceof Promise ? value.then(step) : step(value);
}
