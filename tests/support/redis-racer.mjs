/**
 * One more process on a Redis: `node redis-racer.mjs '{"url", "act", …}'`. It says `ready`, begins
 * at a line on its standard input, and prints what its calls answered as JSON.
 */
import { once } from "node:events";
import { createClient } from "redis";
import { RedisStore } from "sojourn/stores/redis";

/** @typedef {import("sojourn").SessionRecord} SessionRecord */

/**
 * @type {{ url: string, act: "create" | "patch" | "replace", now: number, times: number,
 *   name: string, record: SessionRecord, ids?: readonly string[] }}
 */
const plan = JSON.parse(process.argv[2] ?? "");
const client = createClient({ url: plan.url, disableOfflineQueue: true });
const store = new RedisStore({ client, acceptRisks: ["no-aof"] });
await store.check();
console.log("ready");
await once(process.stdin, "data");

const { record, now, name } = plan;
/** @param {number} index @returns {Promise<unknown>} */
async function act(index) {
  switch (plan.act) {
    case "create": {
      const fresh = { ...record, id: plan.ids?.[index] ?? "" };
      const limits = { max: 3, onLimit: /** @type {const} */ ("reject") };
      return (await store.create(fresh, { now, limits })).outcome;
    }
    case "patch": {
      const operation = /** @type {const} */ ({ op: "set", key: `${name}-${index}`, value: "1" });
      return (await store.patchData(record, [operation])).outcome;
    }
    case "replace": {
      const stored = await store.find(record);
      if (stored === undefined || stored.record.state === "ended") return "gone";
      const decided = { ...stored.record, client: `${name}-${index}` };
      return store.replace(decided, stored.record.version);
    }
  }
}
const answers = await Promise.all(Array.from({ length: plan.times }, (_, index) => act(index)));
console.log(JSON.stringify(answers));
await store.close();
process.exit(0);
