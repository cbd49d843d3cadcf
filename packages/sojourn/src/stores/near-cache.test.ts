import { describe, expect, it } from "vitest";
import {
  keeping,
  listening,
  STALENESS_MS as S,
  Stage,
} from "../../../../tests/support/near-stage.ts";
import { ScriptedStore, storedOf } from "../../../../tests/support/scripted-store.ts";
import { ConfigError } from "../engine/errors.ts";
import type { StoreDelta } from "../engine/ports.ts";
import { MemoryStore } from "./memory.ts";
import { NearCache } from "./near-cache.ts";

const REF = { tenant: "default", id: "s1" };
const END = { reason: "revoked", at: 1 } as const;

async function expectKeepsFromNextProof(stage: Stage): Promise<void> {
  await stage.read(storedOf());
  expect(stage.peek()).toBeUndefined();
  stage.script.prove(0);
  expect(stage.peek()).toBeUndefined();
  await stage.read(storedOf());
  expect(stage.peek()).toBeDefined();
}

describe("a near-cache answers", () => {
  it("what was read last, without asking the store", async () => {
    const stage = await listening();
    const stored = storedOf();
    await stage.read(stored);
    expect(stage.peek()).toBe(stored);
    expect(stage.script.count("find")).toBe(0);
  });

  it("until the last proof of freshness is S old, and again with the next one (I3)", async () => {
    const stage = await keeping();
    stage.now = S - 1;
    expect(stage.peek()).toBeDefined();
    stage.now = S;
    expect(stage.peek()).toBeUndefined();
    stage.script.prove(1);
    expect(stage.peek()).toBeDefined();
    stage.script.prove(0);
    expect(stage.peek()).toBeDefined();
    stage.now = S + 1;
    expect(stage.peek()).toBeUndefined();
  });

  it("past its own bound to whoever names another, and says when it was proven fresh", async () => {
    const stage = await keeping();
    stage.now = 5 * S;
    expect(stage.cache.near.peek(REF, 5 * S)).toBeUndefined();
    expect(stage.cache.near.peek(REF, 5 * S + 1)).toBeDefined();
    expect(stage.cache.near.provenAt).toBe(0);
    stage.script.gap();
    expect(stage.cache.near.provenAt).toBe(-Infinity);
    expect(stage.cache.near.peek(REF, Infinity)).toBeUndefined();
  });

  it("nothing before the first proof, nor what was read before it", async () => {
    const stage = new Stage();
    await expectKeepsFromNextProof(stage);
  });

  it("nothing on the word of a proof that no clock of this process can have given", async () => {
    const stage = new Stage();
    await stage.read(storedOf());
    for (const askedAt of [Date.now(), 1, Number.NaN]) stage.script.prove(askedAt);
    await stage.read(storedOf());
    expect(stage.peek()).toBeUndefined();
    expect(stage.cache.stats().frontierAgeMs).toBeUndefined();
  });

  it("in the session's own tenant only", async () => {
    const stage = await keeping();
    expect(stage.peek("s1", "other")).toBeUndefined();
  });

  it("active sessions only, and none that is not there", async () => {
    const stage = await keeping();
    await stage.read(storedOf({ state: "locked", lockFactors: 1 }));
    expect(stage.peek()).toBeUndefined();
    await stage.read(storedOf({ id: "s2", state: "pending" }));
    await stage.read(storedOf({ id: "s3", state: "ended", end: END }));
    const absent = stage.cache.find({ tenant: "default", id: "s4" });
    await stage.script.take("find").answer(undefined);
    expect(await absent).toBeUndefined();
    expect(["s2", "s3", "s4"].map((id) => stage.peek(id))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a near-cache forgets", () => {
  it("a session that the tail says has changed, and no other", async () => {
    const stage = await keeping();
    await stage.read(storedOf({ id: "s2" }));
    stage.script.changed(REF);
    expect(stage.peek()).toBeUndefined();
    expect(stage.peek("s2")).toBeDefined();
  });

  it("every session of a subject that the tail says was revoked", async () => {
    const stage = await keeping();
    await stage.read(storedOf({ id: "s2" }));
    await stage.read(storedOf({ id: "s3", subject: "ben" }));
    stage.script.say({ kind: "subject", tenant: "default", subject: "ada", epoch: 1 });
    expect([stage.peek(), stage.peek("s2")]).toEqual([undefined, undefined]);
    expect(stage.peek("s3")).toBeDefined();
  });

  it("everything at a gap, and keeps nothing again before the next proof", async () => {
    const stage = await keeping();
    stage.script.gap();
    expect(stage.peek()).toBeUndefined();
    await expectKeepsFromNextProof(stage);
  });

  it("nothing while the tail is silent: what it tells later is applied then", async () => {
    const stage = await keeping();
    await stage.read(storedOf({ id: "s2" }));
    stage.now = 10 * S;
    expect(stage.peek()).toBeUndefined();
    stage.script.changed(REF);
    stage.script.prove(10 * S);
    expect(stage.peek()).toBeUndefined();
    expect(stage.peek("s2")).toBeDefined();
  });

  it("everything when it is released; then it listens and keeps no more", async () => {
    const stage = await keeping();
    stage.cache.release();
    expect(stage.script.tails.map(({ open }) => open)).toEqual([false]);
    expect(stage.peek()).toBeUndefined();
    await stage.read(storedOf());
    expect(stage.script.tails).toHaveLength(1);
    expect(stage.peek()).toBeUndefined();
    expect(stage.script.closed).toBe(0);
    await stage.cache.close();
    expect(stage.script.closed).toBe(1);
  });
});

describe("a read under way is not kept", () => {
  const news: Readonly<Record<string, (stage: Stage) => unknown>> = {
    "its session changes": ({ script }) => script.changed(REF),
    "a subject is revoked, its own or not": ({ script }) =>
      script.say({ kind: "subject", tenant: "default", subject: "ada", epoch: 1 }),
    "changes were missed": ({ script, now }) => {
      script.gap();
      script.prove(now);
    },
    "this process writes to it": ({ cache }) => void cache.revoke(REF, END, { now: 1 }),
    "this process revokes the subject": ({ cache }) =>
      void cache.revokeSubject("default", "ada", { now: 1, end: END }),
  };

  it.each(Object.entries(news))("when %s", async (_what, tell) => {
    const stage = await listening();
    const reading = stage.cache.find(REF);
    const call = stage.script.take("find");
    tell(stage);
    await call.answer(storedOf());
    expect((await reading)?.record.id).toBe("s1");
    expect(stage.peek()).toBeUndefined();
  });

  it("when it began while this process was writing", async () => {
    const stage = await listening();
    const writing = stage.cache.revoke(REF, END, { now: 1 });
    const reading = stage.cache.find(REF);
    const read = stage.script.take("find");
    await stage.script.take("revoke").answer({ outcome: "ended", durability: "local" });
    await writing;
    await read.answer(storedOf());
    await reading;
    expect(stage.peek()).toBeUndefined();
  });

  it("after a write that was not answered: nobody knows what it did", async () => {
    const stage = await listening();
    const writing = stage.cache.replace(storedOf().record, 1);
    await stage.read(storedOf());
    expect(stage.peek()).toBeDefined();
    await stage.script.take("replace").refuse(new Error("cut off"));
    await expect(writing).rejects.toThrow("cut off");
    expect(stage.peek()).toBeUndefined();
  });

  it("and others are, whatever happens to that one", async () => {
    const stage = await listening();
    const reading = stage.cache.find({ ...REF, id: "s2" });
    stage.script.changed(REF);
    await stage.script.take("find").answer(storedOf({ id: "s2" }));
    await reading;
    expect(stage.peek("s2")).toBeDefined();
  });
});

describe("a process reads its own writes", () => {
  const deltas: readonly StoreDelta[] = [
    { kind: "session", session: storedOf() },
    { kind: "tombstone", ref: REF, until: 1 },
    { kind: "epoch", tenant: "default", subject: "ada", epoch: 1 },
  ];
  const { record } = storedOf();
  const ended = { record, end: END };
  const other = storedOf({ id: "s9" }).record;
  type Write = readonly [(cache: NearCache) => Promise<unknown>, unknown];
  const writes: Readonly<Record<string, Write>> = {
    replace: [(cache) => cache.replace(record, 1), "conflict"],
    patchData: [(cache) => cache.patchData(REF, []), { outcome: "gone" }],
    revoke: [(cache) => cache.revoke(REF, END, { now: 1 }), { outcome: "absent" }],
    revokeSubject: [
      (cache) => cache.revokeSubject("default", "ada", { now: 1, end: END }),
      { epoch: 1, ended: [] },
    ],
    purgeSubject: [(cache) => cache.purgeSubject("default", "ada", 1), 1],
    "touch that marks a token sent": [
      (cache) => cache.touch([{ ref: REF, sent: { generation: 2, at: 1 } }]),
      ["touched"],
    ],
    "touch of what is gone": [(cache) => cache.touch([{ ref: REF, seenAt: 1 }]), ["gone"]],
    "create that replaces it": [
      (cache) => cache.create(other, { now: 1, replaces: { ref: REF, dataVersion: 0 } }),
      { outcome: "created", record: other, evicted: [] },
    ],
    "create that evicts it": [
      (cache) => cache.create(other, { now: 1 }),
      { outcome: "created", record: other, evicted: [ended] },
    ],
    sweep: [(cache) => cache.sweep({ now: 1, limit: 1 }), { ended: [ended], purged: 0 }],
    "apply of a session": [(cache) => cache.apply(deltas.slice(0, 1), "r2"), undefined],
    "apply of a tombstone": [(cache) => cache.apply(deltas.slice(1, 2), "r2"), undefined],
    "apply of an epoch": [(cache) => cache.apply(deltas.slice(2), "r2"), undefined],
  };

  it.each(Object.entries(writes))("after %s", async (name, [write, result]) => {
    const stage = await keeping();
    const writing = write(stage.cache);
    await stage.script.take(name.split(" ")[0] ?? "").answer(result);
    await writing;
    expect(stage.peek()).toBeUndefined();
  });

  it("and a touch that the store took moves what is kept on", async () => {
    const stage = await keeping({ seenAt: 5 });
    for (const [seenAt, shown] of [
      [3, 5],
      [9, 9],
    ] as const) {
      const touching = stage.cache.touch([{ ref: REF, seenAt }]);
      await stage.script.take("touch").answer(["touched"]);
      expect(await touching).toEqual(["touched"]);
      expect(stage.peek()?.record.seenAt).toBe(shown);
    }
  });

  it("and what was found out about it goes with it", async () => {
    const stage = await keeping({ seenAt: 5 });
    const kept = stage.cache.near.peek(REF);
    if (kept !== undefined) kept.note = "alive";
    expect(stage.cache.near.peek(REF)?.note).toBe("alive");
    const touching = stage.cache.touch([{ ref: REF, seenAt: 9 }]);
    await stage.script.take("touch").answer(["touched"]);
    await touching;
    expect(stage.cache.near.peek(REF)).toMatchObject({ note: undefined });
  });

  it("while a touch that failed is not counted on", async () => {
    const stage = await keeping();
    const touching = stage.cache.touch([{ ref: REF, seenAt: 9 }]);
    await stage.script.take("touch").refuse(new Error("cut off"));
    await expect(touching).rejects.toThrow("cut off");
    expect(stage.peek()).toBeUndefined();
  });
});

describe("a near-cache tells", () => {
  it("how it fares", async () => {
    const stage = await keeping();
    for (const id of ["s1", "s1", "s2", "s3"]) stage.peek(id);
    const { bytes, sessions } = stage.cache.stats();
    expect([sessions, bytes > 0]).toEqual([1, true]);
    stage.now = 40;
    stage.script.prove(30);
    stage.script.changed(REF);
    stage.script.tails[0]?.handlers.error?.(new Error("trouble"));
    const stats = stage.cache.stats();
    expect(stats).toEqual({
      hits: 2,
      misses: 2,
      hitRate: 0.5,
      reads: 2,
      joined: 0,
      recalls: 0,
      sessions: 0,
      bytes: 0,
      evictions: 0,
      invalidations: 1,
      gaps: 0,
      errors: 1,
      frontierAgeMs: 10,
      invalidationLagMs: 40,
    });
  });

  it("all that is wrong with what it is given", () => {
    const problemsOf = (...given: readonly unknown[]): readonly string[] => {
      try {
        Reflect.construct(NearCache, given);
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.problems.map(({ path }) => path) : [];
      }
    };
    const good = { stalenessMs: 1 };
    expect(problemsOf(new MemoryStore(), good)).toEqual([]);
    expect(problemsOf(undefined, good)).toEqual(["NearCache.store"]);
    expect(problemsOf(MemoryStore, good)).toEqual(["NearCache.store"]);
    expect(problemsOf(new ScriptedStore("lossy").store, good)).toEqual(["NearCache.store"]);
    expect(problemsOf(new NearCache(new MemoryStore(), good), good)).toEqual(["NearCache.store"]);
    expect(problemsOf(new MemoryStore())).toEqual(["NearCache.stalenessMs"]);
    const bad = { stalenessMs: 60_001, maxSessions: 0, maxBytes: 0.5, monotonic: 1, size: 1 };
    expect(problemsOf(new MemoryStore(), bad).toSorted()).toEqual([
      "NearCache.maxBytes",
      "NearCache.maxSessions",
      "NearCache.monotonic",
      "NearCache.size",
      "NearCache.stalenessMs",
    ]);
  });
});
