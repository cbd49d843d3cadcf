/** Where settings come from: flags, environment, file. Merged by rank; nothing is judged yet. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { ConfigProblem } from "sojourn";
import { nearest, unknownName } from "./nearest.ts";
import { OTHER_ENV, SETTINGS } from "./settings.ts";

/** A value as it was written, and where: `--port`, `SOJOURN_PORT`, `port in sojourn.json`. */
export interface Written {
  readonly value: unknown;
  readonly from: string;
}

export type WrittenSettings = ReadonlyMap<string, Written>;

/** Flag values as the command line parser gives them, by flag name. */
type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Sources {
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The most a configuration file may hold. */
const FILE_BYTES_MAX = 1_048_576;
const PATHS: readonly string[] = SETTINGS.map(({ path }) => path);

/** @returns what was written, the higher rank first asked. Problems are added, none is thrown. */
export function gather(sources: Sources, problems: ConfigProblem[]): WrittenSettings {
  const written = new Map<string, Written>();
  const { flags, env } = sources;
  const flag = flags["config"];
  const path = typeof flag === "string" ? flag : env["SOJOURN_CONFIG"];
  if (path !== undefined && path !== "") gatherFile(path, written, problems);
  checkEnvironment(env, problems);
  for (const setting of SETTINGS) {
    const fromEnv = setting.env === undefined ? undefined : env[setting.env];
    if (fromEnv !== undefined && fromEnv !== "") {
      written.set(setting.path, { value: fromEnv, from: setting.env ?? "" });
    }
    const fromFlag = setting.flag === undefined ? undefined : flags[setting.flag];
    if (fromFlag !== undefined) {
      written.set(setting.path, { value: fromFlag, from: `--${setting.flag ?? ""}` });
    }
  }
  return written;
}

/** Names that are one slip away from ours; other programs' `SOJOURN_…` names are left alone. */
function checkEnvironment(env: Sources["env"], problems: ConfigProblem[]): void {
  const known = [...OTHER_ENV, ...SETTINGS.flatMap(({ env: name }) => name ?? [])];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("SOJOURN_") || known.includes(name)) continue;
    const guess = nearest(name.slice("SOJOURN_".length), known.map(withoutPrefix));
    if (guess !== undefined) {
      problems.push({ path: name, message: `unknown; did you mean SOJOURN_${guess}?` });
    }
  }
}

function withoutPrefix(name: string): string {
  return name.slice("SOJOURN_".length);
}

function gatherFile(path: string, written: Map<string, Written>, problems: ConfigProblem[]): void {
  const content = readObject(path, problems);
  if (content === undefined) return;
  const name = basename(path);
  const visit = (object: Record<string, unknown>, prefix: string): void => {
    for (const [key, value] of Object.entries(object)) {
      const at = prefix + key;
      if (PATHS.includes(at)) written.set(at, { value, from: `${at} in ${name}` });
      else if (PATHS.some((known) => known.startsWith(`${at}.`)) && isObject(value)) {
        visit(value, `${at}.`);
      } else problems.push({ path: `${at} in ${name}`, message: hintFor(at) });
    }
  };
  visit(content, "");
}

function hintFor(at: string): string {
  if (/^secrets?$/.test(at)) {
    return "secrets do not belong into this file; name another with `secretFile`";
  }
  const group = PATHS.find((known) => known.startsWith(`${at}.`));
  if (group !== undefined) return "accepted: an object";
  return unknownName(at, PATHS);
}

function readObject(path: string, problems: ConfigProblem[]): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    problems.push({ path: "config", message: `cannot read ${path} (${code}); check the path` });
    return undefined;
  }
  if (text.length > FILE_BYTES_MAX) {
    problems.push({ path: "config", message: `${path} is over ${FILE_BYTES_MAX} bytes` });
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    problems.push({ path: "config", message: `${path} holds no JSON object; write { … }` });
  } catch {
    // What the parser says quotes the file, and a secret could be in it.
    problems.push({ path: "config", message: `${path} is not JSON; check commas and quotes` });
  }
  return undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
