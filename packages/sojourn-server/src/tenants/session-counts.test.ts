import { describe, expect, it } from "vitest";
import { SessionCounts } from "./session-counts.ts";

/** A store with a number of live sessions, and a clock that passes when it is told to. */
function stage(live: number) {
  const state = { live, counted: 0, time: 0 };
  const sessions = {
    count: async () => {
      state.counted += 1;
      return { count: state.live, exact: true };
    },
  };
  const counts = new SessionCounts(sessions, () => state.time);
  const open = async (max: number): Promise<boolean> => {
    const room = await counts.hasRoom("acme", max);
    if (room) {
      state.live += 1;
      counts.opened("acme");
    }
    return room;
  };
  return { state, open };
}

describe("a quota of sessions", () => {
  it("is exact for what one process opens, and counts the store once for all of it", async () => {
    const { state, open } = stage(3);
    for (const expected of [true, true, false]) expect(await open(5)).toBe(expected);
    expect(state).toMatchObject({ live: 5, counted: 1 });
  });

  it("counts again before it refuses, but not more than once a second", async () => {
    const { state, open } = stage(5);
    expect(await open(5)).toBe(false);
    state.live = 4;
    state.time = 999;
    expect(await open(5)).toBe(false);
    state.time = 1_000;
    expect(await open(5)).toBe(true);
    expect(state.counted).toBe(2);
  });

  it("hears of what others opened within five seconds, and waits for none of it", async () => {
    const { state, open } = stage(0);
    expect(await open(5)).toBe(true);
    state.live = 5;
    state.time = 4_999;
    expect(await open(5)).toBe(true);
    expect(state.counted).toBe(1);
    state.time = 5_000;
    // Counted behind this one.
    expect(await open(5)).toBe(true);
    expect(await open(5)).toBe(false);
    expect(state.counted).toBe(2);
  });

  it("is of each tenant", async () => {
    const counted: string[] = [];
    const sessions = {
      count: async ({ tenant = "" } = {}) => {
        counted.push(tenant);
        return { count: tenant === "full" ? 1 : 0, exact: true };
      },
    };
    const counts = new SessionCounts(sessions, () => 0);
    expect(await counts.hasRoom("full", 1)).toBe(false);
    expect(await counts.hasRoom("empty", 1)).toBe(true);
    expect(counted).toEqual(["full", "empty"]);
  });
});
