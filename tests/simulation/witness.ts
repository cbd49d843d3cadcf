/**
 * Sees every call take effect in the store, looks at what it changed before anything else can
 * happen, and holds it against the reference model: invariants I1, I2, I4, I5, I6, I11.
 */
import type {
  CreateOptions,
  CreateResult,
  SessionRecord,
  SessionStore,
  StoredSession,
} from "sojourn";
import { problemOfIdleEnd, problemOfStoredSeen } from "./model.ts";
import type { Model, SessionModel } from "./model.ts";
import { problemOfTransition } from "./transitions.ts";
import type { Operation } from "./transitions.ts";

/** A store call on its way back: what its caller will be told of. */
export interface Call {
  readonly node: number;
  /** The sender's clock when it sent. */
  readonly now: number;
  readonly ended: SessionModel[];
}

export interface Stage {
  readonly tenant: string;
  readonly model: Model;
  readonly limit: number | null;
  readonly readable: boolean;
  store(): SessionStore;
  now(): number;
  fail(problem: string): never;
  count(what: string): void;
}

interface Looking {
  readonly operation: Operation;
  readonly call: Call;
  readonly expectedVersion?: number | undefined;
}

export class Witness {
  readonly #stage: Stage;
  /** Every stored session as it was after the last effect that concerned it. */
  readonly known: Map<string, StoredSession> = new Map();
  readonly epochs: Map<string, number> = new Map();
  /** By subject: when a revoke-all last took effect, in effects. */
  readonly #revokedAllAt: Map<string, number> = new Map();
  readonly #epochReadAt: Map<string, number> = new Map();
  readonly #replaced: Map<string, string> = new Map();
  readonly #revokedBy: Map<string, SessionModel[]> = new Map();
  #effects = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Effects so far: a clock of the store's own. */
  get effects(): number {
    return this.#effects;
  }

  revokedAllAt(subject: string): number {
    return this.#revokedAllAt.get(subject) ?? -1;
  }

  /** The session whose data a new one took over in the step that made it. */
  replacedBy(session: SessionModel): SessionModel | undefined {
    return this.#stage.model.sessions.get(this.#replaced.get(session.id) ?? "");
  }

  epochRead(node: number, subject: string): void {
    this.#epochReadAt.set(`${node} ${subject}`, (this.#effects += 1));
  }

  /** A call that concerns one session has taken effect. */
  async one(id: string, looking: Looking): Promise<void> {
    this.#effects += 1;
    await this.#look(id, looking);
  }

  async created(
    record: SessionRecord,
    options: CreateOptions,
    result: CreateResult,
    call: Call,
  ): Promise<void> {
    const { model, fail, tenant } = this.#stage;
    const { subject } = record;
    // Nodes that keep sessions near call themselves in, in a tenant of their own.
    if (record.tenant !== tenant) return;
    this.#effects += 1;
    if (result.outcome === "created") {
      if (model.sessions.has(record.id)) fail("I1: an id was used again");
      this.#checkEpoch(record, options, call);
      const { id, createdAt } = record;
      const session = model.create({ id, subject, createdAt, bornAt: this.#stage.now() });
      session.revokedAllBefore = this.revokedAllAt(subject ?? "");
      session.everPending = record.state === "pending";
      if (record.absoluteExpiresAt !== session.absoluteExpiresAt) {
        fail("I11: a new session has another absolute end than its policy says");
      }
      if (options.replaces !== undefined) this.#replaced.set(record.id, options.replaces.ref.id);
    }
    const looking: Looking = { operation: "create", call };
    await this.#look(record.id, looking);
    if (options.replaces !== undefined) await this.#look(options.replaces.ref.id, looking);
    if (subject === null) return;
    for (const session of model.liveOf(subject)) await this.#look(session.id, looking);
    if (result.outcome === "created") await this.#checkSubject(subject, options.now);
  }

  /** Whom the revoke-all ended that gave the subject this epoch. */
  revokedBy(subject: string, epoch: number): readonly SessionModel[] {
    return this.#revokedBy.get(`${subject} ${epoch}`) ?? [];
  }

  async revokedSubject(subject: string, except: string | undefined, call: Call): Promise<void> {
    const { model, fail } = this.#stage;
    this.#effects += 1;
    this.#revokedAllAt.set(subject, this.#effects);
    const epoch = (this.epochs.get(subject) ?? 0) + 1;
    this.epochs.set(subject, epoch);
    const revoked: SessionModel[] = [];
    for (const session of model.liveOf(subject)) {
      await this.#look(session.id, { operation: "revokeSubject", call });
      if (session.id === except) continue;
      revoked.push(session);
      if (session.ended === undefined) fail(`I5: revoke-all missed ${session.name}`);
    }
    this.#revokedBy.set(`${subject} ${epoch}`, revoked);
    await this.#checkSubject(subject, call.now);
  }

  async swept(ended: readonly string[], purged: number, call: Call): Promise<void> {
    this.#effects += 1;
    for (const id of ended) await this.#look(id, { operation: "sweep", call });
    if (purged === 0) return;
    for (const [id, { record }] of this.known) {
      if (record.end !== undefined) await this.#look(id, { operation: "sweep", call });
    }
  }

  /** Hold what is stored of one session against what is known of it by now. */
  check(session: SessionModel): void {
    const stored = this.known.get(session.id);
    if (stored !== undefined) this.#checkContent(session, stored);
  }

  /** Nothing may have changed behind our back, and what must have arrived has. */
  async lookAtAll(): Promise<void> {
    const { model, fail } = this.#stage;
    const now = this.#stage.now();
    const call: Call = { node: -1, now: Infinity, ended: [] };
    for (const [id, stored] of this.known) {
      await this.#look(id, { operation: "nothing", call });
      const session = model.sessions.get(id);
      if (session === undefined || session.ended !== undefined) continue;
      const { seenAt } = stored.record;
      this.#checkContent(session, stored);
      const problem = problemOfStoredSeen(model.rules, session, { seenAt, now });
      if (problem !== undefined) fail(`${session.name}: ${problem}`);
    }
  }

  /** Judged apart from the library: is the stored session over at `now`? */
  isOver(session: SessionModel, now: number, seenAt?: number): boolean {
    const { record } = this.known.get(session.id) ?? {};
    if (record === undefined || record.end !== undefined) return session.ended !== undefined;
    if (record.epoch < (this.epochs.get(record.subject ?? "") ?? 0)) return true;
    if (now >= record.absoluteExpiresAt) return true;
    const locks = record.idleLockFactors > 0 && record.state !== "pending";
    return !locks && now >= Math.min(seenAt ?? Infinity, record.seenAt) + record.idleMs;
  }

  /** The store went back: begin anew with what it holds. */
  async restored(ids: readonly string[], epochs: ReadonlyMap<string, number>): Promise<void> {
    const { tenant } = this.#stage;
    this.known.clear();
    this.epochs.clear();
    for (const [subject, epoch] of epochs) this.epochs.set(subject, epoch);
    this.#revokedAllAt.clear();
    for (const id of ids) {
      const stored = await this.#stage.store().find({ tenant, id });
      if (stored !== undefined) this.known.set(id, stored);
    }
  }

  /** A login that began before a revoke-all must not slip through it. */
  #checkEpoch(record: SessionRecord, options: CreateOptions, call: Call): void {
    const { subject } = record;
    if (subject === null) return;
    const revokedAt = this.revokedAllAt(subject);
    const readAt = this.#epochReadAt.get(`${call.node} ${subject}`) ?? -1;
    const epoch = this.epochs.get(subject) ?? 0;
    if (revokedAt > readAt || (options.subjectEpoch ?? Infinity) < epoch) {
      this.#stage.fail(`I5: a login of ${subject} slipped through a revoke-all`);
    }
  }

  /** The subject's list holds exactly its live sessions, and no more than its limit. */
  async #checkSubject(subject: string, now: number): Promise<void> {
    const { model, fail, tenant, limit } = this.#stage;
    const page = await this.#stage.store().listBySubject(tenant, subject, { now, limit: 200 });
    const listed = new Set(page.items.map((item) => item.id));
    const live = model.liveOf(subject).filter((session) => !this.isOver(session, now));
    for (const session of live) {
      if (!listed.has(session.id)) fail(`I5: ${session.name} is not in its subject's list`);
    }
    if (listed.size !== live.length) fail(`I5: the list of ${subject} holds ended sessions`);
    if (limit !== null && live.length > limit) {
      fail(`limit: ${live.length} live sessions of ${subject}, at most ${limit} are allowed`);
    }
  }

  async #look(id: string, looking: Looking): Promise<void> {
    const { tenant, model } = this.#stage;
    const before = this.known.get(id);
    const after = await this.#stage.store().find({ tenant, id });
    if (before === after) return;
    const session = model.sessions.get(id);
    if (after === undefined) this.known.delete(id);
    else this.known.set(id, after);
    const problem = problemOfTransition({
      ...looking,
      before,
      after,
      now: looking.call.now,
      absoluteExpiresAt: session?.absoluteExpiresAt,
    });
    const name = session?.name ?? id;
    if (problem !== undefined) this.#stage.fail(`${name}: ${problem}`);
    if (session === undefined || after === undefined) return;
    this.#noteEnd(session, before, after, looking);
    this.#checkContent(session, after);
  }

  #noteEnd(
    session: SessionModel,
    before: StoredSession | undefined,
    after: StoredSession,
    looking: Looking,
  ): void {
    const { end } = after.record;
    if (end === undefined || before?.record.end !== undefined) return;
    session.ended = { reason: end.reason, at: this.#stage.now() };
    looking.call.ended.push(session);
    this.#stage.count(`end ${end.reason}`);
    if (end.reason !== "idle_timeout") return;
    const problem = problemOfIdleEnd(this.#stage.model.rules, session, {
      high: looking.call.now,
      sinceAt: this.#stage.now(),
    });
    if (problem !== undefined) this.#stage.fail(`${session.name}: ${problem}`);
  }

  /** What was acknowledged is there: data, and factors given. */
  #checkContent(session: SessionModel, after: StoredSession): void {
    const { fail, readable } = this.#stage;
    for (const method of session.amr) {
      if (after.record.assurance.amr.includes(method)) continue;
      fail(`${session.name}: lost decision: its step-up with ${method} was acknowledged`);
    }
    const { data } = session;
    if (data === undefined || !readable) return;
    const snapshot = snapshotOf(after);
    const now = this.#stage.now();
    const problem = data.problem(snapshot, now);
    if (problem !== undefined) fail(`${session.name}: ${problem}`);
    data.learn(snapshot, now);
  }
}

function snapshotOf(stored: StoredSession): Record<string, unknown> {
  const entries = Object.entries(stored.data);
  return Object.fromEntries(entries.map(([key, json]) => [key, JSON.parse(json) as unknown]));
}
