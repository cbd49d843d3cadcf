/** A long random walk over every operation, with what must hold after each step. */
import type { SessionStore, StoredSession } from "../../engine/ports.ts";
import { isLive } from "../../engine/liveness.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { CaseFailure, hold, same } from "../expect.ts";
import { handles, IDLE_MS, MINUTE_MS, opened, refOf, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { idsIn, listed } from "./list.ts";
import { sweepAll } from "./sweep.ts";

const SUBJECTS = ["alice", "bob"];
const STEPS = 250;

interface Walk {
  readonly kit: CaseKit;
  readonly tenant: string;
  readonly now: number;
  /** Every session ever opened, as first opened. */
  readonly records: readonly SessionRecord[];
}

type Step = (store: SessionStore, walk: Walk) => Promise<unknown>;

/** Each as an honest node does it: read, decide, write; or write without reading. */
const STEP_KINDS: readonly Step[] = [
  async (store, { kit, tenant, now }) => {
    const record = kit.recordOf({ tenant, subject: kit.random.pick(SUBJECTS), createdAt: now });
    const onLimit = kit.random.pick(["reject", "evict-oldest", "evict-idle"] as const);
    await store.create(record, { now, limits: { max: 3, onLimit }, data: { a: "0" } });
  },
  (store, walk) => store.touch([{ ref: pick(walk), seenAt: walk.now }]),
  async (store, walk) => {
    const ref = pick(walk);
    const stored = await store.find(ref);
    if (stored === undefined || !live(stored, walk.now)) return;
    const decided = { ...stored.record, seenAt: walk.now, client: `c${walk.now}` };
    await store.replace(decided, stored.record.version);
  },
  (store, walk) => {
    const key = walk.kit.random.pick(["a", "b", "c"]);
    return store.patchData(pick(walk), [{ op: "set", key, value: `${walk.now}` }]);
  },
  (store, walk) => store.revoke(pick(walk), revoked(walk.now), { now: walk.now }),
  (store, { kit, tenant, now, records }) => {
    const except = kit.random.chance(0.5) ? kit.random.pick(records).id : undefined;
    const options = { now, end: revoked(now), ...(except === undefined ? {} : { except }) };
    return store.revokeSubject(tenant, kit.random.pick(SUBJECTS), options);
  },
  (store, { tenant, now }) => sweepAll(store, tenant, now),
  async (store, walk) => {
    const stored = await store.find(pick(walk));
    if (stored !== undefined) await store.apply([{ kind: "session", session: stored }], "copy");
  },
  (store, walk) => {
    const record = walk.kit.random.pick(walk.records);
    const session = { record, data: {}, dataVersion: 0, subjectEpoch: 0 };
    return store.apply([{ kind: "session", session }], "stale copy");
  },
];

function pick({ kit, records }: Walk): SessionRecord {
  return kit.random.pick(records);
}

function live(stored: StoredSession, now: number): boolean {
  return isLive(stored.record, stored.subjectEpoch, now);
}

/** What may never go back between two reads of one session. */
function assertForward(before: StoredSession, after: StoredSession | undefined): void {
  if (after === undefined) throw new CaseFailure("nothing is purged here, yet a session is gone");
  if (before.record.state === "ended") {
    same(after.record.state, "ended", "nothing leaves `ended` (I1)");
    same(after.record.end, before.record.end, "the first end is kept (I2)");
    same(after.data, before.data, "an ended session's data are frozen");
  }
  hold(after.record.version >= before.record.version, "the version never goes back");
  hold(after.dataVersion >= before.dataVersion, "the data version never goes back (I4)");
  hold(after.record.seenAt >= before.record.seenAt, "activity never goes back");
  hold(after.record.epoch >= before.record.epoch, "a session's epoch never goes back");
  hold(after.subjectEpoch >= before.subjectEpoch, "the subject's epoch never goes back (I5)");
  const moved = after.record.absoluteExpiresAt - before.record.absoluteExpiresAt;
  hold(moved <= 0, "the absolute end never moves later (I11)");
}

export const walkCases: readonly StoreCase[] = [
  {
    name: "keeps I1, I2, I4, I5 and I11 after every one of some hundred random steps in parallel",
    slow: true,
    async run(store, kit) {
      const stores = handles(store, kit);
      const tenant = kit.tenant();
      const records: SessionRecord[] = [];
      const seen = new Map<string, StoredSession>();
      let now = kit.now;
      for (let step = 0; step < STEPS; step += 1) {
        now += kit.random.pick([1, 1000, MINUTE_MS, IDLE_MS / 3]);
        if (records.length < 8 || kit.random.chance(0.2)) {
          const subject = kit.random.pick(SUBJECTS);
          const record = kit.recordOf({ tenant, subject, createdAt: now, roles: [`${step}`] });
          await opened(store, record);
          records.push(record);
          if (records.length > 12) records.shift();
        }
        const walk: Walk = { kit, tenant, now, records };
        const parallel = Array.from({ length: kit.random.int(1, 4) }, () =>
          kit.random.pick(STEP_KINDS)(kit.random.pick(stores), walk),
        );
        await Promise.all(parallel);
        for (const record of records) {
          const after = await store.find(refOf(record));
          const before = seen.get(record.id);
          if (before !== undefined) assertForward(before, after);
          if (after !== undefined) seen.set(record.id, after);
        }
        for (const subject of SUBJECTS) {
          const list = await listed(store, tenant, subject, now);
          const expected = records.filter((record) => {
            const stored = seen.get(record.id);
            return record.subject === subject && stored !== undefined && live(stored, now);
          });
          const listedIds = new Set(idsIn(list));
          for (const { id } of expected)
            hold(listedIds.has(id), "every live session is listed (I5)");
          const ended = records.filter((record) => !expected.includes(record));
          for (const { id } of ended) hold(!listedIds.has(id), "no ended session is listed");
        }
      }
    },
  },
];
