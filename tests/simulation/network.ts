/**
 * The way between one node and the store: calls are late by a drawn time each way, so that calls
 * of several nodes interleave; they get lost before they take effect, or their answer does, or
 * they take effect long after the caller gave up.
 */
import { StoreUnavailableError } from "sojourn";
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
  SessionEnd,
  SessionFilter,
  SessionRecord,
  SessionRef,
  SessionStore,
  SessionSummary,
  StoreCapabilities,
  StoreDelta,
  StoredSession,
  StoreHealth,
  Subscription,
  SweepOptions,
  SweepResult,
  TailHandlers,
  Touch,
  TouchResult,
} from "sojourn";
import type { SeededRandom } from "sojourn/testing";
import type { SessionModel } from "./model.ts";
import { TailWire } from "./tail-wire.ts";
import type { TailWeather } from "./tail-wire.ts";
import type { Timeline } from "./timeline.ts";
import type { Call, Witness } from "./witness.ts";

/** Chances per call. */
export interface Weather {
  readonly lost: number;
  /** It took effect, and nobody heard. */
  readonly unheard: number;
  /** It takes effect after the caller has given up. */
  readonly late: number;
}

export const CALM: Weather = { lost: 0, unheard: 0, late: 0 };
const LATE_MS_MAX = 6_000;

/** Where the calls of one life of one node go. */
export interface Line {
  readonly node: number;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly witness: Witness;
  weather(): Weather;
  tail(): TailWeather;
  store(): SessionStore;
  health(): StoreHealth;
  incarnation(): string;
  /** False once the node has crashed: nothing comes back to it. */
  alive(): boolean;
  clock(): number;
  note(text: string): void;
  /** A session's short name, for traces. */
  nameOf(id: string): string;
  touchLost(refs: readonly SessionRef[]): void;
  /** A caller is being told that it ended these. */
  told(ended: readonly SessionModel[]): void;
  broken(error: unknown): void;
}

type Fate = "heard" | keyof Weather;

export class Link implements SessionStore {
  readonly capabilities: StoreCapabilities;
  readonly #line: Line;

  constructor(line: Line) {
    this.#line = line;
    this.capabilities = line.store().capabilities;
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.#call("installation", () => this.#store.installation(candidate));
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#call("subjectEpoch", async () => {
      this.#line.witness.epochRead(this.#line.node, subject);
      return this.#store.subjectEpoch(tenant, subject);
    });
  }

  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    return this.#call("create", async (call) => {
      const result = await this.#store.create(record, options);
      await this.#line.witness.created(record, options, result, call);
      return result;
    });
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.#call(this.#of("find", ref), () => this.#store.find(ref));
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#call(this.#of("replace", record), async (call) => {
      const result = await this.#store.replace(record, expectedVersion);
      const looking = { operation: "replace" as const, call, expectedVersion };
      await this.#line.witness.one(record.id, looking);
      return result;
    });
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.#call(this.#of("patchData", ref), async (call) => {
      const result = await this.#store.patchData(ref, operations, expectedVersion);
      await this.#line.witness.one(ref.id, { operation: "patchData", call });
      return result;
    });
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    const touched = this.#call(
      "touch",
      async (call) => {
        const results = await this.#store.touch(batch);
        for (const { ref } of batch) {
          await this.#line.witness.one(ref.id, { operation: "touch", call });
        }
        return results;
      },
      () => this.#line.touchLost(batch.map(({ ref }) => ref)),
    );
    return touched;
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#call(this.#of("revoke", ref), async (call) => {
      const result = await this.#store.revoke(ref, end, options);
      await this.#line.witness.one(ref.id, { operation: "revoke", call });
      return result;
    });
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#call("revokeSubject", async (call) => {
      const result = await this.#store.revokeSubject(tenant, subject, options);
      await this.#line.witness.revokedSubject(subject, options.except, call);
      return result;
    });
  }

  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#call("list", () => this.#store.listBySubject(tenant, subject, page));
  }

  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#call("query", () => this.#store.query(filter, page));
  }

  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.#call("count", () => this.#store.count(filter, now));
  }

  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#call("sweep", async (call) => {
      const result = await this.#store.sweep(options);
      const ids = result.ended.map(({ record }) => record.id);
      await this.#line.witness.swept(ids, result.purged, call);
      return result;
    });
  }

  tail(_from: string, handlers: TailHandlers): Subscription {
    const { timeline, random, alive, node } = this.#line;
    const note = (text: string): void => this.#line.note(`n${node} ${text}`);
    const line = { timeline, random, alive, note, store: this.#store, weather: this.#line.tail() };
    return new TailWire(line, handlers);
  }

  apply(deltas: readonly StoreDelta[], origin: string): Promise<void> {
    return this.#call("apply", () => this.#store.apply(deltas, origin));
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#call("purgeSubject", () => this.#store.purgeSubject(tenant, subject, now));
  }

  health(): Promise<StoreHealth> {
    return this.#call("health", () => Promise.resolve(this.#line.health()));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #of(operation: string, { id }: { readonly id: string }): string {
    return `${operation} ${this.#line.nameOf(id)}`;
  }

  get #store(): SessionStore {
    return this.#line.store();
  }

  #fate(): Fate {
    const { lost, unheard, late } = this.#line.weather();
    const drawn = this.#line.random.fraction();
    if (drawn < lost) return "lost";
    if (drawn < lost + unheard) return "unheard";
    return drawn < lost + unheard + late ? "late" : "heard";
  }

  #delay(): number {
    const { random } = this.#line;
    const drawn = random.fraction();
    if (drawn < 0.8) return random.int(0, 6);
    return drawn < 0.97 ? random.int(5, 50) : random.int(50, 250);
  }

  #call<Result>(
    operation: string,
    effect: (call: Call) => Promise<Result>,
    onLoss?: () => void,
  ): Promise<Result> {
    const { timeline, random } = this.#line;
    const fate = this.#fate();
    const call: Call = { node: this.#line.node, now: this.#line.clock(), ended: [] };
    const lose = fate === "lost" || fate === "late" ? onLoss : undefined;
    lose?.();
    return new Promise<Result>((resolve, reject) => {
      if (fate !== "heard") {
        timeline.after(random.int(50, 400), () => {
          if (!this.#line.alive()) return;
          // Until now its sender believed it to be under way.
          lose?.();
          this.#note(operation, `${fate}: no answer`);
          reject(new StoreUnavailableError(operation));
        });
      }
      if (fate === "lost") return;
      const way = fate === "late" ? random.int(500, LATE_MS_MAX) : this.#delay();
      const back = this.#delay();
      timeline.after(way, () => {
        this.#note(operation, fate === "heard" ? "takes effect" : `takes effect (${fate})`);
        const incarnation = this.#line.incarnation();
        effect(call).then(
          (result) =>
            this.#answer(fate, back, () => {
              // A failover cuts the line: what it undid must not be acknowledged after it.
              if (this.#line.incarnation() === incarnation) this.#tell(resolve, result, call);
              else reject(new StoreUnavailableError(operation));
            }),
          (error: unknown) => {
            this.#line.broken(error);
            this.#answer(fate, back, () => reject(error));
          },
        );
      });
    });
  }

  #answer(fate: Fate, back: number, tell: () => void): void {
    if (fate !== "heard") return;
    this.#line.timeline.after(back, () => {
      if (this.#line.alive()) tell();
    });
  }

  #tell<Result>(resolve: (result: Result) => void, result: Result, call: Call): void {
    if (call.ended.length > 0) this.#line.told(call.ended);
    resolve(result);
  }

  #note(operation: string, what: string): void {
    this.#line.note(`n${this.#line.node} ${operation} ${what}`);
  }
}
