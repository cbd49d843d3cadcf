/**
 * What every operation stands on: a server that was looked at, the facts of the installation, and
 * the scripts made for it. Looked at again after each reconnect, since it may be another server.
 */
import { randomBytes } from "node:crypto";
import { ArgumentError, ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import type { Durability } from "../../protocol/words.ts";
import type { Installation, StorePart } from "../../engine/ports.ts";
import type { Argument, RedisClient } from "./client.ts";
import { isCluster } from "./cluster-nodes.ts";
import type { RedisCluster } from "./cluster-nodes.ts";
import { ClusterServers } from "./cluster.ts";
import { mustWait } from "./durable.ts";
import type { Means, Written } from "./durable.ts";
import type { Link, Script } from "./link.ts";
import { Names } from "./names.ts";
import type { SessionPlace, SubjectPlace } from "./names.ts";
import { LAYOUT, Records } from "./records.ts";
import type { Seen } from "./records.ts";
import { scriptsFor } from "./scripts/all.ts";
import type { Scripts } from "./scripts/all.ts";
import { requireFit } from "./risks.ts";
import type { RedisRisk } from "./risks.ts";
import { serverFacts } from "./server.ts";
import type { ServerFacts } from "./server.ts";
import { OneServer, unlessNeeded } from "./servers.ts";
import type { Part, Servers } from "./servers.ts";

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
  /** What writes can get there. */
  readonly means: Means;
}

interface Look {
  readonly connection: number;
  readonly candidate?: Installation;
  readonly part?: Part;
}

export class Ground {
  readonly link: Servers;
  readonly #options: GroundOptions;
  readonly #records: Records;
  readonly #isOneOfSeveral: boolean;
  #base: Base | undefined;
  #examining: Promise<Base> | undefined;
  /** As first seen: ids were made with it, so it is put back where it was lost. */
  #installation: Installation | undefined;
  #closed = false;
  /** Grows with each connection, which may lead to another server. */
  #connections = 0;

  constructor(client: RedisClient | RedisCluster, options: GroundOptions) {
    this.#options = options;
    const { prefix, buckets, acceptRisks } = options;
    const check = async (link: Link): Promise<void> =>
      requireFit(await serverFacts(link), { accepted: acceptRisks, handsOver: true });
    this.link = isCluster(client)
      ? new ClusterServers(client, { prefix, buckets, check })
      : new OneServer(client, buckets, () => this.#connected());
    this.#records = new Records(this.link, prefix);
    this.#isOneOfSeveral = isCluster(client) || client.sentinelFacts !== undefined;
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

  /**
   * Run a script on the shared connection, or on one that waits for `wanted`.
   *
   * @returns its answer, and what its write has got: never more than was confirmed.
   */
  async durably(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    wanted: Durability | undefined,
  ): Promise<Written> {
    const { means } = await this.ready();
    if (wanted !== undefined && mustWait(wanted, means)) {
      return this.link.durably(script, keys, args, { wanted, means });
    }
    return { value: await this.link.run(script, keys, args), durability: means.plain };
  }

  /** Look at every server anew; of those that need not answer, at those that do. */
  async examine(of?: StorePart): Promise<ServerFacts & Base> {
    const { names } = await this.ready();
    const connection = this.#connections;
    const part = of === undefined || of === "any" ? of : names.bucketOf(of);
    const seen = await this.#seen(this.link.together ? undefined : part);
    return { ...together(seen), ...(await this.#found(seen, { connection, part })) };
  }

  /** @throws {ArgumentError} for a session that a script cannot reach together with its subject. */
  requireTogether(place: SessionPlace, whose: SubjectPlace | undefined): void {
    if (this.link.together || whose === undefined || whose.tag === place.tag) return;
    throw new ArgumentError("record.id", "names another bucket than its subject's");
  }

  /** Leave the client as it was found. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.link.close();
  }

  async #examine(candidate: Installation | undefined): Promise<Base> {
    await this.link.open();
    const connection = this.#connections;
    const seen = await this.#seen();
    const accepted = this.#options.acceptRisks;
    const handsOver = this.#isOneOfSeveral || this.#installation !== undefined;
    for (const { facts } of seen) requireFit(facts, { accepted, handsOver });
    return this.#found(seen, candidate === undefined ? { connection } : { connection, candidate });
  }

  async #seen(part?: Part): Promise<readonly Seen[]> {
    const primaries = await this.link.primaries(part);
    const seen = primaries.map(async (primary): Promise<Seen[]> => {
      const { link, buckets } = primary;
      const facts = await unlessNeeded(serverFacts(link), part, buckets);
      return facts === undefined ? [] : [{ primary, facts }];
    });
    return (await Promise.all(seen)).flat();
  }

  #connected(): void {
    this.#base = undefined;
    this.#connections += 1;
  }

  async #found(seen: readonly Seen[], { connection, candidate, part }: Look): Promise<Base> {
    const own = this.#installation ?? candidate ?? newInstallation();
    const { buckets } = this.#options;
    const facts = [JSON.stringify(own), `${buckets}`, LAYOUT] as const;
    const kept = await this.#records.keep(seen, facts, part);
    if (connection !== this.#connections) throw new StoreUnavailableError("another server answers");
    // Nothing is done any more at a place that does not fit.
    const base = this.#base;
    this.#base = undefined;
    this.#requireSame(Number(kept.buckets), kept.layout);
    const installation = JSON.parse(kept.installation) as Installation;
    if (this.#installation !== undefined && this.#installation.bucketKey !== installation.bucketKey)
      throw new StoreUnavailableError("the server holds another installation; start again");
    this.#installation = installation;
    const means = meansOf(seen.map((one) => one.facts));
    const fresh = {
      incarnation: kept.incarnation,
      incarnationSince: kept.since,
      means: base === undefined || kept.complete ? means : weaker(base.means, means),
    };
    this.#base = base === undefined ? this.#make(installation, fresh) : { ...base, ...fresh };
    return this.#base;
  }

  #make(
    installation: Installation,
    fresh: Pick<Base, "incarnation" | "incarnationSince" | "means">,
  ): Base {
    const bucketKey = Buffer.from(installation.bucketKey, "base64url");
    const names = new Names({ ...this.#options, bucketKey });
    return { names, scripts: scriptsFor(names), installation, ...fresh };
  }

  #requireSame(buckets: number, layout: string | undefined): void {
    if (layout !== LAYOUT) {
      const fix =
        Number(layout) < Number(LAYOUT)
          ? "begin with an empty database, or another prefix, and everybody signs in again"
          : "use the newer release";
      const message = `holds sessions in layout ${layout}; this release knows layout ${LAYOUT}: ${fix}`;
      throw new ConfigError([{ path: "store", message }]);
    }
    if (buckets === this.#options.buckets) return;
    const message = `the installation has ${buckets} buckets; pass buckets: ${buckets}`;
    throw new ConfigError([{ path: "store.buckets", message }]);
  }
}

/** What writes get on every one of them. */
function meansOf(servers: readonly ServerFacts[]): Means {
  const waits = ({ aof, version }: ServerFacts): boolean => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return aof && (major > 7 || (major === 7 && minor >= 2));
  };
  return {
    plain: servers.every(({ fsyncAlways }) => fsyncAlways) ? "local" : "memory",
    waitAof: servers.every(waits),
    replicas: Math.min(...servers.map(({ replicas }) => replicas)),
  };
}

/** Of servers that did not answer holds what held before. */
function weaker(a: Means, b: Means): Means {
  return {
    plain: a.plain === "memory" ? a.plain : b.plain,
    waitAof: a.waitAof && b.waitAof,
    replicas: Math.min(a.replicas, b.replicas),
  };
}

/** What holds of all of them. */
function together(seen: readonly Seen[]): ServerFacts {
  const [first, ...others] = seen.map(({ facts }) => facts);
  if (first === undefined) throw new StoreUnavailableError("there is no server");
  return others.reduce(
    (all, { role, fsyncAlways, lagMs }) => ({
      ...all,
      role: role === "replica" ? role : all.role,
      fsyncAlways: all.fsyncAlways && fsyncAlways,
      lagMs: Math.max(all.lagMs, lagMs),
    }),
    first,
  );
}

function newInstallation(): Installation {
  const id = randomBytes(12).toString("base64url");
  return { id, bucketKey: randomBytes(32).toString("base64url") };
}
