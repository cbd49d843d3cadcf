/** Device-bound sessions: off unless they are turned on. The library judges the values. */
import type { ConfigProblem, SessionsOptions } from "sojourn";
import { present } from "./present.ts";
import type { ValueReader } from "./values.ts";

/** Below which there are a `refresh` or a `register` of the service's own. */
const TAKEN: readonly unknown[] = ["/v1/session", "/v1/device-bindings"];

type DbscSettings = NonNullable<SessionsOptions["dbsc"]>;

/** @returns `undefined` when sessions are bound to no device. */
export function readDbscSettings(
  read: ValueReader,
  problems: ConfigProblem[],
): DbscSettings | undefined {
  const options = present({
    path: read.text("dbsc.path"),
    enforcement: read.text("dbsc.enforcement"),
    onSkipped: read.text("dbsc.onSkipped"),
    cookieName: read.text("dbsc.cookieName"),
    webcrypto: read.boolean("dbsc.webcrypto"),
    site: read.text("dbsc.site"),
    registeringOrigins: read.list("dbsc.registeringOrigins"),
  });
  if (TAKEN.includes(options.path)) {
    const message = `${options.path} is the service's own; take another, such as /dbsc`;
    problems.push({ path: "dbsc.path", message });
  }
  const enabled = read.boolean("dbsc.enabled");
  if (enabled === true) return options as unknown as DbscSettings;
  const [given] = Object.keys(options);
  if (enabled === undefined && given !== undefined) {
    const message = `is missing, so dbsc.${given} would do nothing: add --dbsc, or leave both out`;
    problems.push({ path: "dbsc.enabled", message });
  }
  return undefined;
}
