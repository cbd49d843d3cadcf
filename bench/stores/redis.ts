/**
 * Redis: strict verification beside the bare driver's GET in the same run, every kind of write, and
 * what a session takes in the server's memory.
 */
import { randomBytes } from "node:crypto";
import { createClient } from "redis";
import { createSessions } from "sojourn";
import type { SessionRecord } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import { startRedis } from "../../tools/engines.mjs";
import { compare, FULL } from "../harness.ts";
import type { Case, Effort, Figure } from "../harness.ts";
import { atLeast, atMost, round } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { recordMaker, TENANT, withSuccessor } from "../sqlite/world.ts";
import type { RecordMaker } from "../sqlite/world.ts";

type Client = ReturnType<typeof openClient>;

/** Callers at once: enough to keep one connection busy. */
const CALLERS = 64;
const VERIFIED = 1_000;
const MEASURED = { full: 50_000, quick: 10_000 } as const;
const PER_SUBJECT = [1, 4] as const;
const MEMORY_ASKED_BYTES = { "redis-server": 500, "valkey-server": 430 } as const;

function openClient(url: string) {
  return createClient({ url, disableOfflineQueue: true });
}

function openStore(client: Client): RedisStore {
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

export async function redis(effort: Effort): Promise<Section> {
  const engine = await startRedis();
  const [client, bare] = [openClient(engine.url), openClient(engine.url)];
  await Promise.all([client.connect(), bare.connect()]);
  const store = openStore(client);
  try {
    const maker = await recordMaker();
    const sessions = effort.samples < FULL.samples ? MEASURED.quick : MEASURED.full;
    const memory: Memory[] = [];
    for (const program of ["redis-server", "valkey-server"] as const) {
      for (const perSubject of PER_SUBJECT) {
        memory.push(await memoryPerSession(program, { maker, sessions, perSubject }));
      }
    }
    const verified = await verifying(bare, store, effort);
    const written = await writing(store, maker, effort);
    return section([...verified, ...written], memory);
  } finally {
    await store.close();
    await Promise.all([client.close(), bare.close()]);
    await engine.stop();
  }
}

/** Of a session with 100 B of data and a pending successor. */
interface Memory {
  readonly program: keyof typeof MEMORY_ASKED_BYTES;
  readonly perSubject: number;
  /** Of `used_memory`. */
  readonly bytes: number;
  /** Of the row and its key, as the server says. */
  readonly alone: number;
}

async function memoryPerSession(
  program: Memory["program"],
  plan: { readonly maker: RecordMaker; readonly sessions: number; readonly perSubject: number },
): Promise<Memory> {
  const { maker, sessions, perSubject } = plan;
  const engine = await startRedis({ program });
  const client = openClient(engine.url);
  await client.connect();
  const store = openStore(client);
  await store.check();
  const before = await usedMemory(client);
  const now = Date.now();
  let row = "";
  for (let from = 0; from < sessions; from += CALLERS) {
    await Promise.all(
      Array.from({ length: Math.min(CALLERS, sessions - from) }, (_, offset) => {
        const index = from + offset;
        const subject = `user-${String(Math.floor(index / perSubject)).padStart(9, "0")}`;
        const record = withSuccessor(maker.make(subject, now));
        row = record.id;
        return store.create(record, { now, data: maker.data });
      }),
    );
  }
  // What is not the sessions': the log of changes, which does not grow with their number.
  await client.del(await client.keys("l/*"));
  const bytes = ((await usedMemory(client)) - before) / sessions;
  const [key] = await client.keys(`{??}${row.slice(1)}`);
  const alone = key === undefined ? Number.NaN : ((await client.memoryUsage(key)) ?? Number.NaN);
  await store.close();
  await client.close();
  await engine.stop();
  return { program, perSubject, bytes, alone };
}

async function usedMemory(client: Client): Promise<number> {
  const info = await client.info("memory");
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}

/** @param client The bare driver, on a connection of its own as the store's is. */
async function verifying(client: Client, store: RedisStore, effort: Effort): Promise<Figure[]> {
  const sessions = createSessions({ secrets: [randomBytes(32)], store, sweep: false });
  const tokens: string[] = [];
  const refs: { tenant: string; id: string }[] = [];
  const keys: string[] = [];
  for (let index = 0; index < VERIFIED; index += 1) {
    const opened = await sessions.open({
      subject: `user-${index}`,
      amr: ["pwd"],
      data: { theme: "dark", cart: "x".repeat(66) },
    });
    const id = opened.session.id?.slice("ses_".length) ?? "";
    tokens.push(opened.token);
    refs.push({ tenant: TENANT, id });
    const [key = ""] = await client.keys(`{??}${id.slice(1)}`);
    keys.push(key);
  }
  let turn = 0;
  const next = (): number => (turn = (turn + 1) % VERIFIED);
  const cases: Case[] = [
    together("bare driver: GET", () => client.get(keys[next()] ?? "")),
    together("bare driver: MGET of row and epoch", () => {
      const index = next();
      return client.mGet([keys[index] ?? "", `e:${index}`]);
    }),
    together("find", () => store.find(refs[next()] ?? { tenant: TENANT, id: "" })),
    together("authenticate, strict", () => sessions.authenticate(tokens[next()] ?? "")),
  ];
  for (const ref of refs) await store.find(ref);
  const figures = await compare(cases, effort);
  await sessions.close();
  return figures;
}

async function writing(store: RedisStore, maker: RecordMaker, effort: Effort): Promise<Figure[]> {
  const now = Date.now();
  let count = 0;
  const fresh = (): SessionRecord => maker.make(`writer-${Math.floor((count += 1) / 4)}`, now);
  const records = Array.from({ length: VERIFIED }, fresh);
  for (const record of records) await store.create(record, { now, data: maker.data });
  let turn = 0;
  const next = (): SessionRecord => records[(turn += 1) % VERIFIED] as SessionRecord;
  const limits = { max: 5, onLimit: "evict-oldest" } as const;
  const cases: Case[] = [
    together("create", () => store.create(fresh(), { now, data: maker.data })),
    together("create within a limit", () => store.create(fresh(), { now, limits })),
    together("patchData", () =>
      store.patchData(next(), [{ op: "set", key: "theme", value: '"light"' }]),
    ),
    {
      name: "touch, in batches of 64",
      operations: CALLERS,
      run: () => store.touch(Array.from({ length: CALLERS }, () => ({ ref: next(), seenAt: now }))),
    },
    together("revoke", () => store.revoke(next(), { reason: "revoked", at: now }, { now })),
  ];
  return compare(cases, effort);
}

function together(name: string, run: () => Promise<unknown>): Case {
  return {
    name,
    operations: CALLERS,
    run: () => Promise.all(Array.from({ length: CALLERS }, run)),
  };
}

function section(figures: readonly Figure[], memory: readonly Memory[]): Section {
  const rate = (name: string): number =>
    figures.find((figure) => figure.name === name)?.perSecond ?? Number.NaN;
  const percent = (name: string): number => (100 * rate(name)) / rate("bare driver: GET");
  const cpuOf = (name: string): number =>
    figures.find((figure) => figure.name === name)?.cpuUs ?? Number.NaN;
  const cpu = (100 * cpuOf("bare driver: GET")) / cpuOf("authenticate, strict");
  const goals: Goal[] = [
    atLeast("find ÷ the bare driver's GET", percent("find"), 85, "%"),
    atLeast("authenticate ÷ the bare driver's GET", percent("authenticate, strict"), 85, "%"),
  ];
  for (const { program, perSubject, bytes } of memory) {
    const what = `${program}: memory of a session, ${perSubject} per subject`;
    goals.push(atMost(what, bytes, MEMORY_ASKED_BYTES[program], "B"));
  }
  const rows = memory.map(
    ({ program, perSubject, alone }) => `${program}, ${perSubject}: ${round(alone)} B`,
  );
  return {
    title: "Redis: 64 callers at once on one connection; the server on the same machine",
    figures,
    goals,
    notes: [
      "memory: growth of used_memory by sessions with 100 B of data, a pending successor, the " +
        "subject's index and the sweep's lists; the log of changes (bounded) taken off",
      `the driver's GET takes ${round(cpu)} % of an authenticate's CPU time in this process`,
      `MEMORY USAGE of a row by sessions per subject: ${rows.join(", ")}`,
    ],
  };
}
