import { describe, expect, it } from "vitest";
import { listening } from "../../../../../tests/support/near-stage.ts";
import { storedOf } from "../../../../../tests/support/scripted-store.ts";

const REF = { tenant: "default", id: "s1" };

describe("find on a near-cache", () => {
  it("asks the store twice for a thousand simultaneous callers, and answers nobody early", async () => {
    const stage = await listening();
    const before = stage.cache.stats().reads;
    const finds = Array.from({ length: 1_000 }, () => stage.cache.find(REF));
    expect(stage.script.count("find")).toBe(1);
    await stage.script.take("find").answer(storedOf({ version: 1 }));
    expect(stage.script.count("find")).toBe(1);
    await stage.script.take("find").answer(storedOf({ version: 2 }));
    const versions = (await Promise.all(finds)).map((stored) => stored?.record.version);
    expect(versions).toEqual([1, ...Array.from({ length: 999 }, () => 2)]);
    const { reads, joined } = stage.cache.stats();
    expect([reads - before, joined]).toEqual([2, 999]);
  });

  it("asks again for those who wait when a read fails, and tells each his own trouble", async () => {
    const stage = await listening();
    const finds = [1, 2, 3].map(() => stage.cache.find(REF));
    const outcomes = Promise.allSettled(finds);
    await stage.script.take("find").refuse(new Error("cut off"));
    await stage.script.take("find").answer(storedOf());
    expect((await outcomes).map(({ status }) => status)).toEqual([
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
  });

  it("waits for no read that hangs: after a second it begins another, which alone is kept", async () => {
    const stage = await listening();
    const hanging = stage.cache.find(REF);
    const hung = stage.script.take("find");
    stage.now = 1_000;
    const second = stage.cache.find(REF);
    await stage.script.take("find").answer(storedOf({ version: 2 }));
    expect((await second)?.record.version).toBe(2);
    stage.script.prove(stage.now);
    await hung.answer(storedOf({ version: 1 }));
    expect((await hanging)?.record.version).toBe(1);
    expect(stage.peek()?.record.version).toBe(2);
  });

  it("keeps two tenants with one id apart", async () => {
    const stage = await listening();
    const asked = ["default", "default", "other", "other"];
    const finds = asked.map((tenant) => stage.cache.find({ ...REF, tenant }));
    while (stage.script.count("find") > 0) {
      const call = stage.script.take("find");
      const [ref] = call.args as [{ readonly tenant: string }];
      await call.answer(storedOf({ tenant: ref.tenant }));
    }
    const tenants = (await Promise.all(finds)).map((stored) => stored?.record.tenant);
    expect(tenants).toEqual(asked);
  });
});
