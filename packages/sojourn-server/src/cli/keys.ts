/** `sojourn keys …`: service keys of back ends, and the inventory of cryptographic keys. */
import { SCOPES, USUAL_SCOPES } from "../control/key-table.ts";
import type { KeyRecord, Scope } from "../control/key-table.ts";
import type { IssuedKey } from "../control/key-desk.ts";
import type { SigningKeyFacts } from "sojourn/tokens";
import type { ServerConfig } from "../config/config.ts";
import { openSigningKeys } from "../main/tokens.ts";
import { readSpan, SPAN_ACCEPTED } from "../config/spans.ts";
import { EXIT, FailedError, listOption, textOption, UsageError } from "./command.ts";
import type { Command, Invocation } from "./command.ts";
import { withInstallation } from "./context.ts";
import { facts, moment, table } from "./output.ts";
import type { Paint } from "./output.ts";

const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const create: Command = {
  name: "keys create",
  summary: "Make a service key for a backend; it is shown once",
  words: [],
  options: [
    { name: "name", value: "NAME", means: "what the key is for, like shop-api (required)" },
    { name: "tenant", value: "TENANT", means: 'the tenant it is for (default: "default")' },
    {
      name: "scope",
      value: "SCOPE",
      many: true,
      means: `${SCOPES.join(" or ")}; may be repeated (default: the first two)`,
    },
  ],
  installation: true,
  examples: [
    "sojourn keys create --name shop-api",
    "sojourn keys create --name dashboard --tenant acme --scope sessions:read",
  ],
  async run(invocation) {
    const { values, config } = invocation;
    const name = textOption(values, "name");
    if (name === undefined) throw new UsageError("--name is missing", this.name);
    const tenant = textOption(values, "tenant") ?? "default";
    if (!TENANT.test(tenant)) {
      const accepted = "1 to 63 letters, digits, dots, dashes or underscores";
      throw new UsageError(`--tenant: accepted: ${accepted}`, this.name);
    }
    const scopes = readScopes(listOption(values, "scope"), this.name);
    const issued = await withInstallation(invocation, ({ keys }) =>
      keys.create({ name, tenant, scopes }),
    );
    showIssued(invocation, issued, config());
    return EXIT.ok;
  },
};

function readScopes(given: readonly string[] | undefined, command: string): readonly Scope[] {
  if (given === undefined) return USUAL_SCOPES;
  const wanted = given.flatMap((text) => text.split(","));
  const wrong = wanted.find((text) => !SCOPES.some((scope) => scope === text));
  if (wrong !== undefined) {
    throw new UsageError(`--scope: no scope "${wrong}"; accepted: ${SCOPES.join(", ")}`, command);
  }
  return SCOPES.filter((scope) => wanted.includes(scope));
}

const list: Command = {
  name: "keys list",
  summary: "List service keys; never the keys themselves",
  words: [],
  options: [{ name: "all", means: "revoked ones too" }],
  installation: true,
  examples: ["sojourn keys list", "sojourn keys list --all --json"],
  async run(invocation) {
    const all = await withInstallation(invocation, ({ keys }) => keys.list());
    const shown = invocation.values["all"] === true ? all : all.filter(isLive);
    invocation.output.result({ items: shown.map(keyView) }, (paint) =>
      shown.length === 0
        ? "No service keys. Make one: sojourn keys create --name shop-api"
        : table(
            [
              ["NAME", "ID", "TENANT", "SCOPES", "CREATED", "LAST USED", "STATE"],
              ...shown.map(rowOf),
            ],
            paint,
          ),
    );
    return EXIT.ok;
  },
};

const rotate: Command = {
  name: "keys rotate",
  summary: "Make a new secret for a key; the old one ends now or after --overlap",
  words: ["ID|NAME"],
  options: [
    {
      name: "overlap",
      value: "SPAN",
      means: "how long the old key is still accepted, like 24h (default: 0s)",
    },
  ],
  installation: true,
  examples: ["sojourn keys rotate shop-api --overlap 24h"],
  async run(invocation) {
    const [idOrName = ""] = invocation.words;
    const overlap = readSpan(textOption(invocation.values, "overlap") ?? "0s");
    if (overlap === undefined) throw new UsageError(`--overlap: ${SPAN_ACCEPTED}`, this.name);
    const issued = await withInstallation(invocation, ({ keys }) => keys.rotate(idOrName, overlap));
    if (issued === undefined) throw new FailedError(noKey(idOrName));
    showIssued(invocation, issued, invocation.config());
    return EXIT.ok;
  },
};

const revoke: Command = {
  name: "keys revoke",
  summary: "End a service key; every service refuses it within a second",
  words: ["ID|NAME"],
  options: [],
  installation: true,
  examples: ["sojourn keys revoke shop-api"],
  async run(invocation) {
    const [idOrName = ""] = invocation.words;
    const record = await withInstallation(invocation, ({ keys }) => keys.revoke(idOrName));
    if (record === undefined) throw new FailedError(noKey(idOrName));
    const { id, name } = record;
    invocation.output.result({ id, name, revoked: true }, () => `Revoked ${name} (${id}).`);
    return EXIT.ok;
  },
};

const inventory: Command = {
  name: "keys inventory",
  summary: "List cryptographic keys with purpose and algorithm; never the keys",
  words: [],
  options: [],
  installation: true,
  details:
    "Every secret gives one key per purpose. The primary one makes new tokens and ciphertexts; " +
    "the others only verify.",
  examples: ["sojourn keys inventory", "sojourn keys inventory --json"],
  async run(invocation) {
    const keys = await withInstallation(invocation, ({ sessions }) => sessions.keys());
    const signing = await signingKeys(invocation.config());
    const items = [...keys, ...signing.map(factsView)];
    invocation.output.result({ items }, (paint) =>
      [
        table(
          [
            ["KID", "PURPOSE", "ALGORITHM", "ROLE"],
            ...keys.map(({ kid, purpose, algorithm, primary }) => [
              kid,
              purpose,
              algorithm,
              primary ? "primary" : "verifies",
            ]),
          ],
          paint,
        ),
        ...(signing.length === 0
          ? []
          : ["", table([SIGNING_COLUMNS, ...signing.map(signingRow)], paint)]),
      ].join("\n"),
    );
    return EXIT.ok;
  },
};

const SIGNING_COLUMNS = ["KID", "PURPOSE", "ALGORITHM", "STATE", "CREATED", "ACTIVATES", "RETIRES"];

async function signingKeys({ tokens }: ServerConfig): Promise<readonly SigningKeyFacts[]> {
  if (tokens === undefined) return [];
  const opened = Object.values(await openSigningKeys(tokens, Date.now));
  return (await Promise.all(opened.map((keys) => keys.inventory()))).flat();
}

function signingRow(key: SigningKeyFacts): string[] {
  const { kid, purpose, algorithm, state, createdAt, activatesAt, retiresAt } = key;
  return [kid, purpose, algorithm, state, ...[createdAt, activatesAt, retiresAt].map(moment)];
}

function factsView(key: SigningKeyFacts): object {
  const dates = Object.entries(key).filter(([name]) => name.endsWith("At"));
  const shown = dates.map(([name, at]) => [name, new Date(Number(at)).toISOString()] as const);
  return { ...key, ...Object.fromEntries(shown) };
}

export const keyCommands: readonly Command[] = [create, list, rotate, revoke, inventory];

function noKey(idOrName: string): string {
  return `no live service key is ${JSON.stringify(idOrName)}; see: sojourn keys list`;
}

function isLive(record: KeyRecord): boolean {
  return record.revokedAt === undefined || Date.now() < record.revokedAt;
}

function keyView({ verifier: _verifier, ...record }: KeyRecord): object {
  const { createdAt, lastUsedAt, revokedAt } = record;
  const at = (value: number | undefined): string | null =>
    value === undefined ? null : new Date(value).toISOString();
  return {
    ...record,
    createdAt: at(createdAt),
    lastUsedAt: at(lastUsedAt),
    revokedAt: at(revokedAt),
  };
}

function rowOf(record: KeyRecord): string[] {
  const { name, id, tenant, scopes, createdAt, lastUsedAt, revokedAt } = record;
  const state = isLive(record)
    ? revokedAt === undefined
      ? "live"
      : `until ${moment(revokedAt)}`
    : "revoked";
  return [name, id, tenant, scopes.join(","), moment(createdAt), moment(lastUsedAt), state];
}

function showIssued(invocation: Invocation, issued: IssuedKey, config: ServerConfig): void {
  const { record, text } = issued;
  const url = `http://${config.host}:${config.port}`;
  invocation.output.result({ ...keyView(record), key: text }, (paint) =>
    [
      facts(
        [
          ["Name", record.name],
          ["Id", record.id],
          ["Tenant", record.tenant],
          ["Scopes", record.scopes.join(", ")],
        ],
        paint,
      ),
      "",
      paint.bold(text),
      "",
      "This is the only time the key is shown. Try it:",
      "",
      ...example(url, text, paint),
    ].join("\n"),
  );
}

function example(url: string, text: string, paint: Paint): readonly string[] {
  return [
    `  export SOJOURN_KEY=${text}`,
    `  curl -s ${url}/v1/sessions -H "Authorization: Bearer $SOJOURN_KEY" \\`,
    `    -H "Content-Type: application/json" -d '{"subject":"alice","amr":["pwd"]}'`,
    "",
    paint.dim(
      "Verify the token it answers: POST /v1/sessions/verify; all operations: /openapi.json",
    ),
  ];
}
