/** Other processes on the store of a test, held until all of them are ready. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SessionRecord } from "sojourn";

export interface RacerPlan {
  readonly act: "create" | "login" | "patch" | "decide" | "replace" | "touch" | "revoke";
  readonly now: number;
  readonly times: number;
  readonly name: string;
  readonly record: SessionRecord;
  readonly ids?: readonly string[];
  readonly onLimit?: "reject" | "evict-oldest";
  readonly subjectEpoch?: number;
}

export interface Racer {
  /** Takes a plan and holds still. @returns what begins it; that again, what its calls answered. */
  ready(plan: RacerPlan): Promise<() => Promise<readonly string[]>>;
  stop(): Promise<void>;
}

/** @param url Of the engine; its scheme says which. */
export function startRacer(url: string): Racer {
  const script = fileURLToPath(new URL("racer.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, url], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => String((await lines.next()).value);
  return {
    ready: async (plan) => {
      child.stdin.write(`${JSON.stringify(plan)}\n`);
      const said = await answer();
      if (said !== "ready") throw new Error(`the racer said ${said}`);
      return async () => {
        child.stdin.write("go\n");
        return JSON.parse(await answer()) as readonly string[];
      };
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
