/**
 * The store contract is worth what it catches: each store here breaks one promise, in a way that
 * real session stores have been seen to break it, and some case must notice.
 */
import type {
  SessionRef,
  SessionStore,
  StoredSession,
} from "../../packages/sojourn/src/engine/ports.ts";
import type { SessionRecord } from "../../packages/sojourn/src/engine/record.ts";
import { MemoryStore } from "sojourn/stores/memory";
import { CaseFailure, caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

type Methods = Partial<SessionStore>;
type Sabotage = (good: SessionStore) => Methods;

interface Broken {
  readonly promise: string;
  readonly how: Sabotage;
}

/** Which case has to notice, by a part of its name. */
function breaks(promise: string, how: Sabotage): Broken {
  return { promise, how };
}

/** What sabotaged reads give instead of the truth. */
const lies = new Map<SessionStore, Map<string, StoredSession>>();

function rewrite(good: SessionStore, stored: StoredSession): void {
  const told = lies.get(good) ?? new Map<string, StoredSession>();
  told.set(`${stored.record.id} ${stored.record.tenant}`, stored);
  lies.set(good, told);
}

async function read(good: SessionStore, ref: SessionRef): Promise<StoredSession | undefined> {
  return lies.get(good)?.get(`${ref.id} ${ref.tenant}`) ?? good.find(ref);
}

/** The session again, under the same id, as a store that overwrites would hold it. */
async function resurrect(good: SessionStore, record: SessionRecord): Promise<void> {
  const stored = await good.find(record);
  if (stored === undefined) return;
  rewrite(good, { ...stored, record: { ...record, version: stored.record.version + 1 } });
}

const sabotages: Record<string, Broken> = {
  "create adopts a taken id": breaks("never adopts another's session", (good) => ({
    async create(record, options) {
      const result = await good.create(record, options);
      if (result.outcome !== "exists") return result;
      return { outcome: "created", record, evicted: [], durability: "memory" };
    },
  })),
  "create forgets the epoch read at the start": breaks(
    "whose authentication began before",
    (good) => ({
      create: (record, { subjectEpoch: _ignored, ...options }) => good.create(record, options),
    }),
  ),
  "create keeps the epoch it was given": breaks("whose authentication began before", (good) => ({
    async create(record, options) {
      const result = await good.create(record, options);
      return result.outcome === "created" ? { ...result, record } : result;
    },
  })),
  "create ignores limits": breaks("keeps the limit by ending the oldest", (good) => ({
    create: (record, { limits: _ignored, ...options }) => good.create(record, options),
  })),
  "limits are checked before, not with, the create": breaks(
    "3 of 50 simultaneous sessions (reject)",
    (good) => ({
      async create(record, { limits, ...options }) {
        if (limits === undefined || record.subject === null) return good.create(record, options);
        const { items } = await good.listBySubject(record.tenant, record.subject, {
          now: options.now,
          limit: 200,
        });
        await Promise.resolve();
        if (items.length < limits.max) return good.create(record, options);
        return good.create(record, { ...options, limits });
      },
    }),
  ),
  "evict-idle evicts the oldest": breaks("seen longest ago", (good) => ({
    create: (record, options) => {
      const { limits } = options;
      if (limits?.onLimit !== "evict-idle") return good.create(record, options);
      return good.create(record, { ...options, limits: { ...limits, onLimit: "evict-oldest" } });
    },
  })),
  "create ignores replaces": breaks("ends the replaced one in the same step", (good) => ({
    create: (record, { replaces: _ignored, ...options }) => good.create(record, options),
  })),
  "replaces ignores the data version": breaks(
    "data of the session to be replaced moved on",
    (good) => ({
      async create(record, options) {
        const { replaces } = options;
        if (replaces === undefined) return good.create(record, options);
        const dataVersion = (await good.find(replaces.ref))?.dataVersion ?? 0;
        return good.create(record, { ...options, replaces: { ...replaces, dataVersion } });
      },
    }),
  ),
  "replace overwrites whatever the version": breaks("made on another version", (good) => ({
    async replace(record) {
      const stored = await good.find(record);
      return good.replace(record, stored?.record.version ?? 0);
    },
  })),
  "replace revives an ended session": breaks(
    "refuses decisions on a session that was revoked",
    (good) => ({
      async replace(record, version) {
        const result = await good.replace(record, version);
        if (result === "gone") await resurrect(good, record);
        return result;
      },
    }),
  ),
  "replace is an upsert": breaks("creates nothing by looking or replacing", (good) => ({
    async replace(record, version) {
      if ((await good.find(record)) !== undefined) return good.replace(record, version);
      await good.create(record, { now: record.createdAt });
      return "replaced";
    },
  })),
  "replace writes activity back": breaks("when a touch came between load and write", (good) => ({
    async replace(record, version) {
      const result = await good.replace(record, version);
      const stored = await good.find(record);
      if (result === "replaced" && stored !== undefined) {
        rewrite(good, { ...stored, record: { ...stored.record, seenAt: record.seenAt } });
      }
      return result;
    },
  })),
  "data writes overwrite the whole": breaks("keys of 20 simultaneous writers", (good) => ({
    async patchData(ref, operations, expected) {
      const before = await read(good, ref);
      const result = await good.patchData(ref, operations, expected);
      const after = await good.find(ref);
      if (before !== undefined && after !== undefined) {
        const sets = operations.flatMap((one) => (one.op === "set" ? [[one.key, one.value]] : []));
        rewrite(good, { ...after, data: { ...before.data, ...Object.fromEntries(sets) } });
      }
      return result;
    },
  })),
  "data writes ignore the expected version": breaks("not at the expected version", (good) => ({
    patchData: (ref, operations) => good.patchData(ref, operations),
  })),
  "data writes to ended sessions say they were made": breaks(
    "refuses data for a session that is absent",
    (good) => ({
      async patchData(ref, operations, expected) {
        const result = await good.patchData(ref, operations, expected);
        return result.outcome === "gone" ? { outcome: "patched", dataVersion: 1 } : result;
      },
    }),
  ),
  "data swallows __proto__": breaks("any text as key and as value", (good) => ({
    patchData: (ref, operations, expected) =>
      good.patchData(
        ref,
        operations.filter((one) => one.key !== "__proto__"),
        expected,
      ),
  })),
  "touch goes back": breaks("keeps the latest activity and leaves", (good) => ({
    async touch(batch) {
      const results = await good.touch(batch);
      for (const { ref, seenAt } of batch) {
        const stored = await good.find(ref);
        if (stored === undefined || seenAt === undefined) continue;
        rewrite(good, { ...stored, record: { ...stored.record, seenAt } });
      }
      return results;
    },
  })),
  "touch renews a session past its deadline": breaks(
    "never revives a session by activity",
    (good) => ({
      async touch(batch) {
        const results = await good.touch(batch);
        return results.map((result, index) =>
          batch[index]?.seenAt === undefined ? result : "touched",
        );
      },
    }),
  ),
  "touch answers in another order": breaks("answers every entry of a batch", (good) => ({
    touch: async (batch) => (await good.touch(batch)).toReversed(),
  })),
  "revoke keeps the last end": breaks("keeps the first end, its cause", (good) => ({
    async revoke(ref, end, options) {
      const result = await good.revoke(ref, end, options);
      const stored = await good.find(ref);
      if (stored !== undefined) rewrite(good, { ...stored, record: { ...stored.record, end } });
      return result;
    },
  })),
  "revoke leaves no tombstone": breaks("revoked with a tombstone", (good) => ({
    revoke: (ref, end, { tombstoneUntil: _ignored, ...options }) => good.revoke(ref, end, options),
  })),
  "revoke reports the end to everyone": breaks("one of 20 simultaneous revocations", (good) => ({
    async revoke(ref, end, options) {
      const result = await good.revoke(ref, end, options);
      return result.outcome === "already" ? { ...result, outcome: "ended" } : result;
    },
  })),
  "revoke-all reads only the first page": breaks("ends all of 450", (good) => ({
    async revokeSubject(tenant, subject, options) {
      const { items } = await good.listBySubject(tenant, subject, { now: options.now });
      const ended = [];
      for (const record of items) {
        if (record.id === options.except) continue;
        await good.revoke(record, options.end, { now: options.now });
        ended.push({ record, end: options.end });
      }
      return { epoch: 1, before: 0, ended, durability: "memory" };
    },
  })),
  "revoke-all does not leap": breaks("raises the epoch above one", (good) => ({
    revokeSubject: (tenant, subject, { above: _ignored, ...options }) =>
      good.revokeSubject(tenant, subject, options),
  })),
  "revoke-all forgets to raise the excepted": breaks("keeps the excepted session", (good) => ({
    revokeSubject: (tenant, subject, { except: _ignored, ...options }) =>
      good.revokeSubject(tenant, subject, options),
  })),
  "lists show expired sessions": breaks("to the millisecond", (good) => ({
    listBySubject: (who, name, page) => good.listBySubject(who, name, { ...page, now: 0 }),
  })),
  "lists page by offset": breaks("keeps pages stable", (good) => ({
    async listBySubject(tenant, subject, { now, cursor, limit = 50 }) {
      const { items } = await good.listBySubject(tenant, subject, { now, limit: 200 });
      const from = Number(cursor ?? 0) || 0;
      const more = from + limit < items.length ? { cursor: String(from + limit) } : {};
      return { items: items.slice(from, from + limit), ...more };
    },
  })),
  "sweep ends what was renewed since it looked": breaks(
    "what a simultaneous touch renewed",
    (good) => ({
      async touch(batch) {
        await good.sweep({ now: 1_800_000_000_000 + 30 * 60_000, limit: 1000 });
        return (await good.touch(batch)).map(() => "touched");
      },
    }),
  ),
  "sweep tells its own time as the end": breaks("tells the earlier deadline", (good) => ({
    async sweep(options) {
      const result = await good.sweep(options);
      const ended = result.ended.map((one) => ({ ...one, end: { ...one.end, at: options.now } }));
      return { ...result, ended };
    },
  })),
  "sweep is one millisecond late": breaks("not one millisecond before", (good) => ({
    sweep: (options) => good.sweep({ ...options, now: options.now - 1 }),
  })),
  "sweep purges without being asked": breaks("nothing unless asked", (good) => ({
    sweep: (options) => good.sweep({ purgeBefore: options.now, ...options }),
  })),
  "apply revives": breaks("never makes an ended or purged", (good) => ({
    async apply(deltas, origin) {
      await good.apply(deltas, origin);
      for (const delta of deltas) {
        if (delta.kind === "session") await resurrect(good, delta.session.record);
      }
    },
  })),
  "apply takes the last copy": breaks("whatever the order and repetition", (good) => ({
    async apply(deltas, origin) {
      await good.apply(deltas, origin);
      for (const delta of deltas) if (delta.kind === "session") rewrite(good, delta.session);
    },
  })),
  "the tail repeats itself": breaks("delivers each change of state once", (good) => ({
    tail(from, handlers) {
      const change: typeof handlers.change = (one) => {
        handlers.change(one);
        handlers.change(one);
      };
      return good.tail(from, { ...handlers, change });
    },
  })),
  "the tail forgets ends": breaks("delivers the end of evicted", (good) => ({
    tail(from, handlers) {
      const change: typeof handlers.change = (one) => {
        if (one.kind !== "session" || one.what !== "ended") handlers.change(one);
      };
      return good.tail(from, { ...handlers, change });
    },
  })),
  "the tail proves its freshness by the wall clock": breaks("proves its freshness", (good) => ({
    tail(from, handlers) {
      const frontier = (position: string): void => handlers.frontier?.(position, Date.now());
      return good.tail(from, { ...handlers, frontier });
    },
  })),
  "the tail is fresh once, then silent": breaks("proves its freshness", (good) => ({
    tail(from, handlers) {
      let proofs = 0;
      const frontier = (position: string, askedAt: number): void => {
        proofs += 1;
        if (proofs < 5) handlers.frontier?.(position, askedAt);
      };
      return good.tail(from, { ...handlers, frontier });
    },
  })),
  "the tail proves what it has yet to tell": breaks("proves nothing that", (good) => ({
    tail(from, handlers) {
      const change = (told: Parameters<typeof handlers.change>[0]): void => {
        setTimeout(() => handlers.change(told), 20);
      };
      return good.tail(from, { ...handlers, change });
    },
  })),
  "the tail hides gaps": breaks("tells of a gap", (good) => ({
    tail(from, { gap: _ignored, ...handlers }) {
      return good.tail(from, handlers);
    },
  })),
  "purging leaves the ids free": breaks("never re-creates an id that was purged", (good) => ({
    async create(record, options) {
      const result = await good.create(record, options);
      const free = result.outcome === "exists" && (await good.find(record)) === undefined;
      return free ? { outcome: "created", record, evicted: [], durability: "memory" } : result;
    },
  })),
  "tenant and subject are joined with a colon": breaks(
    "whatever separators they contain",
    (good) => ({
      listBySubject: (tenant, subject, page) => {
        const [first = "", ...rest] = `${tenant}:${subject}`.split(":");
        return good.listBySubject(first, rest.join(":"), page);
      },
      revokeSubject: (tenant, subject, options) => {
        const [first = "", ...rest] = `${tenant}:${subject}`.split(":");
        return good.revokeSubject(first, rest.join(":"), options);
      },
    }),
  ),
};

/** A good store with some methods replaced. Reads tell the lies that sabotaged writes left. */
function sabotaged(how: Sabotage): SessionStore {
  const good = new MemoryStore();
  const methods: Methods = { find: (ref) => read(good, ref), ...how(good) };
  return new Proxy<SessionStore>(good, {
    get(target, name) {
      const own = (methods as Record<string | symbol, unknown>)[name];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const cases = storeCasesFor(new MemoryStore().capabilities);

describe("the store contract notices a store where", () => {
  // Waiting for what never comes must not take the time it takes.
  beforeAll(() => {
    vi.stubGlobal("setTimeout", setImmediate);
    const running = new Set<object>();
    vi.stubGlobal("clearInterval", (timer: object) => running.delete(timer));
    vi.stubGlobal("setInterval", (run: () => void) => {
      const timer = { unref: () => undefined };
      const turn = (): void => {
        if (!running.has(timer)) return;
        run();
        setImmediate(turn);
      };
      running.add(timer);
      setImmediate(turn);
      return timer;
    });
  });
  afterAll(() => void vi.unstubAllGlobals());

  it.each(Object.entries(sabotages).map(([name, broken]) => ({ name, ...broken })))(
    "$name",
    async ({ promise, how }) => {
      const concerned = cases.filter((one) => one.name.includes(promise));
      expect(concerned).toHaveLength(1);
      const run = concerned[0]!.run(sabotaged(how), caseKit({ seed: 1 }));
      await expect(run).rejects.toBeInstanceOf(CaseFailure);
    },
  );

  it("nothing is broken: then no case fails", async () => {
    const store = sabotaged(() => ({}));
    const kit = caseKit({ seed: 1 });
    for (const { run } of cases) await run(store, kit);
  });
});
