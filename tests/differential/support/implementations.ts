/** The two that are compared: the installed express-session, and ours. */
import { createRequire } from "node:module";
import { env } from "node:process";
import * as dropIn from "sojourn/express-session";
import type { Implementation } from "./types.ts";

const require = createRequire(import.meta.url);

/**
 * `SOJOURN_DIFFERENTIAL` names a CommonJS module to compare instead of ours, such as a copy of
 * upstream with a change that the suite has to notice.
 */
const { SOJOURN_DIFFERENTIAL: instead } = env;

function ours(): Implementation {
  const exported: Readonly<Record<string, unknown>> = { ...dropIn };
  return exported["module.exports"] as Implementation;
}

export const implementations: {
  readonly upstream: Implementation;
  readonly subject: Implementation;
  /** Whether ours is compared, and nothing in its place. */
  readonly isOurs: boolean;
} = {
  upstream: require("express-session") as Implementation,
  subject: instead === undefined ? ours() : (require(instead) as Implementation),
  isOurs: instead === undefined,
};
