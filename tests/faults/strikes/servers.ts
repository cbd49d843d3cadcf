/** A server that is killed, stopped or starved. */
import { kill } from "node:process";
import type { Server, Strike, StrikeContext, World } from "../strike.ts";

const MEGABYTE = 1_048_576;

function serverOf({ engine, server }: World): Server {
  if (server === undefined) throw new Error(`${engine} has no server to strike`);
  return server;
}

function commandOf({ engine, command }: World): NonNullable<World["command"]> {
  if (command === undefined) throw new Error(`${engine} takes no commands`);
  return command;
}

async function act({ world }: StrikeContext, name: string): Promise<void> {
  const act = world.acts?.[name];
  if (act === undefined) throw new Error(`${world.engine} cannot ${name}`);
  await act();
}

/** What a world can do to itself, under the name that it has there. */
function acted(name: string): Strike {
  return { name, needs: [name], strike: (context) => act(context, name) };
}

/** kill -9, and a start some time later with what is on disk. */
export const serverKill: Strike = {
  name: "kill",
  needs: ["server"],
  // With `everysec` Redis keeps what it acknowledged to itself while the disk is slow, up to 2 s.
  forgetsOn: ["redis"],
  async strike({ world, holdMs, pause }) {
    const server = serverOf(world);
    kill(server.pid, "SIGKILL");
    await pause(holdMs / 2);
    await server.restart();
  },
};

/** It hangs: connections stay open, nothing is answered, and later everything is. */
export const serverStop: Strike = {
  name: "stop",
  needs: ["server", "one-process"],
  async strike({ world, holdMs, pause }) {
    const { pid } = serverOf(world);
    kill(pid, "SIGSTOP");
    await pause(holdMs);
    kill(pid, "SIGCONT");
  },
};

/** No room for more: writes that grow are refused, revocations must go through. Invariant I10. */
export const memoryFull: Strike = {
  name: "memory-full",
  needs: ["redis"],
  async strike({ world, holdMs, pause }) {
    const command = commandOf(world);
    const used = /used_memory:(\d+)/.exec(String(await command("INFO", "memory")))?.[1];
    const limit = Math.max(Number(used) - MEGABYTE / 8, MEGABYTE);
    await command("CONFIG", "SET", "maxmemory", String(limit));
    await pause(holdMs);
    await command("CONFIG", "SET", "maxmemory", "0");
  },
};

/** Every script is forgotten, some times in a row. */
export const scriptFlush: Strike = {
  name: "script-flush",
  needs: ["redis"],
  async strike({ world, holdMs, pause }) {
    for (let count = 0; count < 5; count += 1) {
      await commandOf(world)("SCRIPT", "FLUSH");
      await pause(holdMs / 5);
    }
  },
};

/** Every connection is cut, that of the tail and of invalidations too, some times in a row. */
export const clientKill: Strike = {
  name: "client-kill",
  needs: ["redis"],
  async strike({ world, holdMs, pause }) {
    for (let count = 0; count < 4; count += 1) {
      await commandOf(world)("CLIENT", "KILL", "TYPE", "normal");
      await commandOf(world)("CLIENT", "KILL", "TYPE", "pubsub");
      await pause(holdMs / 4);
    }
  },
};

/** Somebody emptied it. Whatever was acknowledged lately is written again by who knows it. */
export const flushAll: Strike = {
  name: "flushall",
  needs: ["redis"],
  forgets: true,
  async strike({ world, holdMs, pause }) {
    await commandOf(world)("FLUSHALL");
    await pause(holdMs);
  },
};

/** The primary dies for good, and another takes over that may lack the newest writes. */
export const failover: Strike = { ...acted("failover"), forgets: true };

/** Before the replica hears: what this process acknowledged last dies with it. */
const UNHEARD_MS = 800;

/** The same, and a process dies with the primary: what both had acknowledged last is gone. */
export const failoverAndNode: Strike = {
  name: "failover-and-node",
  needs: ["failover"],
  forgets: true,
  async strike(context) {
    const { fleet, random, pause } = context;
    const failing = act(context, "failover");
    await pause(UNHEARD_MS);
    const name = random.pick(fleet.names);
    await fleet.kill(name);
    await failing;
    await fleet.add(`${name}b`);
  },
};

/** The primary hangs, another takes over, and the old one wakes. */
export const hang: Strike = { ...acted("hang"), forgets: true };

/** Sentinels are told to promote another; they do not wait for it to have everything. */
export const sentinelFailover: Strike = { ...acted("sentinel-failover"), forgets: true };

/** Every primary hands over to a replica, which has everything. */
export const switchOver: Strike = acted("switch-over");

/** Slots move to another node while they are in use. */
export const reshard: Strike = acted("reshard");

/** The pool of connections before the server is killed and started again. */
export const poolRestart: Strike = {
  name: "pool-restart",
  needs: ["pool"],
  strike: (context) => act(context, "restart-pool"),
};

/** The disk has no room for a page more. */
export const diskFull: Strike = {
  name: "disk-full",
  needs: ["file"],
  async strike({ fleet, holdMs, pause }) {
    const suffer = (on: boolean): void => {
      for (const name of fleet.names) fleet.tell(name, { type: "suffer", fault: "disk-full", on });
    };
    suffer(true);
    await pause(holdMs);
    suffer(false);
  },
};
