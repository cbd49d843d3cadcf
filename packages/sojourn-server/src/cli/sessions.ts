/** `sojourn sessions …` and `sojourn subjects …`: what operators see and end. */
import { idOfHandle } from "sojourn";
import { descriptionView, sessionView, summaryView } from "../api/views.ts";
import type { SessionView } from "../api/schemas.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { limitOf, OPERATOR } from "./options.ts";
import { facts, moment, table } from "./output.ts";
import type { Paint } from "./output.ts";

const PAGE = 200;

const tenantOption: Option = {
  name: "tenant",
  value: "TENANT",
  means: 'whose sessions (default: "default")',
};
const causeOption: Option = {
  name: "cause",
  value: "TEXT",
  means: "why, for the record, like lost_laptop",
};

function tenantOf(invocation: Invocation): { tenant?: string } {
  const tenant = textOption(invocation.values, "tenant");
  return tenant === undefined ? {} : { tenant };
}

function handleOf(invocation: Invocation, command: string): string {
  const [handle = ""] = invocation.words;
  if (idOfHandle(handle) !== undefined) return handle;
  throw new UsageError("expected a session id like ses_…; see: sojourn sessions list", command);
}

const list: Command = {
  name: "sessions list",
  summary: "List live sessions, of a subject or of all",
  words: [],
  options: [
    { name: "subject", value: "SUBJECT", means: "only this subject's" },
    { name: "state", value: "STATE", means: "active, pending, locked, ended, live or any" },
    { name: "limit", value: "N", means: "at most so many (default: 50)" },
    tenantOption,
  ],
  installation: true,
  examples: ["sojourn sessions list --subject alice", "sojourn sessions list --state any --json"],
  async run(invocation) {
    const limit = limitOf(invocation, this.name);
    const views = await withInstallation(invocation, async ({ sessions }) => {
      const found: SessionView[] = [];
      let cursor: string | undefined;
      do {
        const page = await sessions.query(filterOf(invocation, this.name), {
          limit: Math.min(PAGE, limit - found.length),
          ...(cursor === undefined ? {} : { cursor }),
        });
        found.push(...page.items.map((summary) => summaryView(summary, Date.now())));
        ({ cursor } = page);
      } while (cursor !== undefined && found.length < limit);
      return found;
    });
    invocation.output.result({ items: views }, (paint) => sessionTable(views, paint));
    return EXIT.ok;
  },
};

const STATES = ["active", "pending", "locked", "ended", "live", "any"] as const;

function filterOf(
  invocation: Invocation,
  command: string,
): { subject?: string; tenant?: string; state?: (typeof STATES)[number] } {
  const subject = textOption(invocation.values, "subject");
  const given = textOption(invocation.values, "state");
  const state = STATES.find((known) => known === given);
  if (given !== undefined && state === undefined) {
    throw new UsageError(`--state: accepted: ${STATES.join(", ")}`, command);
  }
  return {
    ...tenantOf(invocation),
    ...(subject === undefined ? {} : { subject }),
    ...(state === undefined ? {} : { state }),
  };
}

/** As people read them. */
export function sessionTable(views: readonly SessionView[], paint: Paint): string {
  if (views.length === 0) return "No sessions.";
  const rows = views.map((view) => [
    view.id,
    view.subject ?? "(anonymous)",
    view.state,
    moment(view.createdAt),
    moment(view.seenAt),
    moment(view.idleExpiresAt),
    view.device?.label ?? "-",
  ]);
  const titles = ["ID", "SUBJECT", "STATE", "CREATED", "SEEN", "IDLE UNTIL", "DEVICE"];
  return table([titles, ...rows], paint);
}

const show: Command = {
  name: "sessions show",
  summary: "Show one session, live or ended; data by key only",
  words: ["ID"],
  options: [tenantOption],
  installation: true,
  examples: ["sojourn sessions show ses_…"],
  async run(invocation) {
    const handle = handleOf(invocation, this.name);
    const { view, keys } = await withInstallation(invocation, async ({ sessions }) => {
      const described = await sessions.describe(handle, tenantOf(invocation));
      if (described === undefined) throw new FailedError(noSession(handle));
      const live = await sessions.find(handle, tenantOf(invocation));
      const now = Date.now();
      const full = (live && sessionView(live, now)) ?? descriptionView(described, now);
      const { data: _data, ...shown } = full;
      return { view: shown, keys: described.dataKeys };
    });
    invocation.output.result({ ...view, dataKeys: keys }, (paint) => showText(view, keys, paint));
    return EXIT.ok;
  },
};

function showText(view: SessionView, keys: readonly string[], paint: Paint): string {
  const { assurance } = view;
  return facts(
    [
      ["Id", view.id],
      ["Tenant", view.tenant],
      ["Subject", view.subject ?? "(anonymous)"],
      ["State", view.state],
      ["Ended", endText(view)],
      ["Kind", view.kind],
      ["Methods", assurance.amr.join(", ") || "-"],
      ["Assurance", assurance.acr ?? "-"],
      ["Last factor", moment(assurance.authTime)],
      ["Created", moment(view.createdAt)],
      ["Seen", moment(view.seenAt)],
      ["Idle until", moment(view.idleExpiresAt)],
      ["Ends at", moment(view.absoluteExpiresAt)],
      ["Device", view.device?.label ?? view.device?.id],
      ["Roles", view.roles?.join(", ")],
      ["Data keys", keys.join(", ") || "-"],
    ],
    paint,
  );
}

function endText({ end }: SessionView): string | undefined {
  if (end === undefined) return undefined;
  const words = [end.reason, end.cause, end.actor].filter((word) => word !== undefined);
  return `${moment(end.at)} (${words.join(", ")})`;
}

const revoke: Command = {
  name: "sessions revoke",
  summary: "End one session now",
  words: ["ID"],
  options: [causeOption, tenantOption],
  installation: true,
  examples: ["sojourn sessions revoke ses_… --cause lost_laptop"],
  async run(invocation) {
    const handle = handleOf(invocation, this.name);
    const cause = textOption(invocation.values, "cause");
    const ended = await withInstallation(invocation, ({ sessions }) =>
      sessions.revoke(handle, { ...tenantOf(invocation), cause, actor: OPERATOR }),
    );
    if (ended === undefined) throw new FailedError(noSession(handle));
    const { endedAt, reason } = ended;
    const view = { id: handle, endedAt: new Date(endedAt).toISOString(), reason };
    invocation.output.result(view, () => `Ended ${handle} at ${moment(endedAt)} (${reason}).`);
    return EXIT.ok;
  },
};

const revokeSubject: Command = {
  name: "subjects revoke",
  summary: "End all sessions of a subject at once",
  words: ["SUBJECT"],
  options: [
    { name: "except", value: "ID", means: "the one session that stays" },
    causeOption,
    tenantOption,
  ],
  installation: true,
  examples: [
    "sojourn subjects revoke alice --cause credential_change",
    "sojourn subjects revoke alice --except ses_…",
  ],
  async run(invocation) {
    const [subject = ""] = invocation.words;
    const { values } = invocation;
    const except = textOption(values, "except");
    if (except !== undefined && idOfHandle(except) === undefined) {
      throw new UsageError("--except: expected a session id like ses_…", this.name);
    }
    const cause = textOption(values, "cause");
    const result = await withInstallation(invocation, ({ sessions }) =>
      sessions.subject(subject, tenantOf(invocation)).revokeAll({ except, cause, actor: OPERATOR }),
    );
    const noun = result.ended === 1 ? "session" : "sessions";
    invocation.output.result({ subject, ...result }, () => `Ended ${result.ended} ${noun}.`);
    return EXIT.ok;
  },
};

export const sessionCommands: readonly Command[] = [list, show, revoke, revokeSubject];

function noSession(handle: string): string {
  return `no session ${handle} in this tenant; see: sojourn sessions list --state any`;
}
