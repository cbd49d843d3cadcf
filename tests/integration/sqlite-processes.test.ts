import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { SqliteStore } from "sojourn/stores/sqlite";
import { caseKit } from "sojourn/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Acknowledged, Task } from "./sqlite-child.ts";

const CHILD = fileURLToPath(new URL("./sqlite-child.ts", import.meta.url));
const tenant = "t";

let directory = "";
let path = "";
let children: ChildProcess[] = [];
let stores: SqliteStore[] = [];
let seeds = 1;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sojourn-processes-"));
  path = join(directory, "sessions.db");
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(stores.map((store) => store.close()));
  children = [];
  stores = [];
  rmSync(directory, { recursive: true, force: true });
});

function open(): SqliteStore {
  const store = new SqliteStore({ path });
  stores.push(store);
  return store;
}

function start(): ChildProcess {
  seeds += 1;
  const child = fork(CHILD, [path, String(seeds)], { execArgv: [], stdio: "inherit" });
  children.push(child);
  return child;
}

function ask(child: ChildProcess, task: Task): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("the child ended"));
    child.once("exit", onExit);
    const onMessage = (message: { ready?: true; result?: unknown; error?: string }): void => {
      if (message.ready === true) return;
      child.off("message", onMessage);
      child.off("exit", onExit);
      if (message.error === undefined) resolve(message.result);
      else reject(new Error(message.error));
    };
    child.on("message", onMessage);
    child.send(task);
  });
}

const kit = caseKit({ seed: 1 });

async function oneSession(store: SqliteStore) {
  const record = kit.recordOf({ tenant });
  await store.create(record, { now: kit.now });
  return record;
}

describe("a process", () => {
  it("ends by itself with a store open and a follower on it: no timer keeps it alive", async () => {
    const source = fileURLToPath(
      new URL("../../packages/sojourn/src/stores/sqlite.ts", import.meta.url),
    );
    const code =
      `const { SqliteStore } = await import(${JSON.stringify(source)});` +
      `const store = new SqliteStore({ path: ${JSON.stringify(path)} });` +
      `store.tail("now", { change() {} }); await store.health();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code]);
    children.push(child);
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

describe("several processes on one SQLite file", () => {
  it("may all start at once on a file that is not there yet", async () => {
    const processes = ["a", "b", "c", "d", "e"].map(() => start());
    await Promise.all(processes.map((child) => once(child, "message")));
    for (let round = 0; round < 20; round += 1) {
      const file = join(directory, `${round}.db`);
      const kept = await Promise.all(
        processes.map((child, index) => ask(child, { task: "open", file, name: `${index}` })),
      );
      expect(new Set(kept.map((installation) => JSON.stringify(installation))).size).toBe(1);
      const store = new SqliteStore({ path: file });
      expect(await store.count({ tenant }, kit.now)).toEqual({ count: 5, exact: true });
      await store.close();
    }
  });

  it("lose no update: compare-and-set counts every one (I4)", async () => {
    const store = open();
    const record = await oneSession(store);
    const [one, two] = [start(), start()];
    const lost = await Promise.all([
      ask(one, { task: "count", record, times: 150 }),
      ask(two, { task: "count", record, times: 150 }),
    ]);
    expect((await store.find(record))?.data["n"]).toBe("300");
    expect(lost.every((times) => typeof times === "number")).toBe(true);
  });

  it("keep writes to different keys of one session, all of them (I4)", async () => {
    const store = open();
    const record = await oneSession(store);
    await Promise.all([
      ask(start(), { task: "keys", record, prefix: "a" }),
      ask(start(), { task: "keys", record, prefix: "b" }),
    ]);
    const found = await store.find(record);
    expect(Object.keys(found?.data ?? {})).toHaveLength(200);
    expect(found?.dataVersion).toBe(200);
  });

  it("keep a limit together: never one session more", async () => {
    const task = { task: "create", subject: "alice", times: 40, max: 5 } as const;
    const created = await Promise.all([ask(start(), task), ask(start(), task)]);
    expect(Number(created[0]) + Number(created[1])).toBe(5);
    const live = await open().count({ tenant, subject: "alice" }, kit.now);
    expect(live).toEqual({ count: 5, exact: true });
  });

  it("hear of each other's revocations within a second", async () => {
    const store = open();
    const record = await oneSession(store);
    const child = start();
    const heard = new Promise<number>((resolve) => {
      store.tail("now", {
        change: (change) => {
          if (change.kind === "session" && change.what === "ended") resolve(performance.now());
        },
      });
    });
    await ask(child, { task: "revoke", record });
    const acknowledgedAt = performance.now();
    expect((await heard) - acknowledgedAt).toBeLessThan(1000);
    expect((await store.find(record))?.record.state).toBe("ended");
  });

  it("do not starve each other while both write without a pause", async () => {
    const record = await oneSession(open());
    const task = { task: "saturate", record, forMs: 2500 } as const;
    const results = await Promise.all([ask(start(), task), ask(start(), task)]);
    for (const result of results as [number, number][]) {
      const [writes, longestMs] = result;
      expect(writes).toBeGreaterThan(100);
      expect(longestMs).toBeLessThan(2000);
    }
  });

  it("lose nothing that was acknowledged when one is killed in a storm of writes", async () => {
    const acknowledged: Acknowledged[] = [];
    const child = start();
    const enough = new Promise<void>((resolve) => {
      child.on("message", (message: { acknowledged?: Acknowledged }) => {
        if (message.acknowledged !== undefined) acknowledged.push(message.acknowledged);
        if (acknowledged.length === 1500) resolve();
      });
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.send({ task: "storm" } satisfies Task);
    await enough;
    child.kill("SIGKILL");
    await ended;

    const store = open();
    for (const one of acknowledged) {
      const id = "created" in one ? one.created : "revoked" in one ? one.revoked : one.patched;
      const found = await store.find({ tenant, id });
      expect(found).toBeDefined();
      if ("revoked" in one) expect(found?.record.end?.reason).toBe("revoked");
      if ("patched" in one) expect(found?.data).toEqual({ a: one.value, b: one.value });
      else expect(found?.data["a"]).toBe(found?.data["b"]);
    }
    await store.close();
    const database = new DatabaseSync(path);
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    database.close();
  });
});
