/** Help at every level: what there is, how it is typed, and an example that can be copied. */
import { SETTINGS } from "../config/settings.ts";
import type { Command, Option } from "./command.ts";

export const GROUPS: Readonly<Record<string, string>> = {
  audit: "Read, export and verify the audit trail",
  console: "Who may sign in to the web console",
  keys: "Service keys of back ends, and the inventory of cryptographic keys",
  locks: "Keep somebody out, and let them in again",
  policy: "What limits hold, and why",
  sessions: "Look at sessions and end them",
  signing: "Keys that sign access tokens",
  stores: "Work on a store while nothing uses it",
  subjects: "End all sessions of somebody; give out and forget what is kept",
  tenants: "Tenants: made, tightened, suspended, erased",
  webhooks: "Send events to others, and see what became of them",
};

export const GLOBAL_OPTIONS: readonly Option[] = [
  { name: "json", means: "print JSON, for scripts" },
  { name: "help", means: "show this help" },
];

export const INSTALLATION_OPTIONS: readonly Option[] = [
  { name: "config", value: "FILE", means: "read settings from this JSON file (SOJOURN_CONFIG)" },
  ...SETTINGS.flatMap((setting): Option[] => {
    const { flag, kind, means, env, standard } = setting;
    if (flag === undefined) return [];
    const told = `${means} (${env ?? "no environment name"}; default: ${standard})`;
    if (kind === "boolean") return [{ name: flag, means: told }];
    const value = kind === "list" ? "TEXT" : kind.toUpperCase();
    return [{ name: flag, value, many: kind === "list", means: told }];
  }),
];

/** The few settings that a command which is no service needs. */
const USUAL: ReadonlySet<string> = new Set([
  "config",
  "store",
  "control",
  "accept-risk",
  "secret-file",
  "policy",
  "token-keys",
  "console-origin",
]);

const USUAL_EXITS = "0 done, 1 could not be done, 2 wrong usage or configuration.";

function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function optionRows(options: readonly Option[]): string {
  return rows(
    options.map(({ name, value, means }) => [
      `--${name}${value === undefined ? "" : ` ${value}`}`,
      means,
    ]),
  );
}

export function topHelp(commands: readonly Command[]): string {
  const single = commands.filter(({ name }) => !name.includes(" "));
  const pairs = [
    ...single.map(({ name, summary }) => [name, summary] as const),
    ...Object.entries(GROUPS).map(([name, summary]) => [`${name} …`, summary] as const),
  ];
  return `sojourn: sessions that end when you say so

Usage: sojourn COMMAND [options]

Commands
${rows(pairs)}

First steps
  (umask 077; sojourn secret > sojourn.secret)
  export SOJOURN_SECRET_FILE=sojourn.secret
  sojourn serve                              # in one terminal
  sojourn keys create --name trial           # in another, with the same settings

Options
${optionRows(GLOBAL_OPTIONS)}

Settings come from flags, then SOJOURN_* in the environment, then --config FILE.
Exit codes: ${USUAL_EXITS}
More: sojourn COMMAND --help
`;
}

export function groupHelp(group: string, commands: readonly Command[]): string {
  const own = commands.filter(({ name }) => name.startsWith(`${group} `));
  return `sojourn ${group}: ${GROUPS[group] ?? ""}

Commands
${rows(own.map(({ name, words, summary }) => [[name, ...words].join(" "), summary]))}

Examples
${own.flatMap(({ examples }) => examples.slice(0, 1).map((line) => `  ${line}`)).join("\n")}

More: sojourn ${group} COMMAND --help
`;
}

export function commandHelp(command: Command): string {
  const { name, words, options, summary, details, examples, installation } = command;
  const settings = INSTALLATION_OPTIONS.filter(
    (option) => name === "serve" || USUAL.has(option.name),
  );
  const parts = [
    `sojourn ${name}: ${summary}`,
    `Usage: sojourn ${[name, ...words].join(" ")} [options]`,
    ...(details === undefined ? [] : [details]),
    ...(options.length === 0 ? [] : [`Options\n${optionRows(options)}`]),
    ...(installation ? [`Settings of the installation\n${optionRows(settings)}`] : []),
    `Always\n${optionRows(GLOBAL_OPTIONS)}`,
    `Examples\n${examples.map((line) => `  ${line}`).join("\n")}`,
    `Exit codes: ${command.exits ?? USUAL_EXITS}`,
  ];
  return `${parts.join("\n\n")}\n`;
}
