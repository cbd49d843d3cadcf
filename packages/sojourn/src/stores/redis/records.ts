/**
 * What the servers remember of the installation, and of themselves: a record says which process
 * kept it last, and the *incarnation* that began when another one took over. A cluster has such a
 * record for every bucket, so that the loss of any is noticed: the incarnation of the whole is made
 * of all. A bucket that is moved keeps its own, as long as the server it came from still serves.
 */
import { createHash, randomBytes } from "node:crypto";
import { seldomScript } from "./link.ts";
import { tagOf } from "./names.ts";
import type { ServerFacts } from "./server.ts";
import type { Primary, Servers } from "./servers.ts";

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
const INCARNATION_CHARACTERS = 12;

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

export class Records {
  readonly #servers: Servers;
  readonly #prefix: string;
  /** As last told of each bucket, while the same processes serve the same buckets. */
  #known: { readonly serving: string; readonly each: readonly Incarnation[] } | undefined;

  constructor(servers: Servers, prefix: string) {
    this.#servers = servers;
    this.#prefix = prefix;
  }

  /**
   * @param seen The first one has the record of the installation.
   * @param facts Installation, buckets and layout; what is kept already stays.
   */
  async keep(seen: readonly Seen[], facts: readonly [string, string, string]): Promise<Kept> {
    const [first] = seen;
    if (first === undefined) throw new Error("unreachable: there is a server");
    const [installation, buckets, layout] = facts;
    const fields = ["installation", installation, "buckets", buckets, "layout", layout];
    const whole = await this.#keep(`${this.#prefix}m`, { of: first, seen, fields });
    if (this.#servers.together) return whole;
    const each = [whole, ...(await this.#buckets(seen))];
    const hash = createHash("sha256");
    for (const { incarnation } of each) hash.update(incarnation);
    return {
      ...whole,
      incarnation: hash.digest("base64url").slice(0, INCARNATION_CHARACTERS),
      since: each.reduce((latest, { since }) => Math.max(latest, since), 0),
    };
  }

  /** Each bucket's, in order. One of each server is asked for as long as it is as it was. */
  async #buckets(seen: readonly Seen[]): Promise<readonly Incarnation[]> {
    const each = seen.map(({ primary, facts }) => `${facts.runId} ${primary.buckets.join()}`);
    const serving = each.toSorted((a, b) => (a < b ? -1 : 1)).join(" ");
    const known = this.#known?.serving === serving ? this.#known.each : undefined;
    const told: Incarnation[] = known === undefined ? [] : [...known];
    const ask = async (of: Seen, bucket: number): Promise<void> => {
      const key = `${this.#prefix}m:{${tagOf(bucket)}}`;
      told[bucket] = await this.#keep(key, { of, seen, fields: [] });
    };
    const asked = seen.flatMap((of) => {
      const { buckets } = of.primary;
      return (known === undefined ? buckets : buckets.slice(0, 1)).map((one) => ask(of, one));
    });
    await Promise.all(asked);
    const same = known?.every(({ incarnation }, at) => incarnation === told[at]?.incarnation);
    this.#known = same === false ? undefined : { serving, each: told };
    return same === false ? this.#buckets(seen) : told;
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
