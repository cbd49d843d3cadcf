/**
 * The checker is worth what it catches: each store here is broken in one way that session stores
 * in the field are, several processes work on it, and the right call must be named.
 */
import type { SessionRef, SessionStore, StoredSession } from "sojourn";
import type { HistoryVerdict, Violation } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { opened, worldsOf } from "./planted-world.ts";
import type { Answer } from "./subject.ts";

const STALENESS_MS = 50;

const world = worldsOf(afterEach);

/** The only violation, by what names it. */
function only(verdict: HistoryVerdict): Pick<Violation, "invariant" | "operation" | "because"> {
  expect(verdict.violations.map(({ why }) => why)).toHaveLength(1);
  const [{ invariant, operation, because }] = verdict.violations as [Violation];
  return { invariant, operation, because };
}

/** Finds what was once there, ended since or not. */
function undying(good: SessionStore): {
  revived: Map<string, StoredSession>;
  find: SessionStore["find"];
} {
  const revived = new Map<string, StoredSession>();
  return { revived, find: async (ref) => revived.get(ref.id) ?? good.find(ref) };
}

describe("the checker", () => {
  it("catches a touch that brings an ended session back (I1)", async () => {
    const broken = world({
      plant(good) {
        const { revived, find } = undying(good);
        const before = new Map<string, StoredSession>();
        const remember = async (ref: SessionRef) => {
          const stored = await find(ref);
          if (stored?.record.state === "active") before.set(ref.id, stored);
          return stored;
        };
        return {
          find: remember,
          async touch(batch) {
            for (const { ref } of batch) {
              const stored = before.get(ref.id);
              if (stored !== undefined) revived.set(ref.id, stored);
            }
            return batch.map(() => "touched" as const);
          },
        };
      },
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    broken.clock.advance(120_000);
    await a.verify(known, true);
    await b.revoke(known);
    await c.verify(known, false);
    await broken.clock.advanceAsync(10_000);
    await c.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I1", operation: "p2#2", because: ["p1#1"] });
  });

  it("catches a decision written over an end (I1)", async () => {
    const broken = world({
      plant(good) {
        const { revived, find } = undying(good);
        return {
          find,
          async replace(record, version) {
            const stored = await good.find(record);
            const result = await good.replace(record, version);
            if (result === "replaced" || stored === undefined) return result;
            revived.set(record.id, { ...stored, record: { ...record, version: version + 1 } });
            return "replaced";
          },
        };
      },
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    const { replace } = broken.store;
    broken.store.replace = async (...args) => {
      broken.store.replace = replace;
      await b.revoke(known);
      await c.verify(known, false);
      return replace.apply(broken.store, args);
    };
    const rotated = await a.rotate(known);
    await c.verify(rotated, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I1", operation: "p2#2", because: ["p1#1"] });
  });

  it("catches a revocation that was acknowledged and is lost (I2)", async () => {
    const broken = world({
      plant: (good) => ({
        async revoke(ref, end) {
          const stored = await good.find(ref);
          if (stored === undefined) return { outcome: "absent", durability: "memory" };
          return { outcome: "ended", record: stored.record, end, durability: "memory" };
        },
      }),
    });
    const [a, b] = broken.three;
    const known = await opened(a);
    await b.revoke(known);
    await a.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I2", operation: "p0#2", because: ["p1#1"] });
  });

  it("catches a cache that is older than its bound, and nothing within it (I3)", async () => {
    const broken = world({
      only: 2,
      plant(good) {
        const cache = new Map<string, StoredSession | undefined>();
        return {
          async find(ref) {
            if (!cache.has(ref.id)) cache.set(ref.id, await good.find(ref));
            return cache.get(ref.id);
          },
        };
      },
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    await c.verify(known, false);
    await a.revoke(known);
    await c.verify(known, false);
    const within = broken.check(STALENESS_MS);
    expect(within.violations).toEqual([]);
    expect(within.figures.longestStaleMs).toBe(1);
    broken.pass(STALENESS_MS);
    await c.verify(known, false);
    await b.verify(known, false);
    const found = only(broken.check(STALENESS_MS));
    expect(found).toEqual({ invariant: "I3", operation: "p2#3", because: ["p0#2"] });
  });

  it("catches a write of another key that is lost (I4)", async () => {
    const broken = world({
      plant(good) {
        let lose = true;
        return {
          async patchData(ref, operations, expected) {
            lose = !lose;
            if (!lose) return good.patchData(ref, operations, expected);
            return { outcome: "patched", dataVersion: 9 };
          },
        };
      },
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    await a.patch(known, { x: a.value() });
    await b.patch(known, { y: b.value() });
    await c.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I4", operation: "p2#1", because: ["p1#1"] });
  });

  it("catches a count that is lost between two processes (I4)", async () => {
    const broken = world({
      plant: (good) => ({
        patchData: (ref, operations, _expected) => good.patchData(ref, operations),
      }),
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    await Promise.all([a.count(known, "n"), b.count(known, "n"), c.count(known, "n")]);
    await a.verify(known, false);
    const { invariant, operation } = only(broken.check());
    expect({ invariant, operation }).toEqual({ invariant: "I4", operation: "p0#3" });
  });

  it("catches an index that misses a session, in a list and in a revoke-all (I5)", async () => {
    const missed = new Set<string>();
    const broken = world({
      plant: (good) => ({
        async listBySubject(...args) {
          const page = await good.listBySubject(...args);
          return { ...page, items: page.items.filter(({ id }) => !missed.has(id)) };
        },
        async find(ref) {
          const stored = await good.find(ref);
          if (stored === undefined || !missed.has(ref.id)) return stored;
          const { end: _end, ...record } = stored.record;
          return { ...stored, subjectEpoch: 0, record: { ...record, state: "active" } };
        },
      }),
    });
    const [a, b] = broken.three;
    await opened(a);
    const known = await opened(a);
    missed.add(known.session.slice("ses_".length));
    await b.list("alice");
    const listed = only(broken.check());
    expect(listed).toEqual({ invariant: "I5", operation: "p1#1", because: ["p0#2"] });
    await b.revokeSubject("alice");
    await a.verify(known, false);
    const [, second] = broken.check().violations;
    expect(second).toMatchObject({ invariant: "I5", operation: "p0#3", because: ["p1#2"] });
  });

  it("catches an exception that brings back what an earlier revoke-all ended (I1)", async () => {
    const broken = world({
      plant(good) {
        const { revived, find } = undying(good);
        const before = new Map<string, StoredSession>();
        return {
          find: async (ref) => {
            const stored = await find(ref);
            if (stored?.record.state === "active") before.set(ref.id, stored);
            return stored;
          },
          async revokeSubject(tenant, subject, options) {
            const stored = before.get(options.except ?? "");
            if (stored !== undefined) revived.set(stored.record.id, stored);
            return good.revokeSubject(tenant, subject, options);
          },
        };
      },
    });
    const [a, b, c] = broken.three;
    const known = await opened(a);
    await c.verify(known, false);
    await b.revokeSubject("alice");
    await c.verify(known, false);
    await b.revokeOthers(known);
    await c.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I1", operation: "p2#3", because: ["p1#1"] });
  });

  it("catches store trouble that is told as a logout (I7)", async () => {
    const broken = world({ only: 1, plant: () => ({ find: async () => undefined }) });
    const [a, b] = broken.three;
    const known = await opened(a);
    await b.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "I7", operation: "p1#1", because: ["p0#1"] });
    expect(broken.check().figures.falseLogouts).toBe(1);
  });

  it("catches a token that is taken for another session", async () => {
    const tokens = new Map<string, string>();
    const broken = world({
      wrap: (good) => ({
        verify: (token, activity): Promise<Answer> =>
          good.verify(tokens.get(token) ?? token, activity),
      }),
    });
    const [a] = broken.three;
    const known = await opened(a);
    const other = await opened(a, "bob");
    tokens.set(known.token, other.token);
    await a.verify(known, false);
    const found = only(broken.check());
    expect(found).toEqual({ invariant: "identity", operation: "p0#3", because: ["p0#1"] });
  });
});
