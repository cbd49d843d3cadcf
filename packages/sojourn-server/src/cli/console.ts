/** `sojourn console …`: who may sign in to the web console. */
import { CONSOLE_ROLES, CONSOLE_TENANT } from "../control/console-users.ts";
import type { ConsoleRole, ConsoleUser } from "../control/console-users.ts";
import type { ServerConfig } from "../config/config.ts";
import { consoleOrigin, invite as inviteUser, linkTo } from "../console/invite.ts";
import { EXIT, FailedError, listOption, textOption, UsageError } from "./command.ts";
import type { Command } from "./command.ts";
import { withInstallation } from "./context.ts";
import { facts, moment, table } from "./output.ts";
import { OPERATOR } from "./options.ts";

const invite: Command = {
  name: "console invite",
  summary: "Print a one-time link that signs somebody in to the console",
  words: [],
  options: [
    { name: "name", value: "NAME", means: "whom it is for, like ada (required)" },
    {
      name: "role",
      value: "ROLE",
      means: `${CONSOLE_ROLES.join(", ")} (required for somebody new)`,
    },
    {
      name: "tenant",
      value: "TENANT",
      many: true,
      means: "a tenant they may see; may be repeated (default: all)",
    },
  ],
  installation: true,
  details:
    "The link works once, for 15 minutes; the first thing to do with it is to register a passkey. " +
    "For a name that is known it is another way in, and makes a disabled user active again.",
  examples: [
    "sojourn console invite --name ada --role admin",
    "sojourn console invite --name bob --role auditor --tenant acme",
  ],
  async run(invocation) {
    const { values, config, output } = invocation;
    const name = textOption(values, "name");
    if (name === undefined) throw new UsageError("--name is missing", this.name);
    const role = readRole(textOption(values, "role"), this.name);
    const tenants = listOption(values, "tenant");
    const wanted = { name, role, tenants };
    const { user, token, until } = await withInstallation(invocation, ({ control, audit }) =>
      inviteUser({ users: control.users, log: audit.log, actor: OPERATOR }, wanted),
    );
    const link = linkTo(originOf(config()), token);
    output.result(
      { ...viewOf(user), link, linkExpiresAt: new Date(until).toISOString() },
      (paint) =>
        [
          facts(
            [
              ["Name", user.name],
              ["Role", user.role],
              ["Tenants", user.tenants.join(", ")],
              ["Until", moment(until)],
            ],
            paint,
          ),
          "",
          paint.bold(link),
          "",
          "This is the only time the link is shown, and it works once.",
        ].join("\n"),
    );
    return EXIT.ok;
  },
};

const users: Command = {
  name: "console users",
  summary: "Who may sign in to the console",
  words: [],
  options: [],
  installation: true,
  examples: ["sojourn console users"],
  async run(invocation) {
    const all = await withInstallation(invocation, ({ control }) => control.users.list());
    const heading = ["NAME", "ID", "ROLE", "TENANTS", "PASSKEYS", "CREATED", "SIGNED IN", "STATE"];
    invocation.output.result(all.map(viewOf), (paint) =>
      table([heading, ...all.map(rowOf)], paint),
    );
    return EXIT.ok;
  },
};

const disable: Command = {
  name: "console disable",
  summary: "End somebody's access to the console now, with the sessions they have there",
  words: ["NAME"],
  options: [],
  installation: true,
  examples: ["sojourn console disable bob"],
  async run(invocation) {
    const [name = ""] = invocation.words;
    const user = await withInstallation(invocation, async ({ control, sessions, audit }) => {
      const known = (await control.users.look(name)) ?? (await control.users.find(name));
      if (known === undefined) return undefined;
      const disabled = await control.users.disable(known.id);
      const own = sessions.subject(known.id, { tenant: CONSOLE_TENANT });
      await own.revokeAll({ actor: OPERATOR, cause: "disabled" });
      const about = { subject: known.id, detail: { name: known.name } };
      audit.log.note("console-user-disabled", OPERATOR, about, CONSOLE_TENANT);
      return disabled;
    });
    if (user === undefined) {
      const wanted = JSON.stringify(name);
      throw new FailedError(`nobody at the console is ${wanted}; see: sojourn console users`);
    }
    invocation.output.result(viewOf(user), () => `${user.name} may not sign in any more`);
    return EXIT.ok;
  },
};

function readRole(text: string | undefined, command: string): ConsoleRole | undefined {
  const role = CONSOLE_ROLES.find((one) => one === text);
  if (text === undefined || role !== undefined) return role;
  throw new UsageError(`--role: accepted: ${CONSOLE_ROLES.join(", ")}`, command);
}

/** Also where the service itself is told to have none: it may be another with the same stores. */
function originOf(config: ServerConfig): string {
  const settings = config.console ?? { origin: undefined, fourEyes: false };
  return consoleOrigin(settings, `http://${config.host}:${config.port}`);
}

function viewOf(user: ConsoleUser): object {
  const { createdAt, signedInAt, disabledAt, ...rest } = user;
  const at = (value: number | undefined): string | null =>
    value === undefined ? null : new Date(value).toISOString();
  const state = disabledAt === undefined ? "active" : "disabled";
  return { ...rest, state, createdAt: at(createdAt), lastSignInAt: at(signedInAt) };
}

function rowOf(user: ConsoleUser): string[] {
  const { name, id, role, tenants, passkeys, createdAt, signedInAt, disabledAt } = user;
  const state = disabledAt === undefined ? "active" : "disabled";
  const when = [moment(createdAt), moment(signedInAt)];
  return [name, id, role, tenants.join(","), String(passkeys), ...when, state];
}

export const consoleCommands: readonly Command[] = [invite, users, disable];
