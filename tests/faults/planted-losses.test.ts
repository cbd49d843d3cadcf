/** What an engine may lose is excused where the docs say so, and nowhere else. */
import { checkHistory } from "sojourn/testing";
import { afterEach, describe, expect, it } from "vitest";
import { opened, worldsOf } from "./planted-world.ts";
import type { World } from "./planted-world.ts";
import type { Known } from "./recorder.ts";

const world = worldsOf(afterEach);

describe("what an engine cannot promise", () => {
  const fault = { kind: "fault", name: "failover", forgets: true } as const;

  /** Opened by p0, revoked by p1, found active by p2. */
  async function lost(): Promise<{ made: World; known: Known }> {
    const made = world({
      plant: () => ({
        revoke: async (_ref, end) => ({ outcome: "ended", end, durability: "memory" }),
      }),
    });
    const [a, b] = made.three;
    const known = await opened(a);
    await b.revoke(known);
    return { made, known };
  }

  it("is excused while a failover lasts, and is a violation after it", async () => {
    const { made, known } = await lost();
    const [, , c] = made.three;
    await c.verify(known, false);
    const within = [...made.events, { ...fault, at: 1, healedAt: 7 }];
    const { violations, excused, figures } = checkHistory(within);
    expect(violations).toEqual([]);
    expect(excused).toMatchObject([{ invariant: "I2", excuse: "while failover lasted" }]);
    expect(figures).toMatchObject({ activeAgain: 1, activeAgainAfterHeal: 0 });
    c.audit = true;
    await c.verify(known, false);
    const after = checkHistory([...made.events, { ...fault, at: 1, healedAt: 7 }]);
    expect(after.violations).toMatchObject([{ invariant: "I2", operation: "p2#2", remains: true }]);
    expect(after.figures.activeAgainAfterHeal).toBe(1);
  });

  it("is excused where the process that acknowledged it died before, and that one alone", async () => {
    const { made, known } = await lost();
    const [, , c] = made.three;
    made.pass(10);
    await c.verify(known, false);
    const died = (process: string, at: number) => ({ kind: "died", process, at }) as const;
    const over = { ...fault, at: 1, healedAt: 8 };
    const excused = checkHistory([...made.events, over, died("p1", 6)]);
    expect(excused.violations).toEqual([]);
    expect(excused.excused[0]?.excuse).toContain("p1, which died");
    for (const other of [died("p0", 6), died("p1", 20)]) {
      expect(checkHistory([...made.events, over, other]).violations).toHaveLength(1);
    }
    const remembering = { ...over, forgets: false };
    expect(checkHistory([...made.events, remembering, died("p1", 6)]).violations).toHaveLength(1);
  });

  it("is no excuse for a logout while the process that knows better lives (I7)", async () => {
    const made = world({ only: 1, plant: () => ({ find: async () => undefined }) });
    const [a, b] = made.three;
    const known = await opened(a);
    await b.verify(known, false);
    const within = [...made.events, { ...fault, at: 1, healedAt: 50 }];
    expect(checkHistory(within).violations).toMatchObject([{ invariant: "I7" }]);
    const died = { kind: "died", process: "p0", at: 40 } as const;
    const { violations, excused } = checkHistory([...within, died]);
    expect({ violations, excused }).toMatchObject({ violations: [], excused: [{}] });
  });

  it("covers a factor that is asked for where a rotation may be lost, and nowhere else (I7)", async () => {
    const made = world({});
    const [a, b] = made.three;
    const known = await opened(a);
    await b.verify(known, false);
    const told = made.events.map((event) =>
      event.kind === "verify" ? { ...event, answer: "locked" as const } : event,
    );
    expect(checkHistory(told).violations).toMatchObject([{ invariant: "I7", shows: "locked" }]);
    const within = checkHistory([...told, { ...fault, at: 1, healedAt: 50 }]);
    expect(within.violations).toEqual([]);
    expect(within.excused).toMatchObject([{ shows: "locked" }]);
    expect(within.figures).toMatchObject({ falseLogouts: 0, stepUps: 1 });
  });

  it("covers data that a failover lost, which nobody writes again (I4)", async () => {
    const made = world({
      plant: () => ({ patchData: async () => ({ outcome: "patched", dataVersion: 9 }) }),
    });
    const [a, b] = made.three;
    const known = await opened(a);
    await a.patch(known, { x: a.value() });
    await b.verify(known, false);
    const { violations, excused } = checkHistory([
      ...made.events,
      { ...fault, at: 1, healedAt: 5 },
    ]);
    expect({ violations, excused }).toMatchObject({ violations: [], excused: [{ shows: "read" }] });
    expect(checkHistory(made.events).violations).toHaveLength(1);
  });
});
