/** From the words of a command line to an exit code. */
import { parseArgs } from "node:util";
import { ConfigError, SojournError } from "sojourn";
import { readConfig } from "../config/config.ts";
import type { ServerConfig } from "../config/config.ts";
import { nearest } from "../config/nearest.ts";
import { PlaceError } from "../engines/trouble.ts";
import { EXIT, FailedError, UsageError } from "./command.ts";
import type { Command, Option, OptionValues } from "./command.ts";
import { auditCommands } from "./audit.ts";
import { backupCommands } from "./backup.ts";
import { consoleCommands } from "./console.ts";
import { doctorCommands } from "./doctor.ts";
import {
  commandHelp,
  GLOBAL_OPTIONS,
  groupHelp,
  GROUPS,
  INSTALLATION_OPTIONS,
  topHelp,
} from "./help.ts";
import { keyCommands } from "./keys.ts";
import { balancerCommands } from "./lb.ts";
import { lockCommands } from "./locks.ts";
import { signingCommands } from "./signing.ts";
import { createOutput, paintFor } from "./output.ts";
import { evidenceCommands } from "./evidence.ts";
import { otherCommands } from "./policy.ts";
import { privacyCommands } from "./privacy.ts";
import { serviceCommands } from "./serve.ts";
import { searchCommands } from "./search.ts";
import { sessionCommands } from "./sessions.ts";
import { storeCommands } from "./stores.ts";
import { tenantCommands } from "./tenants.ts";
import { webhookCommands } from "./webhooks.ts";

export const COMMANDS: readonly Command[] = [
  ...serviceCommands,
  ...keyCommands,
  ...tenantCommands,
  ...signingCommands,
  ...sessionCommands,
  ...searchCommands,
  ...privacyCommands,
  ...lockCommands,
  ...auditCommands,
  ...consoleCommands,
  ...evidenceCommands,
  ...webhookCommands,
  ...storeCommands,
  ...backupCommands,
  ...otherCommands,
  ...doctorCommands,
  ...balancerCommands,
];

export interface Terminal {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly err: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** @returns the exit code; whatever goes wrong has been said on standard error. */
export async function runCommandLine(terminal: Terminal): Promise<number> {
  try {
    return await dispatch(terminal);
  } catch (error) {
    const { text, code } = explain(error);
    const paint = paintFor(terminal.err, terminal.env);
    terminal.err.write(`${paint.bad("sojourn:")} ${text}\n`);
    return code;
  }
}

async function dispatch(terminal: Terminal): Promise<number> {
  const { argv, out } = terminal;
  const wantsHelp = argv.includes("--help") || argv.includes("-h");
  const [first = "", second = ""] = leadingWords(argv);
  if (first === "" || first === "help") {
    out.write(topHelp(COMMANDS));
    return EXIT.ok;
  }
  const group = Object.hasOwn(GROUPS, first);
  const command = COMMANDS.find(({ name }) => name === (group ? `${first} ${second}` : first));
  if (command === undefined) {
    if (!group || (second !== "" && !wantsHelp)) {
      throw new UsageError(unknownCommand(first, second, group));
    }
    out.write(groupHelp(first, COMMANDS));
    return wantsHelp ? EXIT.ok : EXIT.usage;
  }
  if (wantsHelp) {
    out.write(commandHelp(command));
    return EXIT.ok;
  }
  return perform(command, terminal);
}

/** The words before the first option name the command. */
function leadingWords(argv: readonly string[]): readonly string[] {
  const end = argv.findIndex((word) => word.startsWith("-"));
  return end < 0 ? argv : argv.slice(0, end);
}

async function perform(command: Command, { argv, out, err, env }: Terminal): Promise<number> {
  const { values, positionals } = parseWords(command, argv);
  const rest = positionals.slice(command.name.split(" ").length);
  checkWords(command, rest);
  let config: ServerConfig | undefined;
  return command.run({
    values,
    words: rest,
    output: createOutput(values["json"] === true, out, err, env),
    env,
    config: () => (config ??= readConfig({ flags: values, env })),
  });
}

function unknownCommand(first: string, second: string, group: boolean): string {
  const known = group
    ? COMMANDS.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name)
    : [...Object.keys(GROUPS), ...COMMANDS.map(({ name }) => name)];
  const given = group ? `${first} ${second}` : first;
  const guess = nearest(given, known) ?? nearest(`${first} ${second}`, known);
  const hint = guess === undefined ? "see: sojourn --help" : `did you mean: sojourn ${guess}?`;
  return `there is no command ${JSON.stringify(given)}; ${hint}`;
}

interface Parsed {
  readonly values: OptionValues;
  readonly positionals: readonly string[];
}

const THUMBPRINT = /^-[\w-]{42}$/;

/** @throws {UsageError} naming the option, and the nearest one that exists. */
export function parseWords(command: Command, argv: readonly string[]): Parsed {
  // A command's own option comes before a setting of the same name.
  const options: Option[] = [];
  const installation = command.installation ? INSTALLATION_OPTIONS : [];
  for (const option of [...command.options, ...GLOBAL_OPTIONS, ...installation]) {
    if (!options.some(({ name }) => name === option.name)) options.push(option);
  }
  const shape = options.map(({ name, value, many }) => [
    name,
    { type: value === undefined ? "boolean" : "string", multiple: many === true } as const,
  ]);
  try {
    // A key's thumbprint may begin like an option.
    const ids = argv.filter((word) => THUMBPRINT.test(word));
    const words = argv.filter((word) => !ids.includes(word));
    const { values, positionals } = parseArgs({
      args: ids.length === 0 || argv.includes("--") ? [...argv] : [...words, "--", ...ids],
      options: Object.fromEntries(shape) as Record<
        string,
        { type: "boolean" | "string"; multiple: boolean }
      >,
      allowPositionals: true,
      allowNegative: true,
      strict: true,
    });
    return { values: values as OptionValues, positionals };
  } catch (error) {
    throw new UsageError(parseProblem(error, argv, options), command.name);
  }
}

function parseProblem(error: unknown, argv: readonly string[], options: readonly Option[]): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const names = options.map(({ name }) => name);
    const given = argv
      .filter((word) => word.startsWith("--"))
      .map((word) => word.slice(2).split("=")[0] ?? "")
      .find((name) => !names.includes(name.replace(/^no-/, "")));
    const guess = given === undefined ? undefined : nearest(given, names);
    const hint = guess === undefined ? "" : `; did you mean --${guess}?`;
    return `unknown option${given === undefined ? "" : ` --${given}`}${hint}`;
  }
  const told = error instanceof Error ? error.message.split("\n")[0] : undefined;
  return told ?? "the options cannot be read";
}

function checkWords(command: Command, words: readonly string[]): void {
  const missing = command.words[words.length];
  if (missing?.startsWith("[") === false)
    throw new UsageError(`${missing} is missing`, command.name);
  const extra = words[command.words.length];
  if (extra !== undefined) {
    throw new UsageError(`${JSON.stringify(extra)} is one word too many`, command.name);
  }
}

const STORE_HINT =
  "\n  the store is locked, read-only, damaged or not there; check SOJOURN_STORE, try again";

/** A single problem is a single line. */
function problemsText({ problems, message }: ConfigError): string {
  const [first, second] = problems;
  if (first === undefined || second !== undefined) return message;
  return `${first.path}: ${first.message}`;
}

function explain(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) {
    const more = `sojourn ${[error.command, "--help"].filter((word) => word !== "").join(" ")}`;
    return { text: `${error.message}\n  more: ${more}`, code: EXIT.usage };
  }
  if (error instanceof ConfigError) return { text: problemsText(error), code: EXIT.usage };
  if (error instanceof PlaceError) return { text: error.message, code: EXIT.failed };
  if (error instanceof FailedError) return { text: error.message, code: error.code };
  if (error instanceof SojournError) {
    const hint = error.code === "ERR_STORE_UNAVAILABLE" ? STORE_HINT : "";
    return { text: `${error.message}${hint}`, code: EXIT.failed };
  }
  const kind = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `a bug: ${kind}`, code: EXIT.failed };
}
