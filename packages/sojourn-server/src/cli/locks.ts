/** `sojourn locks …`: whom a tenant keeps out. */
import { ArgumentError, LOCKOUT_KINDS } from "sojourn";
import { lockView } from "../api/lock-schemas.ts";
import { readSpan, SPAN_ACCEPTED } from "../config/spans.ts";
import { isLockId } from "../locks/lock.ts";
import type { Lock } from "../locks/lock.ts";
import type { LockActor } from "../locks/lock-desk.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { limitOf, OPERATOR } from "./options.ts";
import { moment, printable, table } from "./output.ts";
import type { Paint } from "./output.ts";

const PAGE = 200;
const KINDS = LOCKOUT_KINDS.join(", ");

const tenantOption: Option = {
  name: "tenant",
  value: "TENANT",
  means: 'whose locks (default: "default")',
};

function actorOf({ values }: Invocation): LockActor {
  return { tenant: textOption(values, "tenant") ?? "default", actor: OPERATOR };
}

const set: Command = {
  name: "locks set",
  summary: "Keep somebody out: nothing new opens, what is live of it ends",
  words: ["KIND", "[VALUE]"],
  options: [
    { name: "message", value: "TEXT", means: "what is shown to whoever is kept out (required)" },
    { name: "reason", value: "TEXT", means: "why, for the record, like fraud" },
    { name: "for", value: "SPAN", means: "how long, like 24h (default: until it is lifted)" },
    { name: "confirm", means: "yes, the whole tenant, or a network that is most of the internet" },
    tenantOption,
  ],
  installation: true,
  details:
    `KIND is ${KINDS}. VALUE is the session's id, the subject, the device's id, the client's id or ` +
    "the network; a tenant has none. A target is locked once: set again, it is the same lock.",
  examples: [
    'sojourn locks set subject mallory --message "Call us." --reason fraud',
    'sojourn locks set network 203.0.113.0/24 --message "Try again tomorrow." --for 24h',
    'sojourn locks set tenant --message "Closed for maintenance." --for 2h --confirm',
  ],
  async run(invocation) {
    const { values, words } = invocation;
    const kind = LOCKOUT_KINDS.find((known) => known === words[0]);
    if (kind === undefined) throw new UsageError(`KIND: accepted: ${KINDS}`, this.name);
    const message = textOption(values, "message");
    if (message === undefined) throw new UsageError("--message is missing", this.name);
    const span = textOption(values, "for");
    const spanMs = span === undefined ? undefined : readSpan(span);
    if (span !== undefined && spanMs === undefined) {
      throw new UsageError(`--for: ${SPAN_ACCEPTED}`, this.name);
    }
    const wanted = {
      kind,
      value: words[1] ?? "",
      message,
      reason: textOption(values, "reason"),
      confirm: values["confirm"] === true,
    };
    const { lock, ended } = await withInstallation(invocation, ({ locks, now }) => {
      const expiresAt = spanMs === undefined ? undefined : now() + spanMs;
      return inWordsOfTheLine(this.name, () =>
        locks.set({ ...wanted, expiresAt }, actorOf(invocation)),
      );
    });
    invocation.output.result({ lock: lockView(lock), ended }, () => setText(lock, ended));
    return EXIT.ok;
  },
};

/** What was typed is named as it was typed. */
async function inWordsOfTheLine<Result>(
  command: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const { path, message } = error;
    const said = message.slice(path.length + 2).replace("`confirm: true`", "--confirm");
    const name = path === "value" ? "VALUE" : path === "expiresAt" ? "--for" : `--${path}`;
    throw new UsageError(`${name}: ${said}`, command);
  }
}

function setText({ id, kind, value, expiresAt }: Lock, ended: number): string {
  const whom = value === "" ? "the tenant" : `${kind} ${printable(value)}`;
  const until = expiresAt === undefined ? "until it is lifted" : `until ${moment(expiresAt)}`;
  const live = ended === 1 ? "1 session was" : `${ended} sessions were`;
  return `Locked ${whom} ${until} (${id}); ${live} ended at once.`;
}

const list: Command = {
  name: "locks list",
  summary: "List the locks that hold, newest first",
  words: [],
  options: [
    { name: "kind", value: "KIND", means: KINDS },
    { name: "limit", value: "N", means: "at most so many (default: 50)" },
    tenantOption,
  ],
  installation: true,
  examples: ["sojourn locks list", "sojourn locks list --kind network --json"],
  async run(invocation) {
    const { values } = invocation;
    const limit = limitOf(invocation, this.name);
    const given = textOption(values, "kind");
    const kind = LOCKOUT_KINDS.find((known) => known === given);
    if (given !== undefined && kind === undefined) {
      throw new UsageError(`--kind: accepted: ${KINDS}`, this.name);
    }
    const { tenant } = actorOf(invocation);
    const found = await withInstallation(invocation, async ({ locks }) => {
      const all: Lock[] = [];
      let after: Awaited<ReturnType<typeof locks.page>>["next"];
      do {
        const page = { limit: Math.min(PAGE, limit - all.length), after };
        const { items, next } = await locks.page({ tenant, kind }, page);
        all.push(...items);
        after = next;
      } while (after !== undefined && all.length < limit);
      return all;
    });
    const items = found.map(lockView);
    invocation.output.result({ items }, (paint) => listText(found, paint));
    return EXIT.ok;
  },
};

function listText(locks: readonly Lock[], paint: Paint): string {
  if (locks.length === 0) return "No locks.";
  const rows = locks.map(({ id, kind, value, reason, setBy, setAt, expiresAt }) => [
    id,
    kind,
    value === "" ? "-" : printable(value),
    printable(reason),
    setBy,
    moment(setAt),
    moment(expiresAt),
  ]);
  return table([["ID", "KIND", "VALUE", "REASON", "SET BY", "SET", "UNTIL"], ...rows], paint);
}

const lift: Command = {
  name: "locks lift",
  summary: "Lift a lock: new sessions open again, ended ones stay ended",
  words: ["ID"],
  options: [tenantOption],
  installation: true,
  examples: ["sojourn locks lift lck_…"],
  async run(invocation) {
    const [id = ""] = invocation.words;
    if (!isLockId(id)) {
      throw new UsageError("expected a lock's id like lck_…; see: sojourn locks list", this.name);
    }
    const at = await withInstallation(invocation, ({ locks }) =>
      locks.lift(id, actorOf(invocation)),
    );
    if (at === undefined) {
      throw new FailedError(`no lock ${id} in this tenant; see: sojourn locks list`);
    }
    const view = { id, liftedAt: new Date(at).toISOString() };
    invocation.output.result(view, () => `Lifted ${id} at ${moment(at)}.`);
    return EXIT.ok;
  },
};

export const lockCommands: readonly Command[] = [set, list, lift];
