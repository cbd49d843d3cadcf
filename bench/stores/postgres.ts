/**
 * PostgreSQL: each kind of statement through the store beside the bare driver sending the same
 * statements to twins of the tables, what a session takes, and how soon others hear of an end.
 */
import { Pool } from "pg";
import { PostgresStore } from "sojourn/stores/postgres";
import type { SessionRecord } from "sojourn";
import { startPostgres } from "../../tools/engines.mjs";
import { FULL, median } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost, round } from "../report.ts";
import type { Section } from "../report.ts";
import { crowdName, DATA_BYTES, randomText, recordMaker, withSuccessor } from "../sqlite/world.ts";
import type { RecordMaker } from "../sqlite/world.ts";
import { crowdEndMs } from "./crowds.ts";
import { duel, recording } from "./duel.ts";
import type { Duellists, Kind, Outcome } from "./duel.ts";

const SESSIONS = { full: 100_000, quick: 20_000 } as const;
const SESSIONS_PER_SUBJECT = 4;
/** Connections of each side, and callers at once. */
const AT_ONCE = 16;
/** As many as the write-behind of activity sends at most. */
const TOUCHES = 512;
const FOLLOWERS = 8;
const CROWD = 1000;
const REVOKED: SessionRecord["end"] & object = { reason: "revoked", at: 1 };

export async function postgres(effort: Effort): Promise<Section> {
  // Durable as in life: the tests' server does not sync.
  const engine = await startPostgres({
    args: ["-c", "fsync=on", "-c", "full_page_writes=on", "-c", "shared_buffers=256MB"],
  });
  const pools = [0, 1].map(() => new Pool({ connectionString: engine.url, max: AT_ONCE }));
  for (const pool of pools) pool.on("error", () => undefined);
  const [pool, barePool] = pools as [Pool, Pool];
  try {
    const calls = recording(pool);
    const store = new PostgresStore({ pool: calls.pool, schema: "ours" });
    const twin = new PostgresStore({ pool: barePool, schema: "bare" });
    const sides: Duellists = { calls, bare: barePool, from: '"ours".', to: '"bare".' };
    return await measured({ store, twin, sides, url: engine.url }, effort);
  } finally {
    await Promise.all(pools.map((one) => one.end()));
    await engine.stop();
  }
}

interface World {
  readonly store: PostgresStore;
  readonly twin: PostgresStore;
  readonly sides: Duellists;
  readonly url: string;
}

async function measured(world: World, effort: Effort): Promise<Section> {
  const maker = await recordMaker();
  const count = effort.samples < FULL.samples ? SESSIONS.quick : SESSIONS.full;
  const now = Date.now();
  const records = await seed(world, maker, { count, now });
  const bytes = await bytesPerSession(world, count);
  const rounds = effort.samples * 2;
  const outcomes: Outcome[] = [];
  for (const kind of kinds(world.store, maker, { records, now })) {
    outcomes.push(await duel(kind, world.sides, rounds));
  }
  outcomes.push(await duel(preparedFind(world, records), world.sides, rounds));
  const crowdsMs: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const crowd = { subject: crowdName(turn), size: CROWD };
    crowdsMs.push(await crowdEndMs(world.store, maker, crowd));
  }
  const lags = await lagsOfFollowers(world, maker, { now, rounds: effort.samples * 6 });
  const lag = (part: number): number =>
    lags.toSorted((a, b) => a - b)[Math.floor(lags.length * part)] ?? Number.NaN;
  const shown = count.toLocaleString("en");
  const rate = (name: string): number =>
    outcomes.find((one) => one.name === name)?.figures[0].perSecond ?? Number.NaN;
  return {
    title: `PostgreSQL: ${AT_ONCE} callers at once beside the same statements from the bare driver`,
    figures: outcomes.flatMap(({ figures }) => figures),
    goals: [
      atMost(
        `table and indexes at ${shown} sessions with a successor`,
        bytes,
        560,
        "B per session",
      ),
      ...outcomes.map(({ name, percent }) => atLeast(`${name} ÷ bare driver`, percent, 80, "%")),
      atLeast("touches", rate("touch"), 10_000, "/s"),
      atLeast("refreshes (decisions)", rate("decide"), 1500, "/s"),
      atMost(`revoked → heard by ${FOLLOWERS} followers, p99`, lag(0.99), 300, "ms"),
      atMost(`revoke-all of ${CROWD} sessions, index included`, median(crowdsMs), 30, "ms"),
    ],
    notes: [
      `fsync on; ${DATA_BYTES} B of data; ${SESSIONS_PER_SUBJECT} sessions per subject; ` +
        `touches in batches of ${TOUCHES}; followers poll every 100 ms`,
      `processor time of this process in percent of the bare driver's: ${outcomes
        .map(({ name, cpuPercent }) => `${name} ${Math.round(cpuPercent)}`)
        .join(", ")}`,
      `revoked → heard: median ${round(lag(0.5))} ms, p95 ${round(lag(0.95))} ms`,
    ],
  };
}

/** The same sessions on both sides, each with a pending successor. */
async function seed(
  { store, twin, sides }: World,
  maker: RecordMaker,
  plan: { readonly count: number; readonly now: number },
): Promise<SessionRecord[]> {
  const { count, now } = plan;
  const records = Array.from({ length: count }, (_, index) => {
    // Subjects come in no order, as in life.
    const who = (Math.floor(index / SESSIONS_PER_SUBJECT) * 618_033_989) % 1_000_000_000;
    const subject = `user-${String(who).padStart(9, "0")}`;
    return withSuccessor(maker.make(subject, now - 600_000 + Math.floor(index / 10)));
  });
  const queue = records.values();
  const worker = async (): Promise<void> => {
    for (const record of queue) {
      const options = { now: record.createdAt, data: maker.data };
      await Promise.all([store.create(record, options), twin.create(record, options)]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  sides.calls.take();
  await sides.bare.query("ANALYZE");
  return records;
}

async function bytesPerSession({ sides }: World, count: number): Promise<number> {
  const { rows } = await sides.bare.query<{ bytes: string }>(
    "SELECT pg_total_relation_size('ours.session') AS bytes",
  );
  return Number(rows[0]?.bytes) / count;
}

/** Each kind goes through the records on its own, so that none meets what another ended. */
function kinds(
  store: PostgresStore,
  maker: RecordMaker,
  { records, now }: { readonly records: readonly SessionRecord[]; readonly now: number },
): readonly Kind[] {
  let at = 0;
  let turn = 0;
  const versions = new Map<string, number>();
  const next = (): SessionRecord => {
    at = (at + 7919) % records.length;
    return records[at] ?? (records[0] as SessionRecord);
  };
  const end = { ...REVOKED, at: now };
  return [
    { name: "find", operations: 512, work: () => () => store.find(next()) },
    {
      name: "touch",
      operations: 64,
      each: TOUCHES,
      work: () => {
        turn += 1;
        const batch = new Map(Array.from({ length: TOUCHES }, () => [at, next()] as const));
        const touches = [...batch.values()].map((ref) => ({ ref, seenAt: now + turn }));
        return () => store.touch(touches);
      },
    },
    {
      name: "data",
      operations: 256,
      work: () => {
        const record = next();
        return () => store.patchData(record, [{ op: "set", key: "theme", value: '"light"' }]);
      },
    },
    {
      name: "decide",
      operations: 256,
      work: () => {
        const record = next();
        const version = versions.get(record.id) ?? 1;
        versions.set(record.id, version + 1);
        return () => store.replace({ ...record, client: "web" }, version);
      },
    },
    {
      name: "open",
      operations: 256,
      work: () => {
        const record = maker.make(`new-${randomText(6)}`, now);
        return () => store.create(record, { now, data: maker.data });
      },
    },
    {
      name: "revoke",
      operations: 256,
      work: () => {
        const record = next();
        return () => store.revoke(record, end, { now });
      },
    },
  ];
}

/** Where connections are not shared, each may keep the statement: the server plans it once. */
function preparedFind(world: World, records: readonly SessionRecord[]): Kind {
  const { pool } = world.sides.calls;
  const store = new PostgresStore({ pool, schema: "ours", prepare: true });
  let at = 0;
  return {
    name: "find, prepared",
    operations: 512,
    work: () => {
      at = (at + 7919) % records.length;
      const record = records[at];
      return async () => record && store.find(record);
    },
  };
}

/** From the answer to a revocation until each of the followers, on pools of their own, heard it. */
async function lagsOfFollowers(
  { store, url }: World,
  maker: RecordMaker,
  plan: { readonly now: number; readonly rounds: number },
): Promise<number[]> {
  const pools = Array.from(
    { length: FOLLOWERS },
    () => new Pool({ connectionString: url, max: 1 }),
  );
  const heardAt = new Map<string, number[]>();
  const following: Promise<void>[] = [];
  const followers = pools.map((pool) => {
    pool.on("error", () => undefined);
    const follower = new PostgresStore({ pool, schema: "ours" });
    let begun = (): void => undefined;
    following.push(new Promise((resolve) => void (begun = resolve)));
    follower.tail("now", {
      frontier: () => begun(),
      change: (change) => {
        if (change.kind !== "session" || change.what !== "ended") return;
        heardAt.get(change.ref.id)?.push(performance.now());
      },
    });
    return follower;
  });
  await Promise.all(following);
  const lags: number[] = [];
  for (let turn = 0; turn < plan.rounds; turn += 1) {
    const record = maker.make("follower", plan.now);
    await store.create(record, { now: plan.now });
    const heard: number[] = [];
    heardAt.set(record.id, heard);
    await store.revoke(record, REVOKED, { now: plan.now });
    const acknowledged = performance.now();
    while (heard.length < FOLLOWERS) await new Promise((done) => void setTimeout(done, 5));
    lags.push(...heard.map((at) => Math.max(0, at - acknowledged)));
  }
  await Promise.all(followers.map((follower) => follower.close()));
  await Promise.all(pools.map((pool) => pool.end()));
  return lags;
}
