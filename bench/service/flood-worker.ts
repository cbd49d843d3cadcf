/** A flood from a thread of its own: whoever times honest requests does not wait for it too. */
import { parentPort, workerData } from "node:worker_threads";
import { openLoop } from "./load.ts";
import type { Shot } from "./load.ts";

const { url, shots, perSecond, ms } = workerData as {
  url: string;
  shots: readonly Shot[];
  perSecond: number;
  ms: number;
};
const { latencies } = await openLoop(url, shots, perSecond, ms);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
parentPort?.postMessage(latencies.length);
