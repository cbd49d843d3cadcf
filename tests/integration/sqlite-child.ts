/** A process of its own on a shared SQLite file; `sqlite-processes.test.ts` tells it what to do. */
import type { SessionRecord } from "../../packages/sojourn/src/engine/record.ts";
import { SqliteStore } from "../../packages/sojourn/src/stores/sqlite.ts";
import { caseKit } from "../../packages/sojourn/src/testing/store-case.ts";

export type Task =
  | { readonly task: "open"; readonly file: string; readonly name: string }
  | { readonly task: "count"; readonly record: SessionRecord; readonly times: number }
  | { readonly task: "keys"; readonly record: SessionRecord; readonly prefix: string }
  | {
      readonly task: "create";
      readonly subject: string;
      readonly times: number;
      readonly max: number;
    }
  | { readonly task: "revoke"; readonly record: SessionRecord }
  | { readonly task: "saturate"; readonly record: SessionRecord; readonly forMs: number }
  | { readonly task: "storm" };

/** What the storm says after the store has acknowledged it. */
export type Acknowledged =
  | { readonly created: string }
  | { readonly revoked: string }
  | { readonly patched: string; readonly value: string };

const [path = "", seed = "0"] = process.argv.slice(2);
const store = new SqliteStore({ path });
const kit = caseKit({ seed: Number(seed) });
const tenant = "t";

async function run(task: Task): Promise<unknown> {
  switch (task.task) {
    case "open":
      return openFile(task.file, task.name);
    case "count":
      return count(task.record, task.times);
    case "keys":
      return keys(task.record, task.prefix);
    case "create":
      return create(task.subject, task.times, task.max);
    case "revoke":
      return store.revoke(task.record, { reason: "logout", at: kit.now }, { now: kit.now });
    case "saturate":
      return saturate(task.record, task.forMs);
    case "storm":
      return storm();
  }
}

async function openFile(file: string, name: string): Promise<unknown> {
  const fresh = new SqliteStore({ path: file });
  await fresh.create(kit.recordOf({ tenant, subject: name }), { now: kit.now });
  const kept = await fresh.installation({ id: name, bucketKey: name });
  await fresh.close();
  return kept;
}

/** Add 1 as often as asked, each time onto the data version that was read. */
async function count(record: SessionRecord, times: number): Promise<number> {
  let lost = 0;
  for (let done = 0; done < times;) {
    const found = await store.find(record);
    const next = Number(found?.data["n"] ?? 0) + 1;
    const operation = { op: "set", key: "n", value: String(next) } as const;
    const result = await store.patchData(record, [operation], found?.dataVersion ?? 0);
    if (result.outcome === "patched") done += 1;
    else lost += 1;
  }
  return lost;
}

async function keys(record: SessionRecord, prefix: string): Promise<void> {
  for (let n = 0; n < 100; n += 1) {
    await store.patchData(record, [{ op: "set", key: `${prefix}${n}`, value: "1" }]);
  }
}

async function create(subject: string, times: number, max: number): Promise<number> {
  const results = await Promise.all(
    Array.from({ length: times }, () =>
      store.create(kit.recordOf({ tenant, subject }), {
        now: kit.now,
        limits: { max, onLimit: "reject" },
      }),
    ),
  );
  return results.filter((result) => result.outcome === "created").length;
}

/** Write without a pause. @returns how many writes, and the longest wait in milliseconds. */
async function saturate(record: SessionRecord, forMs: number): Promise<[number, number]> {
  const until = performance.now() + forMs;
  let writes = 0;
  let longestMs = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = performance.now();
      await store.patchData(record, [{ op: "set", key: "k", value: String(writes) }]);
      writes += 1;
      longestMs = Math.max(longestMs, performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: 32 }, writer));
  return [writes, longestMs];
}

/** Create, change and revoke until killed; each acknowledgement is told as soon as it is there. */
async function storm(): Promise<void> {
  const tell = (acknowledged: Acknowledged): void => void process.send?.({ acknowledged });
  const worker = async (): Promise<void> => {
    for (let n = 0; ; n += 1) {
      const record = kit.recordOf({ tenant, subject: `s${n % 7}` });
      await store.create(record, { now: kit.now, data: { a: "0", b: "0" } });
      tell({ created: record.id });
      const value = String(n + 1);
      const both = ["a", "b"].map((key) => ({ op: "set", key, value }) as const);
      await store.patchData(record, both);
      tell({ patched: record.id, value });
      if (n % 2 === 0) continue;
      await store.revoke(record, { reason: "revoked", at: kit.now }, { now: kit.now });
      tell({ revoked: record.id });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

process.on("message", (task: Task) => {
  run(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => void store.close());
process.send?.({ ready: true });
