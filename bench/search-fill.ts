/** Many sessions and their index, made in the engine itself: among them a search is measured. */
import { randomBytes } from "node:crypto";
import { END_REASONS } from "sojourn";
import { pack } from "../packages/sojourn/src/stores/sql/packed.ts";
import type { Terms } from "../packages/sojourn-server/src/search/terms.ts";

export const TENANT = "default";
export const STEP_MS = 20;
const REASONS = ["logout", "revoked", "idle_timeout", "absolute_timeout"] as const;
const AGENTS = ["Firefox", "Chrome", "Safari", "Edge", "Opera", "Samsung Internet"];
const NETWORKS = 25;
const ID_BYTES = 18;
const GENERATED_AT_ONCE = 20_000;
/** Whose terms are asked for; those of others are scattered as theirs would be. */
export const ASKED = 5_000;

/** The number of a session, its id as the index has it, and as the store has it. */
export interface Generated {
  readonly n: number;
  readonly id: Uint8Array;
  readonly packed: Uint8Array;
}

/** What differs between the engines. */
export interface Dialect {
  /** Of the table of sessions. */
  readonly session: string;
  readonly columns: readonly string[];
  /** Into `gen (n, id, packed)`. */
  readonly generate: (rows: readonly Generated[]) => Promise<void>;
  /** `due` counts in these. */
  readonly dueMs: number;
  run(text: string): Promise<void>;
}

/** By the number of a session, in SQL. Every tenth has ended. */
const ACR = "CASE WHEN n % 3 = 0 THEN 'aal2' ELSE 'aal1' END";
const ROLE = "CASE WHEN n % 1000 = 0 THEN 'admin' WHEN n % 20 = 0 THEN 'staff' ELSE 'buyer' END";
const AGENT = `CASE n % 6 ${AGENTS.map((name, at) => `WHEN ${at} THEN '${name}'`).join(" ")} END`;
const NETWORK = `'10.' || (n % 20) || '.' || (n / 8 % ${NETWORKS}) || '.0'`;
const ENDED = "n % 10 = 9";
const REASON = `CASE n / 10 % 4 ${REASONS.map((reason, at) => {
  return `WHEN ${at} THEN '${END_REASONS.indexOf(reason)}'`;
}).join(" ")} END`;
const HOURS_MS = 36_000_000_000;

export async function generate({ generate: add }: Dialect, count: number): Promise<void> {
  for (let from = 0; from < count; from += GENERATED_AT_ONCE) {
    const length = Math.min(GENERATED_AT_ONCE, count - from);
    await add(
      Array.from({ length }, (_, index) => {
        const id = randomBytes(ID_BYTES);
        const packed = pack(id.toString("base64url"));
        return { n: from + index, id, packed: Buffer.from(packed) };
      }),
    );
  }
}

/** The rows of a session that is in the table already, so often. */
export async function fillSessions(
  { session, columns, dueMs, run }: Dialect,
  from: number,
): Promise<void> {
  const at = `(${from} + n * ${STEP_MS})`;
  const cold =
    `'[[0,["pwd"],0,"' || ${ACR} || '"],0,0,"app-' || (n % 20) || '",["' || ${ROLE} || '"],["' || ` +
    `${AGENT} || '","' || ${NETWORK} || '"]]'`;
  const made: Readonly<Record<string, string>> = {
    id: "gen.packed",
    subject: "'user-' || (n / 2)",
    device: "'device-' || (n / 2)",
    created_at: at,
    seen_at: at,
    idle_ms: `${HOURS_MS}`,
    life_ms: `${HOURS_MS}`,
    due: `(${at} + ${HOURS_MS}) / ${dueMs}`,
    ended_at: `CASE WHEN ${ENDED} THEN ${at} + 1 END`,
    ending: `CASE WHEN ${ENDED} THEN ${REASON} END`,
    cold,
  };
  const values = columns.map((column) => made[column] ?? `t.${column}`).join(", ");
  await run(
    `INSERT INTO ${session} (${columns.join(", ")}) SELECT ${values} ` +
      `FROM gen CROSS JOIN (SELECT * FROM ${session} LIMIT 1) t ORDER BY gen.packed`,
  );
}

/** As the feed would file them. */
export async function fillIndex({ run }: Dialect, terms: Terms, from: number): Promise<void> {
  const at = `(${from} + n * ${STEP_MS})`;
  const add = async (term: string, where = "true"): Promise<void> =>
    run(
      "INSERT INTO control.search_term (term, created_at, id) " +
        `SELECT ${term}, ${at}, id FROM gen WHERE ${where} ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
    );
  const termOf = (state: "live" | "ended", filter: object): number =>
    terms.sources(TENANT, { ...filter, state })[0]?.[0] ?? 0;
  const byPart = (filter: object): string =>
    `CASE WHEN ${ENDED} THEN ${termOf("ended", filter)} ELSE ${termOf("live", filter)} END`;
  const cases = (count: number, by: string, filter: (at: number) => object): string =>
    `CASE ${by} ${Array.from({ length: count }, (_, one) => {
      return `WHEN ${one} THEN ${byPart(filter(one))}`;
    }).join(" ")} END`;
  await add(byPart({}));
  await add(cases(20, "n % 20", (one) => ({ client: `app-${one}` })));
  await add(cases(6, "n % 6", (one) => ({ agent: AGENTS[one] })));
  await add(
    `CASE WHEN n % 3 = 0 THEN ${byPart({ acr: "aal2" })} ELSE ${byPart({ acr: "aal1" })} END`,
  );
  const [admin, staff, buyer] = ["admin", "staff", "buyer"].map((role) => byPart({ role }));
  await add(`CASE WHEN n % 1000 = 0 THEN ${admin} WHEN n % 20 = 0 THEN ${staff} ELSE ${buyer} END`);
  const networks = cases(20 * NETWORKS, `n % 20 * ${NETWORKS} + n / 8 % ${NETWORKS}`, (one) => {
    return { address: `10.${Math.floor(one / NETWORKS)}.${one % NETWORKS}.0` };
  });
  await add(networks);
  const reasons = REASONS.map((reason, one) => `WHEN ${one} THEN ${termOf("ended", { reason })}`);
  await add(`CASE n / 10 % 4 ${reasons.join(" ")} END`, ENDED);
  for (const [factor, facet, name] of [
    [2_654_435_761, "subject", "user"],
    [2_246_822_519, "device", "device"],
  ] as const) {
    const asked = byPart({ [facet]: `${name}-${ASKED}` });
    const other = `((n / 2 + 1) * ${factor}) % 281474976710656`;
    await add(`CASE WHEN n / 2 = ${ASKED} THEN ${asked} ELSE ${other} END`);
  }
  const list = `[${Array.from({ length: 8 }, () => 123_456_789_012_345).join(",")}]`;
  await run(
    "INSERT INTO control.search_session (id, tenant, created_at, ended_at, build, terms) " +
      `SELECT id, '${TENANT}', ${at}, CASE WHEN ${ENDED} THEN ${at} + 1 END, 1, '${list}' ` +
      "FROM gen ORDER BY id",
  );
}
