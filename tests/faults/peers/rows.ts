/** The faults that peers are compared under. */
import { strikes } from "../strikes/all.ts";
import type { Strike, World } from "../strike.ts";
import { worlds } from "../worlds.ts";

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly strike: Strike;
  start(): Promise<World>;
}

const KILOBYTE = 1_024;
const ROOM = 512 * KILOBYTE;
const FILLS = 8;
/** Other data in the same Redis, 1 kB each. */
const FILL = `for i = 1, 256 do
  redis.call("SET", "cache:" .. ARGV[1] .. ":" .. i, string.rep("x", 1024))
end`;

/** Redis as a cache: what is used least makes room. */
async function evicting(): Promise<World> {
  const world = await struckBy("redis");
  await world.command?.("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  return { ...world, engine: "redis (allkeys-lru)" };
}

const crowded: Strike = {
  name: "crowded",
  needs: ["redis"],
  async strike({ world, holdMs, pause }) {
    const { command } = world;
    if (command === undefined) throw new Error(`${world.engine} takes no commands`);
    const used = /used_memory:(\d+)/.exec(String(await command("INFO", "memory")))?.[1];
    await command("CONFIG", "SET", "maxmemory", String(Number(used) + ROOM));
    for (let fill = 0; fill < FILLS; fill += 1) {
      await command("EVAL", FILL, "0", String(fill));
      await pause(holdMs / FILLS);
    }
  },
};

function struckBy(engine: string): Promise<World> {
  const entry = worlds[engine];
  if (entry === undefined) throw new Error(`no engine is called ${engine}`);
  return entry.start({});
}

function row(name: string, title: string, engine = "redis"): Row {
  const strike = strikes.find((one) => one.name === name);
  if (strike === undefined) throw new Error(`no fault is called ${name}`);
  return { name, title, strike, start: () => struckBy(engine) };
}

export const rows: readonly Row[] = [
  row("none", "no fault, many requests at once"),
  row("lag-30", "30 ms to the store and 30 ms back"),
  row("resets", "connections to the store are reset, 4 times"),
  row("partition-answers", "the store's answers do not arrive"),
  row("kill", "kill -9 of Redis, AOF every second, and a restart"),
  row("stop", "Redis hangs (SIGSTOP)"),
  row("memory-full", "memory full, `noeviction`"),
  { name: "crowded", title: "memory full, `allkeys-lru`", strike: crowded, start: evicting },
  row("flushall", "FLUSHALL"),
  row("failover", "kill -9 of a Cluster's primary, a replica takes over", "redis-cluster"),
];
