/** The one place that loads `jose`: an optional peer, so that a missing one is one clear error. */
import type * as JoseModule from "jose";
import { ConfigError } from "../../engine/errors.ts";

export type Jose = typeof JoseModule;

const HINT = "is not installed; tokens are verified with it: npm install jose@6";

let present: Jose | undefined;

/**
 * @returns at once when it is there.
 * @throws {ConfigError} (rejects) when it is not installed; the next call looks for it again.
 */
export function loadJose(): Jose | Promise<Jose> {
  return present ?? importJose();
}

/** By each who comes before it is there: some runtimes forbid a promise of another request. */
async function importJose(): Promise<Jose> {
  try {
    present = await import("jose");
  } catch (cause) {
    throw new ConfigError([{ path: "jose", message: HINT }], { cause });
  }
  return present;
}
