import { describe, expect, it, vi } from "vitest";
import { StoreUnavailableError } from "../engine/errors.ts";
import type { SessionStore, TouchResult } from "../engine/ports.ts";
import { FaultyStore } from "./faulty-store.ts";
import { SeededRandom } from "./random.ts";

/** Only what these tests call. */
function innerStore(): SessionStore & { touch: ReturnType<typeof vi.fn> } {
  const touch = vi.fn((): Promise<readonly TouchResult[]> => Promise.resolve(["touched"]));
  const find = vi.fn(() => Promise.resolve(undefined));
  return { capabilities: { name: "inner" }, touch, find } as unknown as ReturnType<
    typeof innerStore
  >;
}

const ref = { tenant: "t", id: "i" };

describe("FaultyStore", () => {
  it("passes calls on and counts them by operation", async () => {
    const inner = innerStore();
    const store = new FaultyStore(inner);
    expect(await store.touch([{ ref }])).toEqual(["touched"]);
    await store.find(ref);
    await store.find(ref);
    expect([store.calls("touch"), store.calls("find"), store.calls()]).toEqual([1, 2, 3]);
    store.resetCalls();
    expect(store.calls()).toBe(0);
    expect(store.capabilities).toBe(inner.capabilities);
  });

  it("fails before the write, or after it so that the outcome is unknown to the caller", async () => {
    const inner = innerStore();
    const store = new FaultyStore(inner);
    store.fail("touch", "before");
    store.fail("touch", "after", 2);
    await expect(store.touch([])).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(inner.touch).toHaveBeenCalledTimes(0);
    await expect(store.touch([])).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.touch([])).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(inner.touch).toHaveBeenCalledTimes(2);
    await expect(store.touch([])).resolves.toEqual(["touched"]);
  });

  it("hangs until it is released", async () => {
    const inner = innerStore();
    const store = new FaultyStore(inner);
    store.fail("touch", "hang");
    let settled = false;
    const call = store.touch([]).then(() => void (settled = true));
    await vi.waitFor(() => expect(store.hanging).toBe(1));
    expect([settled, inner.touch.mock.calls.length]).toEqual([false, 0]);
    store.release();
    await call;
    expect([settled, store.hanging]).toEqual([true, 0]);
  });

  it("runs an action once, exactly between load and write", async () => {
    const order: string[] = [];
    const inner = innerStore();
    inner.touch.mockImplementation(() => order.push("write"));
    const store = new FaultyStore(inner);
    store.before("touch", () => void order.push("before"));
    store.before("touch", () => void order.push("before the next"));
    store.after("touch", () => void order.push("after"));
    await store.touch([]);
    expect(order).toEqual(["before", "write", "after"]);
    await store.touch([]);
    await store.touch([]);
    expect(order.slice(3)).toEqual(["before the next", "write", "write"]);
  });

  it("is down for every operation until it is up again", async () => {
    const store = new FaultyStore(innerStore());
    store.setDown(true);
    await expect(store.find(ref)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.touch([])).rejects.toBeInstanceOf(StoreUnavailableError);
    store.setDown(false);
    await expect(store.find(ref)).resolves.toBeUndefined();
  });

  it("fails by chance as often as asked for, the same for the same seed", async () => {
    const run = async (seed: number): Promise<string> => {
      const rates = { before: 0.2, after: 0.1 };
      const store = new FaultyStore(innerStore(), { random: new SeededRandom(seed), rates });
      const outcomes = Array.from({ length: 400 }, () =>
        store.touch([]).then(
          () => ".",
          () => "x",
        ),
      );
      return (await Promise.all(outcomes)).join("");
    };
    const first = await run(1);
    expect(await run(1)).toBe(first);
    expect(await run(2)).not.toBe(first);
    const failures = first.replaceAll(".", "").length;
    expect(failures).toBeGreaterThan(80);
    expect(failures).toBeLessThan(160);
  });

  it("waits as its delay says, before the store is reached", async () => {
    const inner = innerStore();
    const seen: string[] = [];
    const delay = async (operation: string): Promise<void> => {
      await Promise.resolve();
      seen.push(`${operation} ${inner.touch.mock.calls.length}`);
    };
    await new FaultyStore(inner, { delay }).touch([]);
    expect(seen).toEqual(["touch 0"]);
  });
});
