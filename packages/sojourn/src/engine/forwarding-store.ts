/** What every layer over a store shares: each operation goes on to the store below. */
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  Installation,
  NearSessions,
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
  SharedCache,
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
} from "./ports.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "./record.ts";

type Facts = "capabilities" | "near" | "tier";

/** Every method of a store that answers later. */
export type StoreOperation = Exclude<keyof SessionStore, Facts | "tail" | "close">;

/** A layer overrides what it changes: single operations, or {@link ForwardingStore.through}. */
export class ForwardingStore implements Required<Omit<SessionStore, "near" | "tier" | "scan">> {
  readonly near?: NearSessions;
  readonly tier?: SharedCache;
  readonly scan?: (page: ScanOptions) => Promise<Page<SessionRef>>;
  protected readonly below: SessionStore;

  constructor(below: SessionStore) {
    this.below = below;
    if (below.near !== undefined) this.near = below.near;
    if (below.tier !== undefined) this.tier = below.tier;
    const scan = below.scan?.bind(below);
    if (scan !== undefined) this.scan = (page) => this.through("scan", () => scan(page));
  }

  /** As the store below tells them now: some learn theirs from their server. */
  get capabilities(): StoreCapabilities {
    return this.below.capabilities;
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.through("installation", () => this.below.installation(candidate));
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.through("subjectEpoch", () => this.below.subjectEpoch(tenant, subject));
  }

  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    return this.through("create", () => this.below.create(record, options));
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.through("find", () => this.below.find(ref));
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.through("replace", () => this.below.replace(record, expectedVersion));
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.through("patchData", () => this.below.patchData(ref, operations, expectedVersion));
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    return this.through("touch", () => this.below.touch(batch));
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.through("revoke", () => this.below.revoke(ref, end, options));
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.through("revokeSubject", () => this.below.revokeSubject(tenant, subject, options));
  }

  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.through("listBySubject", () => this.below.listBySubject(tenant, subject, page));
  }

  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.through("query", () => this.below.query(filter, page));
  }

  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.through("count", () => this.below.count(filter, now));
  }

  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.through("sweep", () => this.below.sweep(options));
  }

  apply(deltas: readonly StoreDelta[], origin: string): Promise<void> {
    return this.through("apply", () => this.below.apply(deltas, origin));
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.through("purgeSubject", () => this.below.purgeSubject(tenant, subject, now));
  }

  health(of?: StorePart): Promise<StoreHealth> {
    return this.through("health", () => this.below.health(of));
  }

  tail(from: string, handlers: TailHandlers): Subscription {
    return this.below.tail(from, handlers);
  }

  close(): Promise<void> {
    return this.below.close();
  }

  /** Every operation that is not overridden passes here. */
  protected through<Result>(
    _operation: StoreOperation,
    run: () => Promise<Result>,
  ): Promise<Result> {
    return run();
  }
}
