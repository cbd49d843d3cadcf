/** The processes of the application: killed, drained, replaced one by one, with a wrong clock. */
import type { Strike } from "../strike.ts";

const HOUR_MS = 3_600_000;

/** kill -9 of one in the middle of its writes; another starts. */
export const nodeKill: Strike = {
  name: "node-kill",
  needs: [],
  async strike({ fleet, random, holdMs, pause }) {
    const name = random.pick(fleet.names);
    await fleet.kill(name);
    await pause(holdMs / 2);
    await fleet.add(`${name}b`);
    await pause(holdMs / 2);
  },
};

/** One finishes what it has and leaves; nobody comes. */
export const nodeDrain: Strike = {
  name: "node-drain",
  needs: [],
  async strike({ fleet, random, holdMs, pause }) {
    await fleet.drain(random.pick(fleet.names));
    await pause(holdMs);
  },
};

/** A deployment: each in turn is replaced by a new one that is there first. */
export const rollingRestart: Strike = {
  name: "rolling-restart",
  needs: [],
  async strike({ fleet, holdMs, pause }) {
    const deployed = fleet.names;
    for (const name of deployed) {
      await fleet.add(`${name}n`);
      await fleet.drain(name);
      await pause(holdMs / 3);
    }
  },
};

function clockJump(name: string, ms: number): Strike {
  return {
    name,
    // An engine with no time of its own takes the wall clock's word.
    needs: ["own-time"],
    async strike({ fleet, random, holdMs, pause }) {
      const process = random.pick(fleet.names);
      fleet.tell(process, { type: "jump", ms });
      await pause(holdMs);
      fleet.tell(process, { type: "jump", ms: -ms });
    },
  };
}

export const clockAhead: Strike = clockJump("clock-ahead", HOUR_MS);
export const clockBehind: Strike = clockJump("clock-behind", -HOUR_MS);
