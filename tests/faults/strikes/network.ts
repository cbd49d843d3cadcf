/** The network between the workers and the engine: cut each way, slow, torn. */
import type { Network, Strike, World } from "../strike.ts";

function networkOf({ engine, network }: World): Network {
  if (network === undefined) throw new Error(`nothing lies before ${engine}`);
  return network;
}

function partition(name: string, directions: Parameters<Network["cut"]>[0]): Strike {
  return {
    name,
    needs: ["network"],
    async strike({ world, holdMs, pause }) {
      const network = networkOf(world);
      network.cut(directions);
      await pause(holdMs);
      await network.heal();
    },
  };
}

/** Nothing passes; what was sent arrives when it is over. */
export const partitioned: Strike = partition("partition", {});
/** Requests do not arrive. */
export const partitionedAway: Strike = partition("partition-requests", { toServer: true });
/** Requests arrive and are carried out; answers do not come back. */
export const partitionedBack: Strike = partition("partition-answers", { toClient: true });

function lag(ms: number): Strike {
  return {
    name: `lag-${ms}`,
    needs: ["network"],
    async strike({ world, holdMs, pause }) {
      const network = networkOf(world);
      network.delay(ms);
      await pause(holdMs);
      await network.heal();
    },
  };
}

export const lags: readonly Strike[] = [5, 30, 100].map(lag);

/** Every connection is reset, some times in a row. */
export const resets: Strike = {
  name: "resets",
  needs: ["network"],
  async strike({ world, holdMs, pause }) {
    for (let count = 0; count < 4; count += 1) {
      networkOf(world).reset();
      await pause(holdMs / 4);
    }
  },
};
