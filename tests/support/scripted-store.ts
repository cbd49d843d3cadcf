/** For tests: a store that answers when it is told to, and whose tail says what it is told to. */
import type {
  SessionRecord,
  SessionRef,
  SessionStore,
  SharedCache,
  StoreChange,
  StoredData,
  StoredSession,
  TailHandlers,
} from "sojourn";

export function storedOf(
  changes: Partial<SessionRecord> = {},
  data: StoredData = {},
): StoredSession {
  const record: SessionRecord = {
    id: "s1",
    tenant: "default",
    subject: "ada",
    kind: "user",
    version: 1,
    state: "active",
    epoch: 0,
    createdAt: 0,
    authenticatedAt: 0,
    seenAt: 0,
    idleMs: 1_000_000,
    idleLockFactors: 0,
    absoluteExpiresAt: 10_000_000,
    assurance: { amr: ["pwd"], authTime: 0, factors: [] },
    rotation: { generation: 1, verifier: "v", confirmedAt: 0, lastIssued: 1 },
    ...changes,
  };
  return { record, data, dataVersion: 0, subjectEpoch: 0 };
}

/** One call that the store has not answered yet. */
export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
  answer(value?: unknown): Promise<void>;
  refuse(error: Error): Promise<void>;
}

export class ScriptedStore {
  readonly calls: Call[] = [];
  readonly store: SessionStore;
  closed = 0;
  readonly tails: { readonly handlers: TailHandlers; open: boolean }[] = [];

  constructor(tail: "replayable" | "lossy" | "poll" = "replayable", tier?: SharedCache) {
    const capabilities = { name: "scripted", tail };
    this.store = new Proxy({} as SessionStore, {
      get: (_target, name) => {
        if (name === "capabilities") return capabilities;
        if (name === "tier") return tier;
        if (name === "near" || typeof name === "symbol") return undefined;
        if (name === "tail") return (_from: string, told: TailHandlers) => this.#listen(told);
        if (name === "close") return () => Promise.resolve(void (this.closed += 1));
        return (...args: readonly unknown[]) => this.#call(name, args);
      },
    });
  }

  /** What is being waited for, first come first; it is taken off the list. */
  take(name: string): Call {
    const index = this.calls.findIndex((call) => call.name === name);
    const [call] = index < 0 ? [] : this.calls.splice(index, 1);
    if (call === undefined) throw new Error(`nobody waits for ${name}`);
    return call;
  }

  count(name: string): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  say(change: Unplaced<StoreChange>): void {
    for (const { handlers, open } of this.tails) {
      if (open) handlers.change({ ...change, position: "p" });
    }
  }

  changed(ref: SessionRef): void {
    const { tenant, id } = ref;
    this.say({ kind: "session", what: "changed", ref: { tenant, id }, subject: "ada" });
  }

  prove(askedAt: number): void {
    for (const { handlers, open } of this.tails) if (open) handlers.frontier?.("p", askedAt);
  }

  gap(): void {
    for (const { handlers, open } of this.tails) if (open) handlers.gap?.();
  }

  #listen(handlers: TailHandlers): { close(): void } {
    const tail = { handlers, open: true };
    this.tails.push(tail);
    return { close: () => void (tail.open = false) };
  }

  #call(name: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done = async (settle: () => void): Promise<void> => {
        settle();
        // Whatever follows from it, promise by promise.
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      };
      this.calls.push({
        name,
        args,
        answer: (value) => done(() => resolve(value)),
        refuse: (error) => done(() => reject(error)),
      });
    });
  }
}

type Unplaced<Change> = Change extends StoreChange ? Omit<Change, "position"> : never;
