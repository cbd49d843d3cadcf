/** Real Redis servers, stores on them and processes beside them, all ended with the test. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import type { SessionRecord } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import { caseKit } from "sojourn/testing";
import type { CaseKit } from "sojourn/testing";
import { startRedis } from "../../tools/engines.mjs";

type Engine = Awaited<ReturnType<typeof startRedis>>;
export type Client = ReturnType<typeof openClient>;
type Options = Omit<Partial<RedisStoreOptions>, "client">;

export function openClient(url: string) {
  return createClient({ url, disableOfflineQueue: true });
}

export interface RedisWorld {
  readonly url: string;
  readonly pid: number;
  readonly kit: CaseKit;
  /** For looking and for faults; connected. */
  readonly admin: Client;
  /** A store on a connection of its own. */
  store(options?: Options): RedisStore;
  end(): Promise<void>;
}

export async function redisWorld(args: readonly string[] = []): Promise<RedisWorld> {
  const engine: Engine = await startRedis({ args });
  const admin = openClient(engine.url);
  admin.on("error", () => undefined);
  await admin.connect();
  const stores: RedisStore[] = [];
  const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  return {
    url: engine.url,
    pid: engine.pid,
    kit: caseKit({ seed, now: Date.now() }),
    admin,
    store: (options = {}) => {
      const client = openClient(engine.url);
      const store = new RedisStore({ acceptRisks: ["no-aof"], ...options, client });
      stores.push(store);
      return store;
    },
    end: async () => {
      await Promise.allSettled(stores.map((store) => store.close()));
      admin.destroy();
      await engine.stop();
    },
  };
}

export interface RacerPlan {
  readonly url: string;
  readonly act: "create" | "patch" | "replace";
  readonly now: number;
  readonly times: number;
  readonly name: string;
  readonly record: SessionRecord;
  readonly ids?: readonly string[];
}

export interface Racer {
  go(): void;
  readonly answers: Promise<readonly string[]>;
}

/** Another process, connected and waiting for {@link Racer.go}. */
export async function racer(plan: RacerPlan): Promise<Racer> {
  const script = fileURLToPath(new URL("redis-racer.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(plan)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next();
  if (ready.value !== "ready") throw new Error(`the racer said ${String(ready.value)}`);
  const finish = async (): Promise<readonly string[]> => {
    const line = await lines.next();
    await once(child, "exit");
    return JSON.parse(String(line.value)) as readonly string[];
  };
  const answers = finish();
  return { go: () => void child.stdin.write("go\n"), answers };
}
