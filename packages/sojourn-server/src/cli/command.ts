/** What a command is: words on the line, options, help, and what it does. */
import type { ServerConfig } from "../config/config.ts";
import type { Output } from "./output.ts";

export interface Option {
  /** Without dashes. */
  readonly name: string;
  /** In the help: `--name TEXT`. Absent: a switch. */
  readonly value?: string;
  readonly many?: boolean;
  readonly means: string;
}

export type OptionValues = Readonly<
  Record<string, string | boolean | readonly string[] | undefined>
>;

/** What a command is given when it runs. */
export interface Invocation {
  readonly values: OptionValues;
  readonly words: readonly string[];
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Read on demand: help and `secret` need no configuration. @throws {ConfigError} */
  readonly config: () => ServerConfig;
}

export interface Command {
  /** As typed after `sojourn`: `keys create`. */
  readonly name: string;
  readonly summary: string;
  /** Words after the name, in order; a name in brackets may be left out. */
  readonly words: readonly string[];
  readonly options: readonly Option[];
  /** True: the settings of an installation (store, secrets, policy) are options too. */
  readonly installation: boolean;
  readonly details?: string;
  /** Its exit codes, where they are not the usual ones. */
  readonly exits?: string;
  readonly examples: readonly string[];
  /** @returns the exit code. */
  run(invocation: Invocation): Promise<number>;
}

/** Exit codes; documented in the help. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3 } as const;

/** The command line cannot be meant; the message names the fix. Exit code 2. */
export class UsageError extends Error {
  /** The command whose help tells more. */
  readonly command: string;

  constructor(message: string, command = "") {
    super(message);
    this.name = "UsageError";
    this.command = command;
  }
}

/** The command was understood and could not be done. */
export class FailedError extends Error {
  /** The exit code. */
  readonly code: number;

  constructor(message: string, code: number = EXIT.failed) {
    super(message);
    this.name = "FailedError";
    this.code = code;
  }
}

export function textOption(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function listOption(values: OptionValues, name: string): readonly string[] | undefined {
  const value = values[name];
  return Array.isArray(value) ? (value as readonly string[]) : undefined;
}
