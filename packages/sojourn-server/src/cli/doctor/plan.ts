/** From the words of the command line to what the doctor may do. */
import { readFileSync } from "node:fs";
import { readSpan, SPAN_ACCEPTED } from "../../config/spans.ts";
import { listOption, textOption, UsageError } from "../command.ts";
import type { Invocation, OptionValues } from "../command.ts";

export interface LoginPlan {
  readonly path: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly json: boolean;
}

export interface WritePlan {
  readonly path: string;
  readonly body: string;
  readonly json: boolean;
  /** A page whose hidden fields go with the page's own request. */
  readonly page: string | undefined;
}

export interface Plan {
  readonly url: URL;
  /** The same application by plain HTTP; `undefined` where there is no telling. */
  readonly plainUrl: URL | undefined;
  readonly login: LoginPlan | undefined;
  readonly cookies: readonly (readonly [name: string, value: string])[];
  readonly sessionCookie: string | undefined;
  readonly logoutPath: string | undefined;
  readonly whoamiPath: string | undefined;
  readonly write: WritePlan | undefined;
  readonly slowPath: string | undefined;
  readonly timeoutMs: number;
  readonly insecure: boolean;
  /** Things to tell before anything is sent. */
  readonly remarks: readonly string[];
}

const COMMAND = "doctor";
const TIMEOUT_MS = 10_000;
const TIMEOUT_MS_MAX = 600_000;
const SECRET_NAME = /pass|secret|token|pin|otp|code/i;

/** @throws {UsageError} for the first thing that cannot be meant. */
export function readPlan({ values, words, env }: Invocation): Plan {
  const url = readUrl(words[0] ?? "", "URL");
  const path = (name: string): string | undefined => pathOption(values, name);
  const login = readLogin(values, env, path("login-path"));
  const cookies = (listOption(values, "cookie") ?? []).map((text) =>
    readPair("cookie", text, env, "secret"),
  );
  const whoamiPath = path("whoami-path");
  const logoutPath = path("logout-path");
  const slowPath = path("slow-path");
  if (login !== undefined && cookies.length > 0) {
    throw usage("--login-path and --cookie are two ways to the same session: give one of them");
  }
  const someone = login !== undefined || cookies.length > 0;
  const needsSession = {
    "--whoami-path": whoamiPath,
    "--logout-path": logoutPath,
    "--slow-path": slowPath,
    "--write-path": path("write-path"),
  };
  for (const [flag, given] of Object.entries(needsSession)) {
    if (given !== undefined && !someone) {
      throw usage(`${flag} needs a session: give --login-path with --field, or --cookie`);
    }
  }
  return {
    url,
    plainUrl: plainUrlOf(url, textOption(values, "plain-url")),
    login,
    cookies,
    sessionCookie: textOption(values, "session-cookie") ?? onlyName(cookies),
    logoutPath,
    whoamiPath,
    write: readWrite(values, env),
    slowPath,
    timeoutMs: readTimeout(textOption(values, "timeout")),
    insecure: values["insecure"] === true,
    remarks: remarksOf(values, someone, whoamiPath),
  };
}

function usage(message: string): UsageError {
  return new UsageError(message, COMMAND);
}

function readUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    const scheme = /^(?:localhost|127\.0\.0\.1)(?:[:/]|$)/.test(text) ? "http" : "https";
    const bare = /^[\w.-]+(?::\d+)?(?:\/|$)/.test(text);
    const guess = bare ? `; did you mean ${scheme}://${text}?` : "";
    throw usage(`${what}: expected an address like https://app.example${guess}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw usage(`${what}: an address with a password in it ends up in logs; leave it out`);
  }
  url.hash = "";
  return url;
}

/** Where plain HTTP would be: beside https on its usual port, or where the user says. */
function plainUrlOf(url: URL, given: string | undefined): URL | undefined {
  if (given !== undefined) {
    const plain = readUrl(given, "--plain-url");
    if (plain.protocol === "http:") return plain;
    throw usage("--plain-url: expected an address that begins with http://");
  }
  if (url.protocol !== "https:" || url.port !== "") return undefined;
  const plain = new URL(url);
  plain.protocol = "http:";
  return plain;
}

function pathOption(values: OptionValues, name: string): string | undefined {
  const given = textOption(values, name);
  if (given === undefined) return undefined;
  if (/^\/(?!\/)[\x21-\x7E]*$/.test(given)) return given;
  throw usage(`--${name}: expected a path of the application like /${name.replace("-path", "")}`);
}

function readLogin(
  values: OptionValues,
  env: Invocation["env"],
  path: string | undefined,
): LoginPlan | undefined {
  const given = listOption(values, "field") ?? [];
  if (path === undefined) {
    if (given.length > 0) throw usage("--field needs --login-path: where the fields are sent to");
    return undefined;
  }
  if (given.length === 0) {
    throw usage("--login-path needs --field, like --field name=alice --field password=@file");
  }
  const fields = given.map((text) => readPair("field", text, env, "any"));
  return { path, fields, json: values["json-body"] === true };
}

/** `name=value`, `name=@file` or `name=env:VARIABLE`. */
function readPair(
  option: string,
  text: string,
  env: Invocation["env"],
  kind: "any" | "secret",
): readonly [string, string] {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  // What was typed may be a secret that lacks its name: it is not repeated.
  if (name === "") throw usage(`--${option}: expected NAME=VALUE, NAME=@FILE or NAME=env:VARIABLE`);
  const value = text.slice(equals + 1);
  if (kind === "secret" && !/^@|^env:/.test(value)) {
    throw usage(
      `--${option} ${name}: a session on the command line can be seen by everybody on this ` +
        `machine; give ${name}=@FILE or ${name}=env:VARIABLE`,
    );
  }
  return [name, indirect(`--${option} ${name}`, value, env)];
}

function indirect(what: string, value: string, env: Invocation["env"]): string {
  if (value.startsWith("env:")) {
    const found = env[value.slice(4)];
    if (found !== undefined && found !== "") return found;
    throw usage(`${what}: the environment variable ${value.slice(4)} is not set`);
  }
  if (!value.startsWith("@")) return value;
  try {
    return readFileSync(value.slice(1), "utf8").replace(/\r?\n$/, "");
  } catch {
    throw usage(`${what}: the file ${value.slice(1)} cannot be read`);
  }
}

function readWrite(values: OptionValues, env: Invocation["env"]): WritePlan | undefined {
  const path = pathOption(values, "write-path");
  const body = textOption(values, "write-body");
  const page = pathOption(values, "write-page");
  if (path === undefined) {
    const stray = body === undefined ? page && "--write-page" : "--write-body";
    if (stray !== undefined) throw usage(`${stray} needs --write-path: where it is sent to`);
    return undefined;
  }
  const text = indirect("--write-body", body ?? "", env);
  return { path, body: text, json: /^\s*[{[]/.test(text), page };
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return TIMEOUT_MS;
  const ms = readSpan(text);
  if (ms !== undefined && ms > 0 && ms <= TIMEOUT_MS_MAX) return ms;
  throw usage(`--timeout: accepted: ${SPAN_ACCEPTED}, at most 10m`);
}

function onlyName(cookies: Plan["cookies"]): string | undefined {
  return cookies.length === 1 ? cookies[0]?.[0] : undefined;
}

function remarksOf(
  values: OptionValues,
  someone: boolean,
  whoamiPath: string | undefined,
): readonly string[] {
  const remarks: string[] = [];
  const open = (listOption(values, "field") ?? []).filter((text) => {
    const [name = "", value = ""] = text.split("=", 2);
    return SECRET_NAME.test(name) && !/^@|^env:/.test(value);
  });
  for (const text of open) {
    const [name = ""] = text.split("=", 1);
    remarks.push(
      `--field ${name}: everybody on this machine can read it in the list of processes; ` +
        `${name}=@FILE and ${name}=env:VARIABLE keep it out of there.`,
    );
  }
  if (someone && whoamiPath === undefined) {
    remarks.push("Without --whoami-path nobody can tell whether a cookie is still worth anything.");
  }
  return remarks;
}
