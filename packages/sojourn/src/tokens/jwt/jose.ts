/** The one place that loads `jose`: an optional peer, so that a missing one is one clear error. */
import type * as JoseModule from "jose";
import { ConfigError } from "../../engine/errors.ts";

export type Jose = typeof JoseModule;

const HINT = "is not installed; tokens are verified with it: npm install jose@6";

let loaded: Promise<Jose> | undefined;
let present: Jose | undefined;

/**
 * @returns at once when it is there.
 * @throws {ConfigError} (rejects) when it is not installed; the next call looks for it again.
 */
export function loadJose(): Jose | Promise<Jose> {
  if (present !== undefined) return present;
  loaded ??= import("jose").then(
    (jose) => (present = jose),
    (cause: unknown) => {
      loaded = undefined;
      throw new ConfigError([{ path: "jose", message: HINT }], { cause });
    },
  );
  return loaded;
}
