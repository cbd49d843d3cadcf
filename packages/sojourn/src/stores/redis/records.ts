/**
 * What the servers remember of the installation, and of themselves: a record says which process
 * kept it last, and the *incarnation* that began when another one took over. A cluster has such a
 * record for every bucket, so that the loss of any is noticed: the incarnation of the whole is made
 * of all. A bucket that is moved keeps its own, as long as the server it came from still serves.
 */
import { createHash, randomBytes } from "node:crypto";
import { StoreUnavailableError } from "../../engine/errors.ts";
import { seldomScript } from "./link.ts";
import { tagOf } from "./names.ts";
import type { ServerFacts } from "./server.ts";
import { unlessNeeded } from "./servers.ts";
import type { Part, Primary, Servers } from "./servers.ts";

/**
 * KEYS: record. ARGV: its server's process, an incarnation in case it is new, the time, how many
 * processes serve, those, then fields and values to be kept for ever. An incarnation begins when it
 * is first seen: a replica that takes over started long before.
 */
const KEEP = `
local record, run, serving = KEYS[1], ARGV[1], tonumber(ARGV[4])
for i = 5 + serving, #ARGV, 2 do redis.call('HSETNX', record, ARGV[i], ARGV[i + 1]) end
local was = redis.call('HGET', record, 'run')
if was ~= run then
  local moved = false
  for i = 5, 4 + serving do moved = moved or ARGV[i] == was end
  redis.call('HSET', record, 'run', run)
  -- The first one has lost nothing: since 0.
  local since = was and ARGV[3] or 0
  if not moved then redis.call('HSET', record, 'incarnation', ARGV[2], 'since', since) end
end
return redis.call('HMGET', record, 'incarnation', 'since', 'installation', 'buckets', 'layout')`;
const KEEP_SCRIPT = seldomScript("installation", KEEP, "allow-oom");
/** How keys and rows are laid out. Another one is refused. */
export const LAYOUT = "2";
const INCARNATION_CHARACTERS = 12;
const NEVER_TOLD = "health: a server has not answered since this process began";

/** A server and what it said of itself. */
export interface Seen {
  readonly primary: Primary;
  readonly facts: ServerFacts;
}

interface Incarnation {
  readonly incarnation: string;
  readonly since: number;
}

interface Kept extends Incarnation {
  readonly installation: string;
  readonly buckets: string;
  readonly layout: string | undefined;
}

/** What one server has told. */
interface Told {
  readonly whole?: Kept;
  readonly each: readonly (readonly [bucket: number, incarnation: Incarnation])[];
}

export class Records {
  readonly #servers: Servers;
  readonly #prefix: string;
  /** As last told, by the server that has it. */
  #whole: Kept | undefined;
  /** As last told, of each bucket. */
  readonly #each: Incarnation[] = [];
  /** By address: the process that told all that it had, and of which buckets that was. */
  readonly #asked = new Map<string, string>();

  constructor(servers: Servers, prefix: string) {
    this.#servers = servers;
    this.#prefix = prefix;
  }

  /**
   * @param facts Installation, buckets and layout; what is kept already stays.
   * @param part Who must answer: of the others holds what they last told.
   * @returns with `complete`: all have answered.
   */
  async keep(
    seen: readonly Seen[],
    facts: readonly [string, string, string],
    part?: Part,
  ): Promise<Kept & { readonly complete: boolean }> {
    const [installation, buckets, layout] = facts;
    const fields = ["installation", installation, "buckets", buckets, "layout", layout];
    const asking = seen.map((of) =>
      unlessNeeded(this.#ask(of, seen, fields), part, of.primary.buckets),
    );
    const told = (await Promise.all(asking)).filter((one) => one !== undefined);
    const whole = told.find((one) => one.whole !== undefined)?.whole ?? this.#whole;
    if (whole === undefined) throw new StoreUnavailableError(NEVER_TOLD);
    if (this.#servers.together) return { ...whole, complete: true };
    const answered = told.flatMap((one) => one.each);
    const each = [...this.#each];
    for (const [bucket, incarnation] of answered) each[bucket] = incarnation;
    const hash = createHash("sha256").update(whole.incarnation);
    let { since } = whole;
    for (let bucket = 0; bucket < Number(buckets); bucket += 1) {
      const one = each[bucket];
      if (one === undefined) throw new StoreUnavailableError(NEVER_TOLD);
      hash.update(one.incarnation);
      since = Math.max(since, one.since);
    }
    const incarnation = hash.digest("base64url").slice(0, INCARNATION_CHARACTERS);
    return { ...whole, incarnation, since, complete: answered.length === Number(buckets) };
  }

  async #ask(of: Seen, seen: readonly Seen[], fields: readonly string[]): Promise<Told> {
    const whole = of.primary.main
      ? await this.#keep(`${this.#prefix}m`, { of, seen, fields })
      : undefined;
    this.#whole = whole ?? this.#whole;
    const each = this.#servers.together ? [] : await this.#buckets(of, seen);
    return whole === undefined ? { each } : { whole, each };
  }

  /** One of them is asked for as long as the server is as it was. */
  async #buckets(of: Seen, seen: readonly Seen[]): Promise<Told["each"]> {
    const { address, buckets } = of.primary;
    const serving = `${of.facts.runId} ${buckets.join()}`;
    const ask = async (bucket: number): Promise<readonly [number, Incarnation]> => {
      const key = `${this.#prefix}m/{${tagOf(bucket)}}`;
      return [bucket, await this.#keep(key, { of, seen, fields: [] })];
    };
    const known = buckets.flatMap((bucket) => {
      const one = this.#each[bucket];
      return one === undefined ? [] : [[bucket, one] as const];
    });
    const [first] = known;
    if (first !== undefined && this.#asked.get(address) === serving) {
      const [, now] = await ask(first[0]);
      if (now.incarnation === first[1].incarnation) return known;
    }
    this.#asked.delete(address);
    const told = await Promise.all(buckets.map(ask));
    for (const [bucket, incarnation] of told) this.#each[bucket] = incarnation;
    this.#asked.set(address, serving);
    return told;
  }

  async #keep(
    key: string,
    about: {
      readonly of: Seen;
      readonly seen: readonly Seen[];
      readonly fields: readonly string[];
    },
  ): Promise<Kept> {
    const { runId, nowAt } = about.of.facts;
    const fresh = randomBytes(9).toString("base64url");
    const serving = about.seen.map(({ facts }) => facts.runId);
    const args = [runId, fresh, `${nowAt}`, `${serving.length}`, ...serving, ...about.fields];
    const reply = (await this.#servers.run(KEEP_SCRIPT, [key], args)) as (Buffer | null)[];
    const [incarnation = "", since = "0", installation = "", buckets = "", layout] = reply.map(
      (one) => (one === null ? undefined : String(one)),
    );
    return { incarnation, since: Number(since), installation, buckets, layout };
  }
}
