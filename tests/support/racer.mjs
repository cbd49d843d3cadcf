/**
 * One more process on a store: `node racer.mjs URL`. For each plan, a line of JSON on its standard
 * input, it says `ready`, begins at the next line, and prints what its calls answered as JSON.
 */
import { createInterface } from "node:readline";
import pg from "pg";
import { createClient } from "redis";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";

/** @typedef {import("./racers.ts").RacerPlan} RacerPlan */

const url = process.argv[2] ?? "";
const store = openStore();
await store.health();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
function openStore() {
  if (url.startsWith("postgres:")) {
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    return new PostgresStore({ pool });
  }
  const client = createClient({ url, disableOfflineQueue: true });
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

/** @typedef {(plan: RacerPlan, index: number) => Promise<unknown>} Act */

/** @type {Record<RacerPlan["act"], Act>} */
const acts = {
  create: async ({ record, ids, now, onLimit = "reject" }, index) => {
    const fresh = { ...record, id: ids?.[index] ?? "" };
    return (await store.create(fresh, { now, limits: { max: 3, onLimit } })).outcome;
  },
  login: async ({ record, ids, now, subjectEpoch = 0 }, index) => {
    const fresh = { ...record, id: ids?.[index] ?? "" };
    return (await store.create(fresh, { now, subjectEpoch })).outcome;
  },
  patch: async ({ record, name }, index) => {
    const operation = /** @type {const} */ ({ op: "set", key: `${name}-${index}`, value: "1" });
    return (await store.patchData(record, [operation])).outcome;
  },
  decide: ({ record, name }, index) =>
    store.replace({ ...record, client: `${name}-${index}` }, record.version),
  replace: async ({ record, name }, index) => {
    const stored = await store.find(record);
    if (stored === undefined || stored.record.state === "ended") return "gone";
    const decided = { ...stored.record, client: `${name}-${index}` };
    return store.replace(decided, stored.record.version);
  },
  touch: async ({ record, now }, index) =>
    (await store.touch([{ ref: record, seenAt: now + index }]))[0],
  revoke: async ({ record, name, now }) => {
    const end = /** @type {const} */ ({ reason: "revoked", at: now, actor: name });
    return (await store.revoke(record, end, { now })).outcome;
  },
};

for (;;) {
  const line = await lines.next();
  if (line.done) process.exit(0);
  /** @type {RacerPlan} */
  const plan = JSON.parse(line.value);
  console.log("ready");
  await lines.next();
  const calls = Array.from({ length: plan.times }, (_, index) => acts[plan.act](plan, index));
  console.log(JSON.stringify(await Promise.all(calls)));
}
