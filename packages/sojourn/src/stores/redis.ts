/**
 * Sessions in Redis 7 or Valkey 8 and newer: one primary, shared by any number of processes. Every
 * operation is one script; reading a session is one round trip.
 */
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { isWholeWithin, unknownOptions } from "../engine/given.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  Installation,
  Page,
  PageOptions,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  ScanOptions,
  SessionFilter,
  SessionRef,
  SessionStore,
  StoreCapabilities,
  StoreDelta,
  StoredSession,
  StoreHealth,
  StorePart,
  Subscription,
  SweepOptions,
  SweepResult,
  TailHandlers,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "../engine/record.ts";
import type { Durability } from "../protocol/words.ts";
import type { RedisClient } from "./redis/client.ts";
import { driverProblem } from "./redis/cluster-nodes.ts";
import type { RedisCluster } from "./redis/cluster-nodes.ts";
import { durabilitiesOf } from "./redis/durable.ts";
import { Ends } from "./redis/ends.ts";
import { Ground } from "./redis/ground.ts";
import { Merge } from "./redis/merge.ts";
import { placeProblems } from "./redis/names.ts";
import { Reads } from "./redis/reads.ts";
import { RISKS } from "./redis/risks.ts";
import type { RedisRisk } from "./redis/risks.ts";
import { Tail } from "./redis/tail.ts";
import { Writes } from "./redis/writes.ts";

export type { RedisClient } from "./redis/client.ts";
export type { RedisCluster } from "./redis/cluster-nodes.ts";
export { rebucket } from "./redis/rebucket.ts";
export type { RebucketOptions, RebucketProgress, RebucketSummary } from "./redis/rebucket.ts";
export { RedisReplays } from "./redis/replays.ts";
export type { RedisReplaysOptions } from "./redis/replays.ts";
export type { RedisRisk } from "./redis/risks.ts";
export { followSentinels } from "./redis/sentinel.ts";
export type { SentinelOptions } from "./redis/sentinel.ts";
export type { RedisAddress, SentinelFacts } from "./redis/sentinel-facts.ts";

export interface RedisStoreOptions {
  /**
   * `createClient({ …, disableOfflineQueue: true })` of the package "redis" or what
   * {@link followSentinels} gives, connected at first use if it is not; or `createCluster({ …,
   * defaults: { disableOfflineQueue: true } })`, of which it takes the settings and connections of
   * its own. The store closes what it connected.
   */
  readonly client: RedisClient | RedisCluster;
  /** Before every key: up to 32 letters, digits and `_.:-`. Default none. */
  readonly prefix?: string;
  /** Parts that subjects are hashed into: a power of two, 1–65 536, default 256. Never changes. */
  readonly buckets?: number;
  /** Data of one session in bytes of UTF-8; 1–16 777 216, default 65 536. */
  readonly maxDataBytes?: number;
  /** Set-ups that lose sessions and are wanted all the same. */
  readonly acceptRisks?: readonly RedisRisk[];
  /** Told keys that lie where sessions should and are not ours. Default: one process warning. */
  readonly onForeignKey?: (key: string) => void;
}

const DURABILITIES: readonly Durability[] = ["memory", "local", "replicated", "quorum"];
const DATA_BYTES_MAX = 16_777_216;
const OPTIONS: readonly (keyof RedisStoreOptions)[] = [
  "client",
  "prefix",
  "buckets",
  "maxDataBytes",
  "acceptRisks",
  "onForeignKey",
];

export class RedisStore implements SessionStore {
  readonly #known: Omit<StoreCapabilities, "durability">;
  readonly #ground: Ground;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #ends: Ends;
  readonly #merge: Merge;
  readonly #tails: Set<Tail> = new Set<Tail>();
  #closed = false;

  /** @throws {ConfigError} for wrong options, or a client that could break a promise. */
  constructor(options: RedisStoreOptions) {
    const { client, prefix, buckets, maxDataBytes, acceptRisks, onForeignKey } = checked(options);
    this.#ground = new Ground(client, { prefix, buckets, acceptRisks });
    this.#reads = new Reads(this.#ground, onForeignKey);
    this.#writes = new Writes(this.#ground, maxDataBytes);
    this.#ends = new Ends(this.#ground);
    this.#merge = new Merge(this.#ground, this.#reads);
    this.#known = {
      name: "redis",
      atomicIndex: false,
      query: "subject",
      expiry: "sweep",
      tail: "replayable",
      evicts: acceptRisks.includes("eviction"),
      shared: true,
      mayForget: true,
      maxDataBytes,
    };
  }

  /** `durability`: what Redis may give, and once the server was looked at, what it can. */
  get capabilities(): StoreCapabilities {
    const means = this.#ground.base?.means;
    const durability = means === undefined ? DURABILITIES : durabilitiesOf(means);
    return { ...this.#known, durability };
  }

  /**
   * Look at the server now instead of at first use.
   *
   * @throws {ConfigError} for one that may not hold sessions, with every reason and what mends it.
   */
  async check(): Promise<void> {
    await this.#ground.ready();
  }

  async installation(candidate: Installation): Promise<Installation> {
    return (await this.#ground.ready(candidate)).installation;
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#reads.subjectEpoch(tenant, subject);
  }

  /** @throws {DataTooLargeError} for data over `maxDataBytes`; nothing was written. */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    return this.#writes.create(record, options);
  }

  /** One round trip. An unchanged session is the same object as before. */
  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.#reads.find(ref);
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#writes.replace(record, expectedVersion);
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.#writes.patch(ref, operations, expectedVersion);
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    return this.#writes.touch(batch);
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#ends.revoke(ref, end, options);
  }

  /** The first step refuses every session below the new epoch; the others end their rows. */
  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#ends.revokeSubject(tenant, subject, options);
  }

  /** Short pages with a cursor come where a thousand sessions in a row have run out. */
  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#reads.list(tenant, subject, page);
  }

  /** @throws {ArgumentError} unless the filter names a subject and asks for live sessions. */
  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#reads.query(filter, page);
  }

  /** @throws {ArgumentError} unless the filter names a subject and asks for live sessions. */
  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.#reads.count(filter, now);
  }

  /** A session may be met twice. */
  scan(page: ScanOptions): Promise<Page<SessionRef>> {
    return this.#reads.scan(page);
  }

  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#ends.sweep(options);
  }

  /** Opens a connection of its own, in which the server keeps it waiting for changes. */
  tail(from: string, handlers: TailHandlers): Subscription {
    if (this.#closed) throw new StoreUnavailableError("tail", { retryable: false });
    const onClose = (tail: Tail): void => void this.#tails.delete(tail);
    const tail = new Tail(this.#ground, from, { handlers, onClose });
    this.#tails.add(tail);
    return { close: () => tail.close() };
  }

  apply(deltas: readonly StoreDelta[], _origin: string): Promise<void> {
    return this.#merge.apply(deltas);
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#ends.purgeSubject(tenant, subject, now);
  }

  async health(of?: StorePart): Promise<StoreHealth> {
    const { role, incarnation, incarnationSince, nowAt, lagMs } = await this.#ground.examine(of);
    const writable = role === "primary";
    return { role, incarnation, incarnationSince, nowAt, writable, lagMs };
  }

  /** Ends tails and closes the connection if the store opened it. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const tail of this.#tails) tail.close();
    this.#reads.forget();
    await this.#ground.close();
  }
}

/** Every problem of the options at once. @throws {ConfigError} */
function checked(given: RedisStoreOptions | null | undefined): Required<RedisStoreOptions> {
  const options = given ?? ({} as RedisStoreOptions);
  const { client, prefix = "", buckets = 256, maxDataBytes = 65_536 } = options;
  const { acceptRisks = [], onForeignKey = warnOnce() } = options;
  const problems: ConfigProblem[] = [
    ...unknownOptions(options, OPTIONS, "store."),
    ...placeProblems(prefix, buckets),
  ];
  const check = (fits: boolean, name: string, message: string): void => {
    if (!fits) problems.push({ path: `store.${name}`, message });
  };
  const wholeBytes = isWholeWithin(maxDataBytes, 1, DATA_BYTES_MAX);
  check(wholeBytes, "maxDataBytes", `expected a whole number, 1–${DATA_BYTES_MAX}`);
  const risks = Array.isArray(acceptRisks) && acceptRisks.every((risk) => RISKS.includes(risk));
  check(risks, "acceptRisks", `expected a list of ${RISKS.map((risk) => `"${risk}"`).join(", ")}`);
  check(typeof onForeignKey === "function", "onForeignKey", "takes a function");
  const unfit = driverProblem(client);
  check(unfit === undefined, "client", unfit ?? "");
  if (problems.length > 0) throw new ConfigError(problems);
  return { client, prefix, buckets, maxDataBytes, acceptRisks, onForeignKey };
}

function warnOnce(): (key: string) => void {
  let warned = false;
  return (key) => {
    if (warned) return;
    warned = true;
    process.emitWarning(`"${key}" lies where sessions should and was ignored`, {
      type: "SojournWarning",
      code: "SOJOURN_FOREIGN_KEY",
    });
  };
}
