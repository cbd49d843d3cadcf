/**
 * What lies over a store and keeps copies of its sessions: everything passes through, and whoever
 * keeps copies is told of whom each write is, before it begins and after it is over.
 */
import { ForwardingStore } from "../engine/forwarding-store.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  EndedSession,
  MaybePromise,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
  StoreDelta,
  SweepOptions,
  SweepResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";

/** Whom a write is about, as far as it is known. */
export interface Concerned {
  readonly refs: readonly SessionRef[];
  /** All sessions of these. */
  readonly subjects?: readonly { readonly tenant: string; readonly subject: string }[];
}

export abstract class Overlay extends ForwardingStore {
  /** A write begins: a read that began earlier shows what was before it. */
  protected abstract before(concerned: Concerned): void;

  /** It is over, however it went; its caller is answered after this. */
  protected abstract after(concerned: Concerned): MaybePromise<void>;

  override create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const { replaces } = options;
    const refs = replaces === undefined ? [record] : [record, replaces.ref];
    return this.#writing(
      { refs },
      () => this.below.create(record, options),
      (result) => (result.outcome === "created" ? result.evicted : []),
    );
  }

  override replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#writing({ refs: [record] }, () => this.below.replace(record, expectedVersion));
  }

  override patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.#writing({ refs: [ref] }, () =>
      this.below.patchData(ref, operations, expectedVersion),
    );
  }

  override revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#writing({ refs: [ref] }, () => this.below.revoke(ref, end, options));
  }

  override revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#writing(
      { refs: [], subjects: [{ tenant, subject }] },
      () => this.below.revokeSubject(tenant, subject, options),
      ({ ended }) => ended,
    );
  }

  override apply(deltas: readonly StoreDelta[], origin: string): Promise<void> {
    return this.#writing(concernedBy(deltas), () => this.below.apply(deltas, origin));
  }

  override purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#writing({ refs: [], subjects: [{ tenant, subject }] }, () =>
      this.below.purgeSubject(tenant, subject, now),
    );
  }

  override sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#writing(
      { refs: [] },
      () => this.below.sweep(options),
      ({ ended }) => ended,
    );
  }

  /** @param alsoEnded Sessions that the write ended besides, by its result. */
  async #writing<Result>(
    concerned: Concerned,
    write: () => Promise<Result>,
    alsoEnded: (result: Result) => readonly EndedSession[] = () => [],
  ): Promise<Result> {
    this.before(concerned);
    let ended: readonly EndedSession[] = [];
    try {
      const result = await write();
      ended = alsoEnded(result);
      return result;
    } finally {
      const refs = [...concerned.refs, ...ended.map(({ record }) => record)];
      await this.after({ ...concerned, refs });
    }
  }
}

function concernedBy(deltas: readonly StoreDelta[]): Concerned {
  const refs: SessionRef[] = [];
  const subjects: { readonly tenant: string; readonly subject: string }[] = [];
  for (const delta of deltas) {
    if (delta.kind === "epoch") subjects.push({ tenant: delta.tenant, subject: delta.subject });
    else refs.push(delta.kind === "session" ? delta.session.record : delta.ref);
  }
  return { refs, subjects };
}
