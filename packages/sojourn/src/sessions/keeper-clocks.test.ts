import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { forgetfulStore } from "../../../../tests/support/forgetful-store.ts";
import type { ForgetfulStore } from "../../../../tests/support/forgetful-store.ts";
import { HOUR, failure, SECOND } from "../../../../tests/support/world.ts";
import { ChangeFeed } from "./change-feed.ts";
import { Keeper } from "./keeper.ts";

const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE" };
const ABSENT = { tenant: "t", id: "A".repeat(24) };

interface Place {
  readonly clock: ManualClock;
  readonly store: ForgetfulStore;
  readonly keeper: Keeper;
  /** Move the store's clock alone. */
  setStore(byMs: number): void;
}

/** A process whose own clock is right, on a store whose clock need not be. */
function place(): Place {
  const clock = new ManualClock();
  let offMs = 0;
  const store = forgetfulStore(() => clock.now() + offMs);
  const keeper = new Keeper({
    store,
    timers: clock,
    changes: new ChangeFeed(store, () => undefined),
    monotonic: () => clock.now(),
    now: () => clock.now(),
    replayed: () => undefined,
    trouble: () => undefined,
  });
  return { clock, store, keeper, setStore: (byMs) => void (offMs += byMs) };
}

describe("a store whose clock is set back after a failover", () => {
  it("is settled once this process has known it for long enough (I7)", async () => {
    const { clock, store, keeper, setStore } = place();
    expect(await keeper.store.find(ABSENT)).toBeUndefined();
    store.failOver();
    setStore(-HOUR);
    expect(await failure(keeper.store.find(ABSENT))).toMatchObject(UNAVAILABLE);
    await clock.advanceAsync(9 * SECOND);
    expect(await failure(keeper.store.find(ABSENT))).toMatchObject(UNAVAILABLE);
    await clock.advanceAsync(SECOND);
    expect(await keeper.store.find(ABSENT)).toBeUndefined();
  });
});
