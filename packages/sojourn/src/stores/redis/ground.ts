/**
 * What every operation stands on: a server that was looked at, the facts of the installation, and
 * the scripts made for it. Looked at again after each reconnect, since it may be another server.
 */
import { randomBytes } from "node:crypto";
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import type { Durability } from "../../protocol/words.ts";
import type { Installation } from "../../engine/ports.ts";
import type { RedisClient } from "./client.ts";
import { seldomScript } from "./link.ts";
import { Names } from "./names.ts";
import { scriptsFor } from "./scripts/all.ts";
import type { Scripts } from "./scripts/all.ts";
import { requireFit, serverFacts } from "./server.ts";
import type { RedisRisk, ServerFacts } from "./server.ts";
import { OneServer } from "./servers.ts";
import type { Servers } from "./servers.ts";

/** Facts kept by the server; the first to come writes them. */
const META = `
local fields = { 'installation', ARGV[1], 'buckets', ARGV[2], 'layout', '1' }
for i = 1, #fields, 2 do redis.call('HSETNX', KEYS[1], fields[i], fields[i + 1]) end
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[3] then
  local since = tonumber(redis.call('HGET', KEYS[1], 'since') or 0)
  local started, now = tonumber(ARGV[5]), tonumber(ARGV[6])
  redis.call('HSET', KEYS[1], 'run', ARGV[3], 'incarnation', ARGV[4],
    'since', string.format('%.0f', started > since and since > 0 and started or now))
end
return redis.call('HMGET', KEYS[1], 'installation', 'buckets', 'layout', 'incarnation', 'since')`;
const META_SCRIPT = seldomScript("installation", META, "allow-oom");
const LAYOUT = "1";

export interface GroundOptions {
  readonly prefix: string;
  readonly buckets: number;
  readonly acceptRisks: readonly RedisRisk[];
}

/** True for as long as the connection lasts. */
export interface Base {
  readonly names: Names;
  readonly scripts: Scripts;
  readonly installation: Installation;
  readonly incarnation: string;
  readonly incarnationSince: number;
  /** What a write has got when it is answered. */
  readonly durability: Durability;
}

export class Ground {
  readonly link: Servers;
  readonly #options: GroundOptions;
  #base: Base | undefined;
  #examining: Promise<Base> | undefined;
  /** As first seen: ids were made with it, so it is put back where it was lost. */
  #installation: Installation | undefined;
  #closed = false;

  constructor(client: RedisClient, options: GroundOptions) {
    this.#options = options;
    this.link = new OneServer(client, options.buckets, () => void (this.#base = undefined));
  }

  /** At hand without waiting, while the connection lasts. */
  get base(): Base | undefined {
    return this.#closed ? undefined : this.#base;
  }

  /** @throws {ConfigError} for a server that may not hold sessions. */
  async ready(candidate?: Installation): Promise<Base> {
    if (this.#closed) throw new StoreUnavailableError("closed", { retryable: false });
    if (this.#base !== undefined && this.link.isReady) return this.#base;
    this.#examining ??= this.#examine(candidate).finally(() => void (this.#examining = undefined));
    return this.#examining;
  }

  /** Look at the server anew. */
  async examine(): Promise<ServerFacts & Base> {
    await this.ready();
    const facts = await this.#facts();
    return { ...facts, ...(await this.#found(facts)) };
  }

  /** Leave the client as it was found. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.link.close();
  }

  async #examine(candidate: Installation | undefined): Promise<Base> {
    await this.link.open();
    const facts = await this.#facts();
    requireFit(facts, this.#options.acceptRisks);
    return this.#found(facts, candidate);
  }

  async #facts(): Promise<ServerFacts> {
    const [primary] = await this.link.primaries();
    if (primary === undefined) throw new StoreUnavailableError("connect: there is no server");
    return serverFacts(primary.link);
  }

  async #found(facts: ServerFacts, candidate?: Installation): Promise<Base> {
    const own = this.#installation ?? candidate ?? newInstallation();
    const { prefix, buckets } = this.#options;
    const incarnation = randomBytes(9).toString("base64url");
    const { runId, startedAt, nowAt } = facts;
    const reply = await this.link.run(
      META_SCRIPT,
      [`${prefix}m`],
      [JSON.stringify(own), `${buckets}`, runId, incarnation, `${startedAt}`, `${nowAt}`],
    );
    const [kept, keptBuckets, layout, known, since] = (reply as Buffer[]).map(String);
    this.#requireSame(Number(keptBuckets), layout);
    const base = this.#base;
    const fresh = {
      incarnation: String(known),
      incarnationSince: Number(since),
      durability: facts.fsyncAlways ? ("local" as const) : ("memory" as const),
    };
    const installation = JSON.parse(kept ?? "") as Installation;
    if (this.#installation !== undefined && this.#installation.bucketKey !== installation.bucketKey)
      throw new StoreUnavailableError("the server holds another installation; start again");
    this.#installation = installation;
    this.#base = base === undefined ? this.#make(installation, fresh) : { ...base, ...fresh };
    return this.#base;
  }

  #make(
    installation: Installation,
    fresh: Pick<Base, "incarnation" | "incarnationSince" | "durability">,
  ): Base {
    const bucketKey = Buffer.from(installation.bucketKey, "base64url");
    const names = new Names({ ...this.#options, bucketKey });
    return { names, scripts: scriptsFor(names), installation, ...fresh };
  }

  #requireSame(buckets: number, layout: string | undefined): void {
    if (layout !== LAYOUT) {
      const message = `holds sessions in layout ${layout}; this release knows layout ${LAYOUT}`;
      throw new ConfigError([{ path: "store", message }]);
    }
    if (buckets === this.#options.buckets) return;
    const message = `the installation has ${buckets} buckets; pass buckets: ${buckets}`;
    throw new ConfigError([{ path: "store.buckets", message }]);
  }
}

function newInstallation(): Installation {
  const id = randomBytes(12).toString("base64url");
  return { id, bucketKey: randomBytes(32).toString("base64url") };
}
