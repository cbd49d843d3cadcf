/** `sojourn sessions search` and `sojourn bulk`: sessions by what they are, and acting on them. */
import { idOfHandle } from "sojourn";
import { descriptionView, instant } from "../api/views.ts";
import { freshnessView } from "../api/search-query.ts";
import { END_REASONS, SESSION_STATES } from "../api/words.ts";
import { present } from "../config/present.ts";
import type { Installation } from "../main/installation.ts";
import { COUNTED_MAX } from "../operations/operations.ts";
import { ACTIONS } from "../operations/spec.ts";
import type { Action, Operation } from "../operations/spec.ts";
import type { SearchFilter } from "../search/facets.ts";
import { EXIT, FailedError, listOption, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option } from "./command.ts";
import { withInstallation } from "./context.ts";
import { instantOf, limitOf, OPERATOR } from "./options.ts";
import { sessionTable } from "./sessions.ts";

const PAGE = 200;
const SAMPLE = 5;
const PROGRESS_MS = 500;
/** Without a service that keeps the index, it is brought up to date here; that may take long. */
const INDEX_MS_MAX = 30 * 60_000;
const INDEX_TOLD_MS = 5_000;

const TEXTS = ["subject", "device", "address", "agent", "client", "acr", "role", "kind"] as const;

const facetOptions: readonly Option[] = [
  { name: "subject", value: "SUBJECT", means: "only this subject's" },
  { name: "device", value: "ID", means: "only of this device" },
  { name: "address", value: "ADDRESS", means: "only from this network (IPv4 /24, IPv6 /48)" },
  { name: "agent", value: "NAME", means: "only of this family of programs, like Firefox" },
  { name: "client", value: "ID", means: "only of this client application" },
  { name: "acr", value: "ACR", means: "only with this assurance, like aal2" },
  { name: "role", value: "ROLE", means: "only with this role" },
  { name: "kind", value: "KIND", means: "only of this kind" },
  { name: "state", value: "STATE", means: "active, pending, locked or live (default)" },
  { name: "from", value: "TIME", means: "opened at or after this instant (RFC 3339)" },
  { name: "before", value: "TIME", means: "opened before this instant" },
];
const tenantOption: Option = {
  name: "tenant",
  value: "TENANT",
  means: 'whose sessions (default: "default")',
};

function tenantOf({ values }: Invocation): string {
  return textOption(values, "tenant") ?? "default";
}

function oneOf<Word extends string>(
  invocation: Invocation,
  option: string,
  words: readonly Word[],
  command: string,
): Word | undefined {
  const given = textOption(invocation.values, option);
  const word = words.find((known) => known === given);
  if (given !== undefined && word === undefined) {
    throw new UsageError(`--${option}: accepted: ${words.join(", ")}`, command);
  }
  return word;
}

function filterOf(invocation: Invocation, command: string, ended: boolean): SearchFilter {
  const texts = TEXTS.map((name) => [name, textOption(invocation.values, name)] as const);
  const live = ["live", "active", "pending", "locked"] as const;
  const states = ended ? [...SESSION_STATES, "live", "any"] : live;
  return present({
    ...Object.fromEntries(texts),
    state: oneOf(invocation, "state", states, command) as SearchFilter["state"],
    reason: ended ? oneOf(invocation, "reason", END_REASONS, command) : undefined,
    createdFrom: instantOf(invocation, "from", command),
    createdBefore: instantOf(invocation, "before", command),
  });
}

/** Whoever keeps the index: a service that runs, else this command for as long as it takes. */
async function upToDate({ search, now }: Installation, { output }: Invocation): Promise<void> {
  const at = now();
  await search.start();
  const until = performance.now() + INDEX_MS_MAX;
  while (!(await search.caughtUp(at, INDEX_TOLD_MS))) {
    const { asOf, complete } = await search.freshness();
    output.note(complete ? `The index is as of ${instant(asOf)}…` : "The index is being built…");
    if (performance.now() > until) throw new FailedError("the search index does not catch up");
  }
}

const search: Command = {
  name: "sessions search",
  summary: "Find sessions by what they are: address, program, client, assurance, role, end",
  words: [],
  options: [
    ...facetOptions,
    { name: "reason", value: "REASON", means: "only those that ended for this reason" },
    { name: "oldest", means: "the oldest first" },
    { name: "limit", value: "N", means: "at most so many (default: 50)" },
    tenantOption,
  ],
  installation: true,
  examples: [
    "sojourn sessions search --client old-app --acr aal1",
    "sojourn sessions search --address 203.0.113.7 --json",
    "sojourn sessions search --reason reuse_detected --from 2026-11-01T00:00:00Z",
  ],
  async run(invocation) {
    const filter = filterOf(invocation, this.name, true);
    const limit = limitOf(invocation, this.name);
    const order = invocation.values["oldest"] === true ? "oldest" : "newest";
    const tenant = tenantOf(invocation);
    const { views, index } = await withInstallation(invocation, async (installation) => {
      await upToDate(installation, invocation);
      const found: ReturnType<typeof descriptionView>[] = [];
      let cursor: string | undefined;
      do {
        const wanted = { limit: Math.min(PAGE, limit - found.length), cursor, order } as const;
        const page = await installation.search.page(tenant, filter, wanted);
        found.push(...page.items.map((one) => descriptionView(one, installation.now())));
        ({ cursor } = page);
      } while (cursor !== undefined && found.length < limit);
      const freshness = await installation.search.freshness();
      return { views: found, index: freshnessView(freshness, installation.now()) };
    });
    invocation.output.result({ items: views, index }, (paint) => sessionTable(views, paint));
    return EXIT.ok;
  },
};

const bulk: Command = {
  name: "bulk",
  summary: "End or lock every session that matches; without --yes only counts them",
  words: ["ACTION"],
  options: [
    ...facetOptions,
    { name: "yes", value: "N", means: "do it: N is the count that was shown" },
    { name: "except", value: "ID", many: true, means: "a session that is left alone" },
    { name: "cause", value: "TEXT", means: "why, for the record" },
    tenantOption,
  ],
  installation: true,
  details:
    "ACTION is revoke or lock. Sessions that are opened from now on are left alone. If the command " +
    "is ended on the way, a service of the installation goes on with the work.",
  examples: [
    "sojourn bulk revoke --client old-app",
    "sojourn bulk revoke --client old-app --yes 12",
  ],
  async run(invocation) {
    const action = ACTIONS.find((known) => known === invocation.words[0]);
    if (action === undefined) {
      throw new UsageError(`ACTION: accepted: ${ACTIONS.join(", ")}`, this.name);
    }
    const filter = filterOf(invocation, this.name, false);
    const yes = yesOf(invocation, this.name);
    const odd = exceptOf(invocation).find((handle) => idOfHandle(handle) === undefined);
    if (odd !== undefined) throw new UsageError("--except: a session id like ses_…", this.name);
    return withInstallation(invocation, async (installation) => {
      await upToDate(installation, invocation);
      const before = installation.now();
      const bounded = {
        ...filter,
        createdBefore: Math.min(before, filter.createdBefore ?? before),
      };
      const { search: index } = installation;
      const { count, exact } = await index.count(tenantOf(invocation), bounded, COUNTED_MAX);
      if (yes === undefined)
        return tryOut(installation, invocation, { action, bounded, count, exact });
      if (yes !== count) {
        throw new FailedError(`${count} sessions match, not ${yes}: nothing was done`);
      }
      return perform(installation, invocation, { action, bounded, count });
    });
  },
};

function exceptOf({ values }: Invocation): readonly string[] {
  return listOption(values, "except") ?? [];
}

function yesOf({ values }: Invocation, command: string): number | undefined {
  const text = textOption(values, "yes");
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError("--yes: expected the count that was shown without it", command);
}

interface Meant {
  readonly action: Action;
  readonly bounded: SearchFilter;
  readonly count: number;
}

async function tryOut(
  { search: index, now }: Installation,
  invocation: Invocation,
  { action, bounded, count, exact }: Meant & { readonly exact: boolean },
): Promise<number> {
  const { items } = await index.page(tenantOf(invocation), bounded, { limit: SAMPLE });
  const sample = items.map((one) => descriptionView(one, now()));
  const value = { dryRun: true, action, count, exact, sample };
  invocation.output.result(value, (paint) => {
    const more = exact ? `${count}` : `at least ${count}`;
    const told = `Would ${action} ${more} sessions; nothing was done. To do it: --yes ${count}`;
    return count === 0 ? "No sessions match." : `${sessionTable(sample, paint)}\n\n${told}`;
  });
  return EXIT.ok;
}

async function perform(
  installation: Installation,
  invocation: Invocation,
  { action, bounded, count }: Meant,
): Promise<number> {
  const { operations } = installation;
  const { values, output } = invocation;
  const operation = await operations.start({
    tenant: tenantOf(invocation),
    actor: OPERATOR,
    action,
    filter: bounded,
    total: count,
    ...present({ cause: textOption(values, "cause"), except: exceptOf(invocation) }),
  });
  operations.work();
  const over = await watched(installation, operation, (text) => output.note(text));
  const { id, state, done, failed, failures } = over;
  output.result({ id, state, total: count, done, failed, failures }, () => {
    const told = failures.map(({ session, why }) => `  ${session}: ${why}`);
    return [`${state}: ${done} of ${count}, ${failed} failed (${id})`, ...told].join("\n");
  });
  return state === "done" && failed === 0 ? EXIT.ok : EXIT.failed;
}

async function watched(
  { operations }: Installation,
  { id, tenant }: Operation,
  say: (text: string) => void,
): Promise<Operation> {
  let told = -1;
  for (;;) {
    const now = await operations.find(tenant, id);
    if (now === undefined) throw new FailedError(`operation ${id} is gone`);
    if (now.state !== "running") return now;
    if (now.done + now.failed !== told) say(`${now.done + now.failed} of ${now.total}…`);
    told = now.done + now.failed;
    await new Promise((resolve) => setTimeout(resolve, PROGRESS_MS));
  }
}

export const searchCommands: readonly Command[] = [search, bulk];
