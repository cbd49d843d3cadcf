/** `sojourn subjects export|erase` and `sojourn cookies`: what is kept of people. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CookieFacts } from "sojourn";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { OPERATOR } from "./options.ts";
import { table } from "./output.ts";

const OWNER_ONLY = 0o600;

const tenantOption: Option = {
  name: "tenant",
  value: "TENANT",
  means: 'whose subject (default: "default")',
};

function personOf({ words: [subject = ""], values }: Invocation): {
  readonly tenant: string;
  readonly subject: string;
} {
  return { tenant: textOption(values, "tenant") ?? "default", subject };
}

const exportSubject: Command = {
  name: "subjects export",
  summary: "Write everything that is kept of a subject, as one JSON document",
  words: ["SUBJECT"],
  options: [
    tenantOption,
    {
      name: "out",
      value: "FILE",
      means: "write it there, readable by you alone; never over a file",
    },
  ],
  installation: true,
  details:
    "Sessions with their data, ended ones as long as they are kept, and audit entries. No token. " +
    "That it was exported is an entry itself.",
  examples: ["sojourn subjects export alice --out alice.json"],
  async run(invocation) {
    const person = personOf(invocation);
    const path = textOption(invocation.values, "out");
    await withInstallation(invocation, async ({ privacy, audit }) => {
      const about = { subject: person.subject };
      audit.log.note("subject-exported", OPERATOR, about, person.tenant);
      const pieces = privacy.export(person);
      if (path === undefined) {
        let text = "";
        for await (const piece of pieces) text += piece;
        invocation.output.lines([text.trimEnd()]);
        return;
      }
      await written(path, pieces);
      invocation.output.note(`Written to ${path}.`);
    });
    return EXIT.ok;
  },
};

async function written(path: string, pieces: AsyncIterable<string>): Promise<void> {
  try {
    const file = createWriteStream(path, { flags: "wx", mode: OWNER_ONLY });
    await pipeline(Readable.from(pieces), file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    if (code === "EEXIST") throw new FailedError(`${path} is there already; name another file`);
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new FailedError(`cannot write ${path} (${code})`);
  }
}

const erase: Command = {
  name: "subjects erase",
  summary: "End all sessions of a subject and forget it, in every store and in the trail",
  words: ["SUBJECT"],
  options: [
    tenantOption,
    {
      name: "confirm",
      value: "SUBJECT",
      means: "the subject again: it cannot be undone (required)",
    },
    { name: "cause", value: "TEXT", means: "why, for the record; name nobody in it" },
  ],
  installation: true,
  details:
    "The chain of the trail stays valid. What was under way is forgotten once more by a running " +
    "service, a minute later. Copies, exports and backups are yours.",
  examples: ["sojourn subjects erase alice --confirm alice --cause gdpr_17"],
  async run(invocation) {
    const person = personOf(invocation);
    if (textOption(invocation.values, "confirm") !== person.subject) {
      throw new UsageError("--confirm: the subject again: it cannot be undone", this.name);
    }
    const cause = textOption(invocation.values, "cause");
    const order = cause === undefined ? { actor: OPERATOR } : { actor: OPERATOR, cause };
    const erased = await withInstallation(invocation, ({ privacy }) =>
      privacy.erase(person, order),
    );
    const { sessions = 0, audit = 0 } = erased;
    const noun = sessions === 1 ? "session" : "sessions";
    const trail =
      audit === 0 ? "No audit entry was about it." : "The audit trail names it no more.";
    invocation.output.result({ erased }, () => `Erased ${sessions} ${noun}. ${trail}`);
    return EXIT.ok;
  },
};

const cookies: Command = {
  name: "cookies",
  summary: "List the cookies there are, what for and for how long: for privacy notices",
  words: [],
  options: [{ name: "tenant", value: "TENANT", means: 'as for this tenant (default: "default")' }],
  installation: true,
  details:
    "None needs consent: each is strictly necessary for what the person asked for. One that " +
    "outlives the browser is set only where a person chose to stay signed in (remember).",
  examples: ["sojourn cookies --json"],
  async run(invocation) {
    const tenant = textOption(invocation.values, "tenant") ?? "default";
    const items = await withInstallation(invocation, ({ sessions }) =>
      sessions.cookies({ tenant }),
    );
    invocation.output.result({ cookies: items }, (paint) =>
      table([["NAME", "KEPT", "SAMESITE", "PURPOSE"], ...items.map(cookieRow)], paint),
    );
    return EXIT.ok;
  },
};

function cookieRow({ name, kept, maxSeconds = 0, sameSite, purpose }: CookieFacts): string[] {
  const days = Math.round(maxSeconds / 86_400);
  const minutes = `${Math.round(maxSeconds / 60)} minutes`;
  const how = {
    browser: "until the browser is closed",
    remember: `until the browser is closed; on wish up to ${days} days`,
    bound: minutes,
  };
  return [name, how[kept], sameSite, purpose];
}

export const privacyCommands: readonly Command[] = [exportSubject, erase, cookies];
