/** The network between the workers and the engine: cut each way, slow, torn. */
import type { Network, Strike, World } from "../strike.ts";

function networkOf({ engine, network }: World): Network {
  if (network === undefined) throw new Error(`nothing lies before ${engine}`);
  return network;
}

/** The network is as `make` makes it, until it is healed. */
function held(name: string, make: (network: Network) => void): Strike {
  return {
    name,
    needs: ["network"],
    async strike({ world, holdMs, pause }) {
      const network = networkOf(world);
      make(network);
      await pause(holdMs);
      await network.heal();
    },
  };
}

/** Nothing passes; what was sent arrives when it is over. */
export const partitioned: Strike = held("partition", (network) => network.cut({}));
/** Requests do not arrive. */
export const partitionedAway: Strike = held("partition-requests", (network) =>
  network.cut({ toServer: true }),
);
/** Requests arrive and are carried out; answers do not come back. */
export const partitionedBack: Strike = held("partition-answers", (network) =>
  network.cut({ toClient: true }),
);

export const lags: readonly Strike[] = [5, 30, 100].map((ms) =>
  held(`lag-${ms}`, (network) => network.delay(ms)),
);

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
