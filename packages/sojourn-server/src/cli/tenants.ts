/** `sojourn tenants …`: tenants of an installation. */
import { createInterface } from "node:readline/promises";
import type { TighteningLayer } from "sojourn";
import { readSpansIn } from "../config/spans.ts";
import type { Installation } from "../main/installation.ts";
import type { Quotas, Tenant } from "../tenants/tenant.ts";
import { TenantWishError } from "../tenants/tenant-office.ts";
import type { TenantChange, TenantWish } from "../tenants/tenant-office.ts";
import { EXIT, FailedError, textOption, UsageError } from "./command.ts";
import type { Command, Invocation, Option, OptionValues } from "./command.ts";
import { withInstallation } from "./context.ts";
import { facts, moment, table } from "./output.ts";

const LIST_AT_ONCE = 200;

const QUOTA_OPTIONS = {
  "max-sessions": "sessions",
  "max-sessions-per-subject": "sessionsPerSubject",
  "max-requests-per-second": "requestsPerSecond",
  "max-keys": "serviceKeys",
} as const satisfies Readonly<Record<string, keyof Quotas>>;

const WISH_OPTIONS: readonly Option[] = [
  { name: "label", value: "TEXT", means: "its name for people (default: the id)" },
  {
    name: "tighten",
    value: "JSON",
    means: 'a preset, or fields like {"idleMs":"15m"}; it may only tighten; "none" takes it back',
  },
  { name: "max-sessions", value: "N", means: 'live sessions at most, or "none"' },
  { name: "max-sessions-per-subject", value: "N", means: 'live ones of a subject, or "none"' },
  { name: "max-requests-per-second", value: "N", means: 'at each process, or "none"' },
  { name: "max-keys", value: "N", means: 'live service keys at most, or "none"' },
];

const create: Command = {
  name: "tenants create",
  summary: "Make a tenant, with a key of its own for its tokens and data",
  words: ["TENANT"],
  options: WISH_OPTIONS,
  installation: true,
  examples: ["sojourn tenants create acme --label 'Acme Ltd' --max-sessions 100000"],
  async run(invocation) {
    const [id = ""] = invocation.words;
    const wish = wishOf(invocation.values, this.name);
    const made = await withTenants(invocation, ({ office }) => office.create(id, wish));
    if (made === undefined) {
      throw new FailedError(`there is a tenant ${JSON.stringify(id)}, or was; take another id`);
    }
    show(invocation, made);
    return EXIT.ok;
  },
};

const list: Command = {
  name: "tenants list",
  summary: "List tenants",
  words: [],
  options: [{ name: "all", means: "erased ones too" }],
  installation: true,
  examples: ["sojourn tenants list", "sojourn tenants list --all --json"],
  async run(invocation) {
    const all = await withTenants(invocation, ({ office }) => everyTenant(office));
    const shown = invocation.values["all"] === true ? all : all.filter(isThere);
    invocation.output.result({ items: shown.map(viewOf) }, (paint) =>
      table(
        [
          ["ID", "NAME", "STATE", "CREATED", "OWN KEY", "POLICY"],
          ...shown.map((tenant) => [
            tenant.id,
            tenant.name,
            tenant.state,
            moment(tenant.createdAt),
            tenant.wrappedKey === undefined ? "no" : "yes",
            tenant.policy === undefined ? "-" : JSON.stringify(tenant.policy),
          ]),
        ],
        paint,
      ),
    );
    return EXIT.ok;
  },
};

const showOne: Command = {
  name: "tenants show",
  summary: "Show one tenant: state, policy, quotas",
  words: ["TENANT"],
  options: [],
  installation: true,
  examples: ["sojourn tenants show acme"],
  async run(invocation) {
    const [id = ""] = invocation.words;
    const tenant = await withTenants(invocation, ({ office }) => office.find(id));
    if (tenant === undefined) throw new FailedError(noTenant(id));
    show(invocation, tenant);
    return EXIT.ok;
  },
};

const set: Command = {
  name: "tenants set",
  summary: "Change name, policy or quotas; every process follows within a second",
  words: ["TENANT"],
  options: WISH_OPTIONS,
  installation: true,
  examples: [
    `sojourn tenants set acme --tighten '{"idleMs":"15m"}'`,
    "sojourn tenants set acme --max-sessions none",
  ],
  async run(invocation) {
    const [id = ""] = invocation.words;
    const wish = wishOf(invocation.values, this.name);
    if (Object.keys(wish).length === 0) throw new UsageError("nothing to set", this.name);
    const change = await withTenants(invocation, ({ office }) => office.change(id, wish));
    show(invocation, settled(id, change));
    return EXIT.ok;
  },
};

function stateCommand(word: "suspend" | "resume", summary: string): Command {
  return {
    name: `tenants ${word}`,
    summary,
    words: ["TENANT"],
    options: [],
    installation: true,
    examples: [`sojourn tenants ${word} acme`],
    async run(invocation) {
      const [id = ""] = invocation.words;
      const change = await withTenants(invocation, ({ office }) => office[word](id));
      show(invocation, settled(id, change));
      return EXIT.ok;
    },
  };
}

const erase: Command = {
  name: "tenants erase",
  summary: "Destroy a tenant's key and purge all of it, for good",
  words: ["TENANT"],
  options: [
    { name: "confirm", value: "TENANT", means: "the id again, for scripts; else it is asked for" },
  ],
  installation: true,
  details:
    "Its service keys end, no token of it is accepted any more, and its data cannot be read: not " +
    "even in a backup of the session store. Its sessions and the texts of its audit entries are " +
    "removed. May be run again where it was interrupted.",
  examples: ["sojourn tenants erase acme"],
  async run(invocation) {
    const [id = ""] = invocation.words;
    const typed = textOption(invocation.values, "confirm") ?? (await ask(id));
    if (typed !== id) throw new FailedError("not confirmed: nothing was done");
    const tenant = await withTenants(invocation, async (tenants) => {
      const { office } = tenants;
      const erased = settled(id, await office.erase(id));
      if (erased.purgedAt === undefined) await tenants.purge(id);
      return (await office.find(id)) ?? erased;
    });
    show(invocation, tenant);
    return EXIT.ok;
  },
};

export const tenantCommands: readonly Command[] = [
  create,
  list,
  showOne,
  set,
  stateCommand("suspend", "Refuse all of its requests within a second; nothing ends"),
  stateCommand("resume", "Serve it again; all is as it was"),
  erase,
];

async function ask(id: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(`Type ${id} to erase this tenant for good: `)).trim();
  } finally {
    lines.close();
  }
}

type Tenants = Installation["tenants"];

/** @throws {UsageError} for a policy that loosens, or a quota that cannot be kept. */
async function withTenants<Result>(
  invocation: Invocation,
  work: (tenants: Tenants) => Promise<Result>,
): Promise<Result> {
  try {
    return await withInstallation(invocation, ({ tenants }) => work(tenants));
  } catch (error) {
    throw error instanceof TenantWishError ? new UsageError(error.message) : error;
  }
}

async function everyTenant(office: Tenants["office"]): Promise<readonly Tenant[]> {
  const all: Tenant[] = [];
  for (;;) {
    const page = await office.list(all.at(-1)?.id ?? "", LIST_AT_ONCE);
    all.push(...page);
    if (page.length < LIST_AT_ONCE) return all;
  }
}

function isThere({ state }: Tenant): boolean {
  return state !== "erased";
}

function wishOf(values: OptionValues, command: string): TenantWish {
  const name = textOption(values, "label");
  const tighten = textOption(values, "tighten");
  const quotas: { -readonly [Name in keyof Quotas]?: Quotas[Name] } = {};
  for (const [option, quota] of Object.entries(QUOTA_OPTIONS)) {
    const text = textOption(values, option);
    if (text === undefined) continue;
    if (text !== "none" && !/^[1-9]\d{0,8}$/.test(text)) {
      throw new UsageError(`--${option}: accepted: a whole number from 1, or none`, command);
    }
    quotas[quota] = text === "none" ? null : Number(text);
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(tighten === undefined ? {} : { policy: policyOf(tighten, command) }),
    ...(Object.keys(quotas).length === 0 ? {} : { quotas }),
  };
}

function policyOf(text: string, command: string): TighteningLayer | null {
  if (text === "none") return null;
  if (!text.startsWith("{")) return text as TighteningLayer;
  try {
    return readSpansIn(JSON.parse(text)) as TighteningLayer;
  } catch {
    throw new UsageError('--tighten: accepted: a preset, or JSON like {"idleMs":"15m"}', command);
  }
}

function settled(id: string, change: TenantChange): Tenant {
  if (change.outcome === "done") return change.tenant;
  throw new FailedError(
    change.outcome === "erased" ? `${id} was erased; that is final` : noTenant(id),
  );
}

function noTenant(id: string): string {
  return `there is no tenant ${JSON.stringify(id)}; see: sojourn tenants list`;
}

function viewOf({ wrappedKey, createdAt, erasedAt, purgedAt, ...tenant }: Tenant): object {
  const at = (value: number | undefined): string | null =>
    value === undefined ? null : new Date(value).toISOString();
  return {
    ...tenant,
    ownKey: wrappedKey !== undefined,
    createdAt: at(createdAt),
    erasedAt: at(erasedAt),
    purgedAt: at(purgedAt),
  };
}

function show(invocation: Invocation, tenant: Tenant): void {
  const { id, name, state, policy, quotas } = tenant;
  const limit = (value: number | null): string => (value === null ? "none" : String(value));
  invocation.output.result(viewOf(tenant), (paint) =>
    facts(
      [
        ["Tenant", id],
        ["Name", name],
        ["State", state],
        ["Created", moment(tenant.createdAt)],
        ["Own key", tenant.wrappedKey === undefined ? "no" : "yes"],
        ["Policy", policy === undefined ? "the installation's" : JSON.stringify(policy)],
        ["Sessions at most", limit(quotas.sessions)],
        ["Of one subject", limit(quotas.sessionsPerSubject)],
        ["Requests a second", limit(quotas.requestsPerSecond)],
        ["Service keys", limit(quotas.serviceKeys)],
        ["Erased", tenant.erasedAt === undefined ? undefined : moment(tenant.erasedAt)],
        ["Purged", tenant.purgedAt === undefined ? undefined : moment(tenant.purgedAt)],
      ],
      paint,
    ),
  );
}
