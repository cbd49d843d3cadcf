/** What several processes do to one PostgreSQL database at the same time. I1–I5. */
import type { SessionRecord } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import { startRacer } from "../support/racers.ts";
import type { RacerPlan } from "../support/racers.ts";

const PROCESSES = ["a", "b", "c", "d"] as const;

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const kit = caseKit({ seed });
const engine = await startPostgres();
const pool = poolTo(engine.url, 8);
const store = new PostgresStore({ pool });
const racers = PROCESSES.map(() => startRacer(engine.url));
const { now } = kit;
const end = { reason: "revoked", at: now, actor: "parent" } as const;

beforeAll(() => store.health());

afterAll(async () => {
  await Promise.all(racers.map((racer) => racer.stop()));
  await store.close();
  await pool.end();
  await engine.stop();
});

type Act = Omit<RacerPlan, "now" | "name">;

/** All processes hold a plan; what is returned lets them begin, at once. */
async function crowd(plan: Act): Promise<() => Promise<readonly string[]>> {
  const starts = await Promise.all(
    racers.map((racer, index) => {
      const ids = Array.from({ length: plan.times }, () => kit.id());
      return racer.ready({ ...plan, now, ids, name: PROCESSES[index] ?? "" });
    }),
  );
  return async () => (await Promise.all(starts.map((go) => go()))).flat();
}

async function raced(plan: Act): Promise<readonly string[]> {
  const go = await crowd(plan);
  return go();
}

function times(answers: readonly string[], wanted: string): number {
  return answers.filter((answer) => answer === wanted).length;
}

async function opened(): Promise<SessionRecord> {
  const record = kit.recordOf({ tenant: kit.tenant() });
  await store.create(record, { now });
  return record;
}

async function liveOf(tenant: string): Promise<number> {
  return (await store.listBySubject(tenant, "alice", { now, limit: 200 })).items.length;
}

describe(`four processes on one PostgreSQL database (seed ${seed})`, () => {
  it.each(["reject", "evict-oldest"] as const)(
    "[DE-03] keep exactly 3 of 52 parallel logins with a limit of 3 (%s)",
    async (onLimit) => {
      const record = kit.recordOf({ tenant: kit.tenant() });
      const answers = await raced({ act: "create", times: 13, record, onLimit });
      expect(times(answers, "created")).toBe(onLimit === "reject" ? 3 : 52);
      expect(await liveOf(record.tenant)).toBe(3);
    },
  );

  it("[RT-02] let exactly one of 100 rotations of the same version win", async () => {
    const record = await opened();
    const answers = await raced({ act: "decide", times: 25, record });
    expect(times(answers, "replaced")).toBe(1);
    expect(times(answers, "conflict")).toBe(99);
    const { record: found } = (await store.find(record)) ?? {};
    const winner = answers.indexOf("replaced");
    expect(found?.version).toBe(2);
    expect(found?.client).toBe(`${PROCESSES[Math.floor(winner / 25)]}-${winner % 25}`);
  });

  it("keep every one of 160 keys that they write into one session (I4)", async () => {
    const record = await opened();
    const answers = await raced({ act: "patch", times: 40, record });
    expect(times(answers, "patched")).toBe(160);
    const found = await store.find(record);
    expect(Object.keys(found?.data ?? {})).toHaveLength(160);
    expect(found?.dataVersion).toBe(160);
  });

  it.each(["patch", "replace", "touch"] as const)(
    "change nothing by %s once a revocation was acknowledged (I1, I2)",
    async (act) => {
      const record = await opened();
      const before = await store.find(record);
      const go = await crowd({ act, times: 300, record });
      const answering = go();
      // In the midst of them.
      await expect
        .poll(() => store.find(record), { interval: 2, timeout: 10_000 })
        .not.toEqual(before);
      await store.revoke(record, end, { now });
      const acknowledged = await store.find(record);
      const answers = await answering;
      expect(await store.find(record)).toEqual(acknowledged);
      expect(acknowledged?.record.end).toEqual(end);
      expect(times(answers, "gone")).toBeGreaterThan(0);
    },
  );

  it("end a session once, whoever of them is told so (I2)", async () => {
    const record = await opened();
    const answers = await raced({ act: "revoke", times: 20, record });
    expect(times(answers, "ended")).toBe(1);
    expect(times(answers, "already")).toBe(79);
    const winner = PROCESSES[Math.floor(answers.indexOf("ended") / 20)];
    expect((await store.find(record))?.record.end).toEqual({ ...end, actor: winner });
  });

  it("leave no session live whose login began before a revoke-all (I5)", async () => {
    const record = kit.recordOf({ tenant: kit.tenant() });
    const go = await crowd({ act: "login", times: 150, record, subjectEpoch: 0 });
    const answering = go();
    await expect
      .poll(() => liveOf(record.tenant), { interval: 2, timeout: 10_000 })
      .toBeGreaterThan(5);
    const { epoch, ended } = await store.revokeSubject(record.tenant, "alice", { now, end });
    const answers = await answering;
    expect(epoch).toBe(1);
    expect(times(answers, "created") + times(answers, "stale-epoch")).toBe(600);
    expect(times(answers, "created")).toBe(ended.length);
    expect(times(answers, "stale-epoch")).toBeGreaterThan(0);
    expect(await liveOf(record.tenant)).toBe(0);
  });
});
