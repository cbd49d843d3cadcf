import { describe, expect, it } from "vitest";
import { Stage } from "../../../../../tests/support/near-stage.ts";
import { storedOf } from "../../../../../tests/support/scripted-store.ts";
import type { SharedCache, StoredSession } from "../../engine/ports.ts";
import { NearCache } from "../near-cache.ts";
import { MemoryStore } from "../memory.ts";

const REF = { tenant: "default", id: "s1" };
const AGE_MS = 500;

/** A near-cache over a store with a shared cache that holds what the test puts there. */
class Shared {
  value: StoredSession | undefined = storedOf();
  /** What happens between the question and the answer. */
  meanwhile: () => void = () => undefined;
  asked = 0;
  readonly stage: Stage;

  constructor() {
    const recall = async (): Promise<StoredSession | undefined> => {
      this.asked += 1;
      this.meanwhile();
      return Promise.resolve(this.value);
    };
    const tier: SharedCache = { ttlMs: 400, ageMs: AGE_MS, recall };
    this.stage = new Stage({}, tier);
  }

  /** In place for `ms`, proven all the while. */
  async inPlaceFor(ms: number): Promise<this> {
    await this.stage.listening();
    this.pass(ms);
    return this;
  }

  pass(ms: number): void {
    this.stage.now += ms;
    this.stage.script.prove(this.stage.now);
  }

  recall(): Promise<StoredSession | undefined> {
    const { recall } = this.stage.cache.near;
    if (recall === undefined) throw new Error("there is no shared cache");
    return recall(REF);
  }
}

describe("a near-cache believes a shared cache", () => {
  it("when its tail has been in place for as long as a value may be old, and keeps it", async () => {
    const shared = await new Shared().inPlaceFor(AGE_MS - 1);
    expect(await shared.recall()).toBeUndefined();
    expect(shared.asked).toBe(0);
    shared.pass(1);
    expect(await shared.recall()).toBe(shared.value);
    expect(shared.stage.peek()).toBe(shared.value);
    expect(shared.stage.cache.stats().recalls).toBe(1);
  });

  const news: Readonly<Record<string, (shared: Shared) => void>> = {
    "the session changed": ({ stage }) => stage.script.changed(REF),
    "its subject was revoked": ({ stage }) =>
      stage.script.say({ kind: "subject", tenant: "default", subject: "ada", epoch: 1 }),
    "this process is writing to it": ({ stage }) =>
      void stage.cache.revoke(REF, { reason: "revoked", at: 1 }, { now: 1 }),
    "changes were missed": ({ stage }) => {
      stage.script.gap();
      stage.script.prove(stage.now);
    },
  };

  it.each(Object.entries(news))("not if within that time %s", async (_what, tell) => {
    const before = await new Shared().inPlaceFor(2 * AGE_MS);
    tell(before);
    before.pass(AGE_MS - 1);
    expect(await before.recall()).toBeUndefined();
    const during = await new Shared().inPlaceFor(2 * AGE_MS);
    during.meanwhile = () => tell(during);
    expect(await during.recall()).toBeUndefined();
    expect([before.stage.peek(), during.stage.peek()]).toEqual([undefined, undefined]);
  });

  it("again once what was told of is older than any value there", async () => {
    const shared = await new Shared().inPlaceFor(2 * AGE_MS);
    shared.stage.script.changed(REF);
    shared.pass(3 * AGE_MS);
    shared.pass(3 * AGE_MS);
    expect(await shared.recall()).toBe(shared.value);
  });

  it("not past its own bound, nor when the answer took long (I3)", async () => {
    const silent = await new Shared().inPlaceFor(2 * AGE_MS);
    silent.stage.now += 1_000;
    expect(await silent.recall()).toBeUndefined();
    const slow = await new Shared().inPlaceFor(2 * AGE_MS);
    slow.meanwhile = () => slow.pass(251);
    expect(await slow.recall()).toBeUndefined();
  });

  it.each([
    ["another session", storedOf({ id: "s2" })],
    ["another tenant's", storedOf({ tenant: "other" })],
    ["one that is locked", storedOf({ state: "locked", lockFactors: 1 })],
  ])("not of %s", async (_what, value) => {
    const shared = await new Shared().inPlaceFor(2 * AGE_MS);
    shared.value = value;
    expect(await shared.recall()).toBeUndefined();
    expect(shared.stage.cache.stats().sessions).toBe(0);
  });

  it("only where there is one, and none that lags further than itself", () => {
    const store = new MemoryStore();
    expect(new NearCache(store, { stalenessMs: 1 }).near.recall).toBeUndefined();
    const tier = { ttlMs: 2_000, ageMs: 3_000, recall: () => Promise.resolve(undefined) };
    Object.assign(store, { tier });
    expect(() => new NearCache(store, { stalenessMs: 1_999 })).toThrow(/at least 2000/);
    expect(new NearCache(store, { stalenessMs: 2_000 }).near.recall).toBeDefined();
  });
});
