/** The tail: each change of state once and in order; touches are none; resumable or honest. */
import type {
  SessionStore,
  StoreCapabilities,
  StoreChange,
  Subscription,
} from "../../engine/ports.ts";
import { eventually, present, same } from "../expect.ts";
import { found, HOUR_MS, IDLE_MS, opened, pendingToken, refOf, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { sweepAll } from "./sweep.ts";
import { proofCases, proves, tenantOf } from "./tail-proofs.ts";

interface Watch {
  readonly subscription: Subscription;
  /** Changes of the tenant so far. */
  readonly changes: readonly StoreChange[];
  readonly gaps: () => number;
  readonly frontiers: readonly string[];
  /** Wait for the change that `marker` makes last. */
  settle(): Promise<void>;
}

/** Listen to one tenant. Settling makes a change of its own and waits for it. */
async function watch(
  store: SessionStore,
  writer: SessionStore,
  { tenant, kit }: { readonly tenant: string; readonly kit: CaseKit },
): Promise<Watch> {
  const changes: StoreChange[] = [];
  const frontiers: string[] = [];
  let gaps = 0;
  let markers = 0;
  const subscription = store.tail("now", {
    change: (change) => void (tenantOf(change) === tenant && changes.push(change)),
    frontier: (position) => void frontiers.push(position),
    gap: () => void (gaps += 1),
    error: (error) => {
      throw error;
    },
  });
  const settle = async (): Promise<void> => {
    markers += 1;
    const subject = kit.beside({ tenant, subject: "alice" }, tenant, `marker-${markers}`);
    await writer.revokeSubject(tenant, subject, { now: 1, end: revoked(1) });
    const arrived = (): boolean =>
      changes.some((change) => change.kind === "subject" && change.subject === subject);
    await eventually(arrived, "a change arrives at the tail");
  };
  // Where "now" is has been asked by then; what another handle writes before may come before it.
  if (proves(store.capabilities)) {
    await eventually(() => frontiers.length > 0, "freshness is proven");
  }
  await settle();
  changes.length = 0;
  return { subscription, changes, gaps: () => gaps, frontiers, settle };
}

/** What happened, without positions and markers. */
function story(changes: readonly StoreChange[]): readonly unknown[] {
  return changes
    .filter((change) => change.kind === "session" || !change.subject.startsWith("marker-"))
    .map(({ position: _position, ...change }) =>
      "keys" in change ? { ...change, keys: change.keys?.toSorted() } : change,
    );
}

/** Make a change and wait until it has arrived, last of all. */
async function nextChange(
  store: SessionStore,
  { tenant, kit }: { readonly tenant: string; readonly kit: CaseKit },
  arrived: readonly StoreChange[],
): Promise<StoreChange> {
  const before = arrived.length;
  const subject = kit.beside({ tenant, subject: "alice" }, tenant, `marker-${before}`);
  await store.revokeSubject(tenant, subject, { now: 1, end: revoked(1) });
  await eventually(() => arrived.length > before, "a later change arrives");
  return present(arrived.at(-1), "the later change");
}

function replayable(capabilities: StoreCapabilities): boolean {
  return capabilities.tail === "replayable";
}

export const tailCases: readonly StoreCase[] = [
  ...proofCases,
  {
    name: "delivers each change of state once and in order, and no touch",
    async run(store, kit) {
      const tenant = kit.tenant();
      const heard = await watch(store, kit.peer ?? store, { tenant, kit });
      const plain = kit.recordOf({ tenant });
      const record = {
        ...plain,
        rotation: { ...plain.rotation, pending: pendingToken(2, kit.now) },
      };
      await opened(store, record);
      await store.touch([
        { ref: record, seenAt: kit.now + 5, sent: { generation: 2, at: kit.now + 5 } },
      ]);
      await store.replace({ ...record, client: "app" }, 1);
      await store.replace({ ...record, client: "stale" }, 1);
      await store.patchData(record, [
        { op: "set", key: "a", value: "1" },
        { op: "delete", key: "b" },
      ]);
      await store.patchData(record, [{ op: "set", key: "a", value: "2" }], 77);
      await store.create(record, { now: kit.now + 6 });
      await store.revoke(record, revoked(kit.now + 7), { now: kit.now + 7 });
      await store.revoke(record, revoked(kit.now + 8), { now: kit.now + 8 });
      await store.patchData(record, [{ op: "set", key: "a", value: "3" }]);
      await heard.settle();
      const about = { kind: "session", ref: refOf(record), subject: "alice" };
      same(
        story(heard.changes),
        [
          { ...about, what: "created" },
          { ...about, what: "changed" },
          { ...about, what: "data", keys: ["a", "b"] },
          { ...about, what: "ended", end: revoked(kit.now + 7) },
        ],
        "the changes",
      );
      heard.subscription.close();
    },
  },
  {
    name: "delivers the end of evicted, replaced, swept and subject-revoked sessions",
    async run(store, kit) {
      const tenant = kit.tenant();
      const heard = await watch(store, kit.peer ?? store, { tenant, kit });
      const record = (offset: number) => kit.recordOf({ tenant, createdAt: kit.now + offset });
      const [evicted, replaced, swept, except, other] = [0, 1, 2, 3, 4].map(record);
      if (!evicted || !replaced || !swept || !except || !other) return;
      await opened(store, evicted);
      await opened(store, replaced, { limits: { max: 1, onLimit: "evict-oldest" } });
      await opened(store, swept, { replaces: { ref: refOf(replaced), dataVersion: 0 } });
      await sweepAll(store, tenant, swept.createdAt + IDLE_MS);
      await opened(store, except);
      await opened(store, other);
      const end = { reason: "subject_revoked", at: kit.now + 9 } as const;
      const { epoch } = await store.revokeSubject(tenant, "alice", {
        now: kit.now + 9,
        except: except.id,
        end,
      });
      await heard.settle();
      const ends = heard.changes.flatMap((change) =>
        change.kind === "session" && change.what === "ended"
          ? [[change.ref.id, change.end?.reason]]
          : [],
      );
      const expected = [
        [evicted.id, "evicted"],
        [replaced.id, "replaced"],
        [swept.id, "idle_timeout"],
        ...(store.capabilities.atomicIndex ? [[other.id, "subject_revoked"]] : []),
      ];
      same(ends, expected, "the ends, in order");
      const subjects = story(heard.changes.filter((change) => change.kind === "subject"));
      same(
        subjects,
        [{ kind: "subject", tenant, subject: "alice", epoch, except: except.id }],
        "epochs",
      );
      heard.subscription.close();
    },
  },
  {
    name: "tells whether a session waits for a factor, and of an absent one that was ended",
    async run(store, kit) {
      const tenant = kit.tenant();
      const heard = await watch(store, kit.peer ?? store, { tenant, kit });
      const record = kit.recordOf({ tenant });
      const locked = { ...record, state: "locked", lockFactors: 1 } as const;
      await opened(store, record);
      await store.replace(locked, 1);
      const end = { reason: "subject_revoked", at: kit.now + 1 } as const;
      await store.revokeSubject(tenant, "alice", { now: kit.now + 1, except: record.id, end });
      await store.replace({ ...record, epoch: 1 }, 2);
      const absent = { tenant, id: kit.id() };
      const now = kit.now + 2;
      const cause = { ...revoked(now), cause: "by hand" };
      await store.revoke(absent, cause, { now, tombstoneUntil: now + HOUR_MS });
      const copied = { ...kit.recordOf({ tenant }), state: "locked", lockFactors: 1 } as const;
      const session = { record: copied, data: {}, dataVersion: 0, subjectEpoch: 0 };
      await store.apply([{ kind: "session", session }], "elsewhere");
      await heard.settle();
      const told = heard.changes.flatMap((change) =>
        change.kind === "session" ? [[change.what, change.locked, change.end?.cause]] : [],
      );
      const expected = [
        ["created", undefined, undefined],
        ["changed", true, undefined],
        ["changed", true, undefined],
        ["changed", undefined, undefined],
        ["ended", undefined, "by hand"],
        ["created", true, undefined],
      ];
      same(told, expected, "what was told");
      heard.subscription.close();
    },
  },
  {
    name: "delivers what arrives by apply, and only what it changed",
    async run(store, kit) {
      const tenant = kit.tenant();
      const heard = await watch(store, kit.peer ?? store, { tenant, kit });
      const record = kit.recordOf({ tenant });
      const session = { record, data: {}, dataVersion: 0, subjectEpoch: 0 };
      const end = revoked(kit.now + 1);
      const seen = { ...session, record: { ...record, seenAt: kit.now + 1 } };
      const ended = { ...session, record: { ...record, state: "ended", end } as const };
      const deltas = [
        { kind: "session", session },
        { kind: "session", session },
        { kind: "session", session: seen },
        { kind: "session", session: ended },
        { kind: "session", session: ended },
        { kind: "session", session },
        { kind: "epoch", tenant, subject: "alice", epoch: 3 },
        { kind: "epoch", tenant, subject: "alice", epoch: 3 },
        { kind: "epoch", tenant, subject: "alice", epoch: 2 },
      ] as const;
      for (const delta of deltas) await store.apply([delta], "elsewhere");
      await heard.settle();
      const about = { kind: "session", ref: refOf(record), subject: "alice" };
      same(
        story(heard.changes),
        [
          { ...about, what: "created" },
          { ...about, what: "ended", end },
          { kind: "subject", tenant, subject: "alice", epoch: 3 },
        ],
        "the changes",
      );
      heard.subscription.close();
    },
  },
  {
    name: "resumes after a position without loss or repetition",
    needs: replayable,
    async run(store, kit) {
      const tenant = kit.tenant();
      const heard = await watch(store, store, { tenant, kit });
      const records = Array.from({ length: 12 }, () => kit.recordOf({ tenant }));
      for (const record of records) await opened(store, record);
      await heard.settle();
      heard.subscription.close();
      const whole = [...heard.changes];
      const positions = whole.map((change) => change.position);
      same(new Set(positions).size, positions.length, "every change has its own position");
      for (const index of [0, 5, whole.length - 1]) {
        const rest: StoreChange[] = [];
        let gaps = 0;
        const resumed = store.tail(whole[index]?.position ?? "", {
          change: (change) => void (tenantOf(change) === tenant && rest.push(change)),
          gap: () => void (gaps += 1),
        });
        const expected = whole.slice(index + 1);
        await eventually(() => rest.length >= expected.length, "the rest arrives");
        const next = await nextChange(store, { tenant, kit }, rest);
        resumed.close();
        same(gaps, 0, "gaps");
        same(rest, [...expected, next], `what came after change ${index}`);
        whole.push(next);
      }
    },
  },
  {
    name: "tells of a gap when it is asked for a position that it does not know",
    async run(store, kit) {
      for (const from of ["no-such-position", "", "another-store:5"]) {
        let gaps = 0;
        const told = { change: () => undefined, gap: () => void (gaps += 1) };
        const subscription = store.tail(from, told);
        const tenant = kit.tenant();
        await opened(store, kit.recordOf({ tenant }));
        await eventually(() => gaps > 0, "a gap is told");
        subscription.close();
      }
    },
  },
  {
    name: "delivers nothing after it was closed, and to others still",
    async run(store, kit) {
      const tenant = kit.tenant();
      const closed = await watch(store, store, { tenant, kit });
      const open = await watch(store, store, { tenant, kit });
      closed.subscription.close();
      closed.subscription.close();
      const before = closed.changes.length;
      await opened(store, kit.recordOf({ tenant }));
      await open.settle();
      same(closed.changes.length, before, "changes told after closing");
      same(story(open.changes).length, 1, "changes told to the other");
      open.subscription.close();
    },
  },
  {
    name: "keeps a write that a handler fails on",
    async run(store, kit) {
      const tenant = kit.tenant();
      const errors: unknown[] = [];
      let failed = 0;
      const subscription = store.tail("now", {
        change: (change) => {
          if (tenantOf(change) !== tenant) return;
          failed += 1;
          throw new Error("a handler's own mistake");
        },
        error: (error) => void errors.push(error),
      });
      const record = kit.recordOf({ tenant });
      for (let tries = 0; tries < 2; tries += 1) {
        await opened(store, kit.recordOf({ tenant }));
      }
      await opened(store, record);
      await eventually(() => failed >= 3 && errors.length >= 3, "the mistakes are told");
      subscription.close();
      same((await found(store, record)).record, record, "the session");
    },
  },
];
