import type { HostTime } from "../engine/ports.ts";

/** For what outlives a jump of the wall clock, and so must not throw for it as the clock does. */
export const hostTime: HostTime = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
};
