/** Promises over functions that take a callback. */
import type { Callback } from "./types.ts";

/** What `start` throws is thrown at once, as it would be with a callback. */
export function promised(start: (callback: Callback) => void): Promise<void> {
  let settle: Callback = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => {
      if (error) reject(error);
      else resolve();
    };
  });
  start(settle);
  return promise;
}

/** A rejection that nobody awaits is no unhandled one; who awaits it gets it. */
export function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
