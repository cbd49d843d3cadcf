import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RedisClient } from "./client.ts";
import { Durable } from "./durable.ts";
import type { Means, Wait } from "./durable.ts";

/** A connection that a test breaks. Every replica confirms. */
class FakeLane extends EventEmitter {
  readonly options = { disableOfflineQueue: true };
  isOpen = false;
  isReady = false;
  hangs = false;
  #fail: (() => void) | undefined;

  async connect(): Promise<void> {
    this.isOpen = true;
    this.isReady = true;
  }

  async sendCommand(args: string[]): Promise<unknown> {
    if (!this.isReady) throw new Error("offline");
    if (this.hangs) await new Promise((_resolve, reject) => void (this.#fail = () => reject()));
    return args[0] === "WAIT" ? 2 : "OK";
  }

  async close(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    this.isOpen = false;
    this.isReady = false;
    this.#fail?.();
  }

  duplicate(): RedisClient {
    throw new Error("not asked for");
  }

  /** Lost, and made again by the driver unless it was told to end. */
  reconnect(): void {
    this.isReady = false;
    this.emit("error", new Error("closed"));
    this.isReady = this.isOpen;
  }
}

const MEANS: Means = { plain: "memory", waitAof: false, replicas: 2 };
const REPLICATED: Wait = { wanted: "replicated", means: MEANS };

function lanes() {
  const made: FakeLane[] = [];
  const durable = new Durable(() => {
    const lane = new FakeLane();
    made.push(lane);
    return lane;
  });
  return { made, durable };
}

afterEach(() => void vi.useRealTimers());

describe("a write that waits", () => {
  it("has what was confirmed on its own connection", async () => {
    const { durable } = lanes();
    const write = (): Promise<string> => Promise.resolve("done");
    const written = await durable.run(REPLICATED, write);
    expect(written).toEqual({ value: "done", durability: "replicated" });
  });

  it("claims nothing by a connection that was made anew after it", async () => {
    const { made, durable } = lanes();
    const { durability } = await durable.run(REPLICATED, async (link) => {
      await link.text("revoke", ["SET", "k", "v"]);
      made[0]?.reconnect();
    });
    expect(durability).toBe("memory");
    const again = await durable.run(REPLICATED, () => Promise.resolve());
    expect(again.durability).toBe("replicated");
    expect(made).toHaveLength(2);
  });

  it("fails when its connection gives no answer, and the next one gets another", async () => {
    vi.useFakeTimers();
    const { made, durable } = lanes();
    const hanging = durable.run(REPLICATED, (link) => {
      for (const lane of made) lane.hangs = true;
      return link.text("revoke", ["SET", "k", "v"]);
    });
    const failed = hanging.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await failed).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    const next = await durable.run(REPLICATED, () => Promise.resolve(1));
    expect(next).toEqual({ value: 1, durability: "replicated" });
  });

  it("is not lost when it comes just as the ones before it are done", async () => {
    const { durable } = lanes();
    for (let round = 0; round < 50; round += 1) {
      let more: Promise<unknown> = Promise.resolve();
      const write = (): Promise<number> => Promise.resolve(round);
      const first = durable.run(REPLICATED, write).then(async (written) => {
        for (let ticks = 0; ticks < round; ticks += 1) await Promise.resolve();
        more = durable.run(REPLICATED, write);
        return written;
      });
      await Promise.all([first, durable.run(REPLICATED, write)]);
      await more;
    }
  });

  it("fails once the store is closed", async () => {
    const { durable } = lanes();
    durable.close();
    await expect(
      durable.run({ wanted: "quorum", means: MEANS }, () => Promise.resolve()),
    ).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: false,
    });
  });
});
