/** `sojourn webhooks …`: where a tenant's events are sent, and what became of them. */
import { ArgumentError, ContentionError } from "sojourn";
import { deliveryView, webhookView } from "../api/webhook-views.ts";
import { readSpan, SPAN_ACCEPTED } from "../config/spans.ts";
import type { Installation } from "../main/installation.ts";
import { AGAIN_MAX, DELIVERY_STATES } from "../webhooks/delivery-table.ts";
import type { Again } from "../webhooks/delivery-table.ts";
import { OVERLAP_MS } from "../webhooks/desk.ts";
import type { WebhookDesk } from "../webhooks/desk.ts";
import type { Endpoint } from "../webhooks/endpoint-table.ts";
import { EXIT, FailedError, listOption, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { facts, moment, table } from "./output.ts";
import type { Paint } from "./output.ts";
import { OPERATOR } from "./options.ts";

const DELIVERIES = 50;

const tenantOption: Option = {
  name: "tenant",
  value: "TENANT",
  means: 'whose webhooks (default: "default")',
};
const eventOption: Option = {
  name: "event",
  value: "NAME",
  many: true,
  means: "an event that is sent, like session-ended; may be repeated (default: all)",
};
const descriptionOption: Option = {
  name: "description",
  value: "TEXT",
  means: "what it is for",
};

interface Place {
  readonly installation: Installation;
  readonly desk: WebhookDesk;
  readonly tenant: string;
  note(name: string, detail: Readonly<Record<string, unknown>>): void;
}

/** @throws {UsageError} for what cannot be meant, {FailedError} after a lost race. */
async function at<Result>(
  invocation: Invocation,
  command: string,
  work: (place: Place) => Promise<Result>,
): Promise<Result> {
  const tenant = textOption(invocation.values, "tenant") ?? "default";
  try {
    return await withInstallation(invocation, (installation) => {
      const { audit, webhooks } = installation;
      const note: Place["note"] = (name, detail) =>
        audit.log.note(name, OPERATOR, { detail }, tenant);
      return work({ installation, desk: webhooks.desk, tenant, note });
    });
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(error.message, command);
    if (!(error instanceof ContentionError)) throw error;
    throw new FailedError("somebody else has changed it meanwhile; look, and try again");
  }
}

async function found({ desk, tenant }: Place, { words }: Invocation): Promise<Endpoint> {
  const [id = ""] = words;
  const endpoint = await desk.find(tenant, id);
  if (endpoint !== undefined) return endpoint;
  const name = JSON.stringify(id);
  throw new FailedError(`tenant ${tenant} has no webhook ${name}; see: sojourn webhooks list`);
}

function eventsOf({ values }: Invocation): readonly string[] | undefined {
  return listOption(values, "event")?.flatMap((text) => text.split(","));
}

function show(invocation: Invocation, endpoint: Endpoint, secret?: string): void {
  const view = webhookView(endpoint, Date.now());
  const all = secret === undefined ? view : { ...view, secret };
  invocation.output.result(all, (paint) => {
    const lines = facts(
      [
        ["Id", view.id],
        ["URL", view.url],
        ["Events", view.events.join(", ") || "all"],
        ["Description", view.description || undefined],
        ["State", stateOf(endpoint)],
        ["Failing since", failing(endpoint)],
      ],
      paint,
    );
    if (secret === undefined) return lines;
    return `${lines}\n\n${paint.bold(secret)}\n\nThis is the only time the secret is shown.`;
  });
}

function stateOf({ disabled }: Endpoint): string {
  return disabled === undefined ? "on" : `disabled (${disabled})`;
}

function failing({ failingSince }: Endpoint): string | undefined {
  return failingSince === undefined ? undefined : moment(failingSince);
}

const create: Command = {
  name: "webhooks create",
  summary: "Send a tenant's events to a URL; its secret is shown once",
  words: ["URL"],
  options: [tenantOption, eventOption, descriptionOption],
  installation: true,
  examples: ["sojourn webhooks create https://example.com/hooks --event session-ended"],
  async run(invocation) {
    const [url = ""] = invocation.words;
    const { endpoint, secret } = await at(invocation, this.name, async (place) => {
      const description = textOption(invocation.values, "description");
      const wanted = { url, events: eventsOf(invocation), description };
      const issued = await place.desk.create(place.tenant, wanted);
      const { id, events } = issued.endpoint;
      place.note("webhook-created", { webhook: id, host: new URL(url).host, events });
      return issued;
    });
    show(invocation, endpoint, secret);
    return EXIT.ok;
  },
};

const list: Command = {
  name: "webhooks list",
  summary: "List the webhooks of a tenant; never their secrets",
  words: [],
  options: [tenantOption],
  installation: true,
  examples: ["sojourn webhooks list", "sojourn webhooks list --tenant acme --json"],
  async run(invocation) {
    const all = await at(invocation, this.name, ({ desk, tenant }) => desk.list(tenant));
    const items = all.map((one) => webhookView(one, Date.now()));
    invocation.output.result({ items }, (paint) =>
      all.length === 0
        ? "No webhooks. Make one: sojourn webhooks create https://example.com/hooks"
        : table(
            [
              ["ID", "URL", "EVENTS", "STATE", "FAILING SINCE"],
              ...all.map((one) => [
                one.id,
                one.url,
                one.events.join(",") || "all",
                stateOf(one),
                failing(one) ?? "-",
              ]),
            ],
            paint,
          ),
    );
    return EXIT.ok;
  },
};

const update: Command = {
  name: "webhooks update",
  summary: "Change where, what, or whether a webhook sends",
  words: ["ID"],
  options: [
    tenantOption,
    { name: "url", value: "URL", means: "send there" },
    eventOption,
    { name: "all-events", means: "send all events" },
    descriptionOption,
    { name: "enable", means: "send again; what was held goes out" },
    { name: "disable", means: "send nothing; what is due is held" },
  ],
  installation: true,
  examples: ["sojourn webhooks update whk_… --enable"],
  async run(invocation) {
    const { values } = invocation;
    if (values["enable"] === true && values["disable"] === true) {
      throw new UsageError("--enable or --disable", this.name);
    }
    const enabled = values["enable"] ?? (values["disable"] === true ? false : undefined);
    const endpoint = await at(invocation, this.name, async (place) => {
      const changed = await place.desk.change(await found(place, invocation), {
        url: textOption(values, "url"),
        events: values["all-events"] === true ? [] : eventsOf(invocation),
        description: textOption(values, "description"),
        enabled: typeof enabled === "boolean" ? enabled : undefined,
      });
      const { id, url, events, disabled } = changed;
      const host = new URL(url).host;
      place.note("webhook-changed", { webhook: id, host, events, enabled: disabled === undefined });
      return changed;
    });
    show(invocation, endpoint);
    return EXIT.ok;
  },
};

const remove: Command = {
  name: "webhooks delete",
  summary: "Remove a webhook and all of its deliveries",
  words: ["ID"],
  options: [tenantOption],
  installation: true,
  examples: ["sojourn webhooks delete whk_…"],
  async run(invocation) {
    const { id } = await at(invocation, this.name, async (place) => {
      const endpoint = await found(place, invocation);
      await place.desk.remove(endpoint);
      place.note("webhook-deleted", { webhook: endpoint.id });
      return endpoint;
    });
    invocation.output.result({ id, deleted: true }, () => `Deleted ${id}.`);
    return EXIT.ok;
  },
};

const rotate: Command = {
  name: "webhooks rotate-secret",
  summary: "Make a new secret; for a while both sign",
  words: ["ID"],
  options: [
    tenantOption,
    { name: "overlap", value: "SPAN", means: "how long the old one signs, too (default: 24h)" },
  ],
  installation: true,
  examples: ["sojourn webhooks rotate-secret whk_… --overlap 1h"],
  async run(invocation) {
    const text = textOption(invocation.values, "overlap");
    const overlapMs = text === undefined ? OVERLAP_MS : readSpan(text);
    if (overlapMs === undefined) throw new UsageError(`--overlap: ${SPAN_ACCEPTED}`, this.name);
    const { endpoint, secret } = await at(invocation, this.name, async (place) => {
      const issued = await place.desk.rotate(await found(place, invocation), overlapMs);
      place.note("webhook-secret-rotated", { webhook: issued.endpoint.id, overlapMs });
      return issued;
    });
    show(invocation, endpoint, secret);
    return EXIT.ok;
  },
};

const test: Command = {
  name: "webhooks test",
  summary: "Send one message `webhook-test` from here, and say what came of it",
  words: ["ID"],
  options: [tenantOption],
  installation: true,
  exits: "0 delivered, 1 not delivered, 2 wrong usage or configuration.",
  examples: ["sojourn webhooks test whk_…"],
  async run(invocation) {
    const { status, trouble } = await at(invocation, this.name, async (place) => {
      const endpoint = await found(place, invocation);
      const outcome = await place.desk.test(endpoint);
      const delivered = outcome.trouble === undefined;
      place.note("webhook-tested", { webhook: endpoint.id, delivered });
      return outcome;
    });
    const delivered = trouble === undefined;
    const told = status === undefined ? {} : { status };
    invocation.output.result({ delivered, ...told, ...(delivered ? {} : { trouble }) }, (paint) => {
      const answer = status === undefined ? "" : ` (status ${status})`;
      return delivered ? paint.good(`Delivered${answer}.`) : paint.bad(`Not: ${trouble}${answer}.`);
    });
    return delivered ? EXIT.ok : EXIT.failed;
  },
};

const replay: Command = {
  name: "webhooks replay",
  summary: "Send again: one delivery, all that are dead, or all of a time",
  words: ["ID"],
  options: [
    tenantOption,
    { name: "delivery", value: "ID", means: "this one, msg_…" },
    { name: "dead", means: "all whose tries are over" },
    { name: "from", value: "INSTANT", means: "all since then, like 2026-11-20T12:00:00Z" },
    { name: "to", value: "INSTANT", means: "with --from: before then" },
  ],
  installation: true,
  details: "A running service sends them, with the ids they had: receivers know what they have.",
  examples: ["sojourn webhooks replay whk_… --dead"],
  async run(invocation) {
    const what = againOf(invocation, this.name);
    const queued = await at(invocation, this.name, async (place) => {
      const endpoint = await found(place, invocation);
      const count = await place.desk.replay(endpoint, what);
      if ("delivery" in what && count === 0) throw new FailedError("it has no such delivery");
      place.note("webhook-replayed", { webhook: endpoint.id, queued: count });
      return count;
    });
    const complete = queued < AGAIN_MAX;
    invocation.output.result({ queued, complete }, () => {
      const more = complete ? "" : " That was the most at once: go on when they are delivered.";
      return `${queued} are sent again.${more}`;
    });
    return EXIT.ok;
  },
};

/** @throws {UsageError} unless exactly one of them is asked for. */
function againOf({ values }: Invocation, command: string): Again {
  const instantOf = (name: string): number | undefined => {
    const text = textOption(values, name);
    if (text === undefined) return undefined;
    const instant = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(instant)) return instant;
    throw new UsageError(`--${name}: like 2026-11-20T12:00:00Z`, command);
  };
  const [from, to, delivery] = [instantOf("from"), instantOf("to"), textOption(values, "delivery")];
  const asked = [delivery, from, values["dead"] === true ? true : undefined];
  if (asked.filter((one) => one !== undefined).length !== 1 || (to && from === undefined)) {
    throw new UsageError("one of --delivery, --dead and --from; --to with --from alone", command);
  }
  if (delivery !== undefined) return { delivery };
  return from === undefined ? { dead: true } : { from, to: to ?? Date.now() + 1 };
}

const deliveries: Command = {
  name: "webhooks deliveries",
  summary: "List what is sent, was sent, and could not be; newest first",
  words: ["ID"],
  options: [
    tenantOption,
    { name: "state", value: "STATE", means: `only ${DELIVERY_STATES.join(", ")}` },
  ],
  installation: true,
  examples: ["sojourn webhooks deliveries whk_… --state dead"],
  async run(invocation) {
    const given = textOption(invocation.values, "state");
    const state = DELIVERY_STATES.find((one) => one === given);
    if (given !== undefined && state === undefined) {
      throw new UsageError(`--state: accepted: ${DELIVERY_STATES.join(", ")}`, this.name);
    }
    const all = await at(invocation, this.name, async (place) => {
      const endpoint = await found(place, invocation);
      return place.desk.deliveries(endpoint, { state }, DELIVERIES);
    });
    const items = all.map(deliveryView);
    invocation.output.result({ items }, (paint) => deliveriesText(items, paint));
    return EXIT.ok;
  },
};

function deliveriesText(items: readonly ReturnType<typeof deliveryView>[], paint: Paint): string {
  if (items.length === 0) return "No deliveries.";
  const rows = items.map((item) => [
    moment(item.at),
    item.name,
    item.state,
    String(item.tries),
    item.status === undefined ? "-" : String(item.status),
    item.trouble ?? "-",
    item.nextTryAt === undefined ? "-" : moment(item.nextTryAt),
    item.id,
  ]);
  const titles = ["AT", "NAME", "STATE", "TRIES", "STATUS", "TROUBLE", "NEXT TRY", "ID"];
  return table([titles, ...rows], paint);
}

export const webhookCommands: readonly Command[] = [
  create,
  list,
  update,
  remove,
  rotate,
  test,
  replay,
  deliveries,
];
