/** Every strike there is, cheap ones first. */
import type { Strike } from "../strike.ts";
import * as network from "./network.ts";
import * as nodes from "./nodes.ts";
import * as servers from "./servers.ts";

/** The run without a fault: whatever it shows is no fault's doing. */
const calm: Strike = {
  name: "none",
  needs: [],
  strike: ({ pause, holdMs }) => pause(holdMs),
};

export const strikes: readonly Strike[] = [
  calm,
  nodes.nodeKill,
  nodes.nodeDrain,
  nodes.rollingRestart,
  nodes.clockAhead,
  nodes.clockBehind,
  servers.serverKill,
  servers.serverStop,
  servers.memoryFull,
  servers.scriptFlush,
  servers.clientKill,
  servers.flushAll,
  servers.failover,
  servers.failoverAndNode,
  servers.hang,
  servers.sentinelFailover,
  servers.switchOver,
  servers.reshard,
  servers.poolRestart,
  servers.diskFull,
  network.partitioned,
  network.partitionedAway,
  network.partitionedBack,
  network.resets,
  ...network.lags,
];

/** Those that can strike an engine with these traits. */
export function strikesOn(traits: readonly string[]): readonly Strike[] {
  return strikes.filter(({ needs }) => needs.every((need) => traits.includes(need)));
}

export function strikeCalled(name: string): Strike | undefined {
  return strikes.find((one) => one.name === name);
}
