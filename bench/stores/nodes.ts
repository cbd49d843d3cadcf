/** Other processes on the store that is measured. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("near-node.ts", import.meta.url));

export interface NodesOptions {
  readonly url: string;
  readonly secret: string;
  readonly processes: number;
  /** Near-caches in each. */
  readonly caches?: number;
  readonly stalenessMs?: number;
}

export class Nodes {
  readonly #children: readonly ChildProcess[];
  readonly #count: number;

  constructor({ url, secret, processes, caches = 1, stalenessMs = 2_000 }: NodesOptions) {
    this.#count = processes * caches;
    const args = [url, secret, String(caches), String(stalenessMs)];
    this.#children = Array.from({ length: processes }, () => fork(PROGRAM, args));
  }

  /** Every one keeps the session near. @returns when each of them refused it, in nanoseconds. */
  async warm(token: string): Promise<() => Promise<readonly bigint[]>> {
    const times: bigint[] = [];
    let done: (times: readonly bigint[]) => void = () => undefined;
    const all = new Promise<readonly bigint[]>((resolve) => void (done = resolve));
    await Promise.all(
      this.#children.map(async (child) => {
        child.send({ warm: token });
        await once(child, "message");
        const heard = ({ refusedAt }: { refusedAt: string }): void => {
          times.push(BigInt(refusedAt));
          if (times.length < this.#count) return;
          for (const one of this.#children) one.removeAllListeners("message");
          done(times);
        };
        child.on("message", heard);
      }),
    );
    return () => all;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        const ended = once(child, "exit");
        child.disconnect();
        await ended;
      }),
    );
  }
}
