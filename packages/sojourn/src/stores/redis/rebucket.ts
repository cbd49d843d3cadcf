/**
 * Another number of buckets for an installation that is at rest. Keys are moved one after the
 * other, where they lie; meanwhile the record of the installation says so, and no store opens it.
 * An interrupted run is finished by running it again.
 */
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import type { Installation } from "../../engine/ports.ts";
import type { RedisClient } from "./client.ts";
import { driverProblem, isCluster } from "./cluster-nodes.ts";
import type { RedisCluster } from "./cluster-nodes.ts";
import { ClusterServers } from "./cluster.ts";
import { BUCKETS_MAX, Names, placeProblems } from "./names.ts";
import type { Kind } from "./names.ts";
import { Moves } from "./rebucket-moves.ts";
import type { Found } from "./rebucket-moves.ts";
import { LAYOUT } from "./records.ts";
import { OneServer } from "./servers.ts";
import type { Primary, Servers } from "./servers.ts";

export interface RebucketOptions {
  /** As for the store. Connected at first use if it is not, and closed then. */
  readonly client: RedisClient | RedisCluster;
  readonly prefix?: string;
  /** A power of two, 1–65 536. */
  readonly buckets: number;
  readonly onProgress?: (progress: RebucketProgress) => void;
}

/** Counted keys; a key may be counted twice. */
export interface RebucketProgress {
  readonly phase: "count" | "move" | "verify";
  readonly keys: number;
}

export interface RebucketSummary {
  readonly from: number;
  readonly to: number;
  readonly sessions: number;
  readonly subjects: number;
  /** Keys in our place that are not ours; they were left alone. */
  readonly foreign: number;
}

interface Counts {
  readonly sessions: number;
  readonly subjects: number;
}

const OPERATION = "rebucket";
const SCAN_COUNT = 1_000;
/** Moves under way at once. */
const AT_ONCE = 64;
/** A scan may meet a key twice while the server's table changes its size, never less than once. */
const COUNTS_MAX = 5;

/**
 * Move every session, subject, epoch, tombstone and list to where it lies with `buckets` buckets.
 * Nothing may be connected meanwhile.
 *
 * @throws {ConfigError} when somebody is connected, there is no installation, or `buckets` is none.
 * @throws {StoreUnavailableError} when it was interrupted: run it again with the same number.
 */
export async function rebucket(options: RebucketOptions): Promise<RebucketSummary> {
  const { client, prefix } = checked(options);
  const everywhere = { prefix, buckets: BUCKETS_MAX, check: () => Promise.resolve() };
  const servers = isCluster(client)
    ? new ClusterServers(client, everywhere)
    : new OneServer(client, BUCKETS_MAX, () => undefined);
  try {
    await servers.open();
    return await new Rebucketing(servers, { ...options, prefix }).run();
  } finally {
    await servers.close();
  }
}

/** Every problem of the options at once. @throws {ConfigError} */
function checked(
  given: RebucketOptions | null | undefined,
): Pick<Required<RebucketOptions>, "client" | "prefix"> {
  const { client, prefix = "", buckets } = given ?? ({} as RebucketOptions);
  const problems = placeProblems(prefix, buckets);
  const unfit = driverProblem(client);
  if (unfit !== undefined) problems.unshift({ path: "store.client", message: unfit });
  if (problems.length > 0) throw new ConfigError(problems);
  return { client, prefix };
}

function refusal(name: string, message: string): ConfigError {
  return new ConfigError([{ path: name === "" ? "store" : `store.${name}`, message }]);
}

class Rebucketing {
  readonly #servers: Servers;
  readonly #options: RebucketOptions & { readonly prefix: string };
  readonly #pattern: RegExp;

  constructor(servers: Servers, options: RebucketOptions & { readonly prefix: string }) {
    this.#servers = servers;
    this.#options = options;
    const prefix = options.prefix.replaceAll(".", String.raw`\.`);
    this.#pattern = new RegExp(`^${prefix}(?:([dtueqzwylmn])/)?\\{([0-9a-f]{2,4})\\}(.*)$`, "s");
  }

  async run(): Promise<RebucketSummary> {
    const record = await this.#record();
    const from = Number(record.get("buckets"));
    const to = this.#options.buckets;
    const begun = record.get(OPERATION);
    if (begun === undefined && from === to) {
      throw refusal("buckets", `the installation has ${to} buckets already`);
    }
    const primaries = await this.#servers.primaries();
    await this.#requireAlone(primaries);
    const before = await this.#begin(primaries, from, begun);
    const bucketKey = Buffer.from(installationOf(record).bucketKey, "base64url");
    const names = new Names({ prefix: this.#options.prefix, buckets: to, bucketKey });
    const moves = new Moves(this.#servers, names, from);
    const foreign = new Set<string>();
    await this.#each(primaries, "move", async (found) => {
      if (!(await moves.move(found))) foreign.add(found.key);
    });
    const isAstray = (found: Found): boolean =>
      !foreign.has(found.key) && (moves.placeOf(found) ?? found.key) !== found.key;
    await this.#verify(primaries, isAstray, before);
    await this.#end(to);
    return { from, to, ...before, foreign: foreign.size };
  }

  get #meta(): string {
    return `${this.#options.prefix}m`;
  }

  async #record(): Promise<ReadonlyMap<string, string>> {
    const names = ["installation", "buckets", "layout", OPERATION];
    const reply = await this.#servers.text(OPERATION, ["HMGET", this.#meta, ...names]);
    const values = reply as readonly (string | null)[];
    const known = names.flatMap((name, at) => {
      const value = values[at] ?? undefined;
      return value === undefined ? [] : [[name, value] as const];
    });
    const record = new Map(known);
    if (!record.has("installation") || !record.has("buckets")) {
      throw refusal("", "there are no sessions of ours; check database and prefix");
    }
    if (record.get("layout") !== LAYOUT && !record.has(OPERATION)) {
      throw refusal("", `holds sessions in layout ${record.get("layout")}; it is not known here`);
    }
    return record;
  }

  /** Sentinels look at every server, and that is as well. */
  async #requireAlone(primaries: readonly Primary[]): Promise<void> {
    for (const { link } of primaries) {
      const own = String(await link.text(OPERATION, ["CLIENT", "ID"]));
      const text = String(await link.text(OPERATION, ["CLIENT", "LIST", "TYPE", "normal"]));
      const clients = text.trim().split("\n").map(fieldsOf);
      const database = clients.find((one) => one.get("id") === own)?.get("db");
      const others = clients.filter(
        (one) =>
          one.get("id") !== own &&
          one.get("db") === database &&
          !(one.get("name") ?? "").startsWith("sentinel-"),
      );
      if (others.length === 0) continue;
      const shown = others.slice(0, 3).map((one) => `${one.get("addr")} ${one.get("name")}`.trim());
      const noun = others.length === 1 ? "client is" : "clients are";
      throw refusal(
        "",
        `${others.length} ${noun} connected (${shown.join(", ")}); stop every service first`,
      );
    }
  }

  /** From here on no store opens this, and whoever came meanwhile has to come again. */
  async #begin(
    primaries: readonly Primary[],
    from: number,
    begun: string | undefined,
  ): Promise<Counts> {
    const to = this.#options.buckets;
    const [known, sessions, subjects] = (begun ?? "").split(" ");
    if (known !== "" && known !== String(to)) {
      throw refusal("buckets", `a move to ${known} buckets was begun; finish it first`);
    }
    const layout = `${LAYOUT}, being moved from ${from} to ${to} buckets`;
    const mark = ["layout", layout, OPERATION, begun ?? String(to)];
    await this.#servers.text(OPERATION, ["HSET", this.#meta, ...mark]);
    for (const { link } of primaries) {
      await link.text(OPERATION, ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    if (subjects !== undefined) return { sessions: Number(sessions), subjects: Number(subjects) };
    const counts = await this.#count(primaries);
    const note = `${to} ${counts.sessions} ${counts.subjects}`;
    await this.#servers.text(OPERATION, ["HSET", this.#meta, OPERATION, note]);
    return counts;
  }

  async #count(primaries: readonly Primary[]): Promise<Counts> {
    let least: Counts | undefined;
    for (let time = 0; time < COUNTS_MAX; time += 1) {
      const kinds = new Map<Kind, number>();
      await this.#each(primaries, "count", async ({ kind }) => {
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      });
      const now = { sessions: kinds.get("s") ?? 0, subjects: kinds.get("u") ?? 0 };
      if (least?.sessions === now.sessions && least.subjects === now.subjects) return now;
      least = {
        sessions: Math.min(now.sessions, least?.sessions ?? Infinity),
        subjects: Math.min(now.subjects, least?.subjects ?? Infinity),
      };
    }
    return least ?? { sessions: 0, subjects: 0 };
  }

  async #verify(
    primaries: readonly Primary[],
    isAstray: (found: Found) => boolean,
    before: Counts,
  ): Promise<void> {
    let astray = 0;
    await this.#each(primaries, "verify", async (found) => {
      if (isAstray(found)) astray += 1;
    });
    const after = await this.#count(primaries);
    if (astray === 0 && after.sessions === before.sessions && after.subjects === before.subjects) {
      return;
    }
    throw new StoreUnavailableError(
      `rebucket: ${before.sessions} sessions of ${before.subjects} subjects before, ` +
        `${after.sessions} of ${after.subjects} now, ${astray} where they do not belong; ` +
        "nothing is opened until this is understood",
    );
  }

  /** Forgetting the server's process begins another incarnation: whoever followed starts over. */
  async #end(to: number): Promise<void> {
    await this.#servers.text(OPERATION, ["HDEL", this.#meta, "run"]);
    const facts = ["buckets", String(to), "layout", LAYOUT];
    await this.#servers.text(OPERATION, ["HSET", this.#meta, ...facts]);
    await this.#servers.text(OPERATION, ["HDEL", this.#meta, OPERATION]);
  }

  async #each(
    primaries: readonly Primary[],
    phase: RebucketProgress["phase"],
    work: (found: Found) => Promise<void>,
  ): Promise<void> {
    const match = ["MATCH", `${this.#options.prefix}*`, "COUNT", `${SCAN_COUNT}`];
    let keys = 0;
    for (const { link } of primaries) {
      let cursor = "0";
      do {
        const reply = await link.text(OPERATION, ["SCAN", cursor, ...match]);
        const [next, page] = reply as readonly [unknown, readonly string[]];
        const found = page.flatMap((key) => this.#taken(key) ?? []);
        for (let at = 0; at < found.length; at += AT_ONCE) {
          await Promise.all(found.slice(at, at + AT_ONCE).map(work));
        }
        keys += found.length;
        this.#options.onProgress?.({ phase, keys });
        cursor = String(next);
      } while (cursor !== "0");
    }
  }

  #taken(key: string): Found | undefined {
    const match = this.#pattern.exec(key);
    const [, kind = "s", tag, name] = match ?? [];
    if (tag === undefined || name === undefined) return undefined;
    return { key, kind: kind as Kind, tag, name };
  }
}

function installationOf(record: ReadonlyMap<string, string>): Installation {
  return JSON.parse(record.get("installation") ?? "") as Installation;
}

/** One line of CLIENT LIST. */
function fieldsOf(line: string): ReadonlyMap<string, string> {
  return new Map(
    line.split(" ").map((field) => {
      const equals = field.indexOf("=");
      return [field.slice(0, equals), field.slice(equals + 1)];
    }),
  );
}
