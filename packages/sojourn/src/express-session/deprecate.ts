/** Deprecation notices as express-session's users know them: on standard error, or as an event. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const NAMESPACE = "express-session";
/** As it stands in stack traces: those of some loaders have paths in place of URLs. */
const OWN_FOLDER = [import.meta.url, fileURLToPath(import.meta.url)].map((place) =>
  place.slice(0, place.lastIndexOf("express-session") + "express-session".length),
);
const LOCATION = /\(?((?:file:|\/|[A-Za-z]:\\|node:)[^()]*?):(\d+):(\d+)\)?$/;

const given: Set<string> = new Set();

/**
 * Give notice once per calling place. Silent with `--no-deprecation` or
 * `NO_DEPRECATION=express-session`; whoever listens to the process's `deprecation` event gets an
 * error object in place of the line.
 */
export function deprecate(message: string): void {
  const heard = process.listenerCount("deprecation") > 0;
  if (!heard && isSilenced()) return;
  const { stack, place } = caller(message);
  const key = `${message} ${place}`;
  if (given.has(key)) return;
  given.add(key);
  if (heard) {
    const error = Object.assign(new Error(message), { name: "DeprecationError", stack });
    process.emit("deprecation" as "warning", Object.assign(error, { namespace: NAMESPACE }));
    return;
  }
  const where = place === "" ? "" : ` at ${place}`;
  process.stderr.write(`${new Date().toUTCString()} ${NAMESPACE} deprecated ${message}${where}\n`);
}

function isSilenced(): boolean {
  if ((process as { noDeprecation?: boolean }).noDeprecation === true) return true;
  const names = (process.env["NO_DEPRECATION"] ?? "").toLowerCase().split(/[ ,]+/);
  return names.includes("*") || names.includes(NAMESPACE);
}

/** The first place outside of this folder, relative to where the process was started. */
function caller(message: string): { stack: string; place: string } {
  const lines = (new Error(message).stack ?? "").split("\n").slice(1);
  const frames = lines.filter((line) => !OWN_FOLDER.some((folder) => line.includes(folder)));
  const [, file = "", line, column] = LOCATION.exec(frames[0]?.trim() ?? "") ?? [];
  const stack = [`DeprecationError: ${NAMESPACE} deprecated ${message}`, ...frames].join("\n");
  if (file === "") return { stack, place: "" };
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  return { stack, place: `${relative(process.cwd(), path)}:${line}:${column}` };
}
