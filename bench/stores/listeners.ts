/** What a write costs the engine when 0, 1, 10 and 50 near-caches listen to its log. */
import { readdirSync, readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { createSessions } from "sojourn";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { FULL } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { round } from "../report.ts";
import type { Section } from "../report.ts";
import { recordMaker, TENANT } from "../sqlite/world.ts";
import type { RecordMaker } from "../sqlite/world.ts";
import { storeByUrl } from "./by-url.ts";
import { Nodes } from "./nodes.ts";

const COUNTS = [0, 1, 10, 50] as const;
const CACHES_PER_PROCESS = 10;
const WRITES = { full: 4_000, quick: 500 } as const;
const TOGETHER = 16;
/** `sysconf(_SC_CLK_TCK)` of Linux. */
const TICKS_PER_SECOND = 100;

export async function listeners(effort: Effort): Promise<Section> {
  const writes = effort.samples < FULL.samples ? WRITES.quick : WRITES.full;
  const maker = await recordMaker();
  const notes: string[] = [];
  for (const [name, start] of [
    ["Redis", startRedis],
    ["PostgreSQL", startPostgres],
  ] as const) {
    const texts: string[] = [];
    for (const count of COUNTS) {
      const engine = await start({ args: name === "Redis" ? [] : ["-c", "max_connections=300"] });
      const plan = { count, writes };
      const cost = costOf(engine, maker, plan);
      const { cpuUs, idleMs } = await cost.finally(() => void engine.stop());
      texts.push(`${count}: ${round(cpuUs)} µs (at rest ${round(idleMs)} ms/s)`);
    }
    notes.push(`${name}, CPU of the engine per write by listening processes: ${texts.join("; ")}`);
  }
  return {
    title: "Invalidation: patchData while near-caches listen",
    figures: [],
    goals: [],
    notes,
  };
}

interface Cost {
  /** Engine's CPU time per write, without what it takes at rest. */
  readonly cpuUs: number;
  /** Engine's CPU time per second while nothing is written. */
  readonly idleMs: number;
}

async function costOf(
  engine: { readonly url: string; readonly pid: number },
  maker: RecordMaker,
  { count, writes }: { readonly count: number; readonly writes: number },
): Promise<Cost> {
  const { url, pid } = engine;
  const secret = randomBytes(32).toString("base64url");
  const store = storeByUrl(url);
  const sessions = createSessions({ store, secrets: [secret], sweep: false });
  const caches = Math.min(count, CACHES_PER_PROCESS);
  const processes = count === 0 ? 0 : Math.ceil(count / CACHES_PER_PROCESS);
  const nodes = new Nodes({ url, secret, processes, caches });
  const { token } = await sessions.open({ subject: "warm" });
  await nodes.warm(token);
  const now = Date.now();
  const records = Array.from({ length: TOGETHER }, (_, at) => maker.make(`user-${at}`, now));
  for (const record of records) await store.create(record, { now, data: maker.data });
  const restStart = [performance.now(), cpuMs(pid)] as const;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const idleMs = (1_000 * (cpuMs(pid) - restStart[1])) / (performance.now() - restStart[0]);
  const before = [performance.now(), cpuMs(pid)] as const;
  for (let turn = 0; turn < writes / TOGETHER; turn += 1) {
    await Promise.all(
      records.map(({ id }) =>
        store.patchData({ tenant: TENANT, id }, [{ op: "set", key: "turn", value: `${turn}` }]),
      ),
    );
  }
  const tookMs = performance.now() - before[0];
  const usedMs = cpuMs(pid) - before[1] - (idleMs * tookMs) / 1_000;
  await nodes.stop();
  await sessions.close();
  await store.close();
  return { cpuUs: (1_000 * usedMs) / writes, idleMs };
}

/** CPU time of a process and its children, those that have ended included. */
function cpuMs(pid: number): number {
  let ticks = 0;
  for (const each of [pid, ...childrenOf(pid)]) ticks += ticksOf(each);
  return (1_000 * ticks) / TICKS_PER_SECOND;
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => statOf(each)?.[1] === String(pid));
}

function ticksOf(pid: number): number {
  const stat = statOf(pid) ?? [];
  // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), here counted from the state.
  return stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

/** Fields from the third on: the second is the program's name, which may hold spaces. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
