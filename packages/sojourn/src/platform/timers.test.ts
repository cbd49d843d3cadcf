import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { timers } from "./timers.ts";

const MONTH_MS = 30 * 86_400_000;

describe("timers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("run once after the span, not one millisecond before", () => {
    const run = vi.fn<() => void>();
    timers.after(1_000, run);
    vi.advanceTimersByTime(999);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    vi.advanceTimersByTime(10_000);
    expect(run).toHaveBeenCalledOnce();
  });

  it("never run after they were cancelled", () => {
    const run = vi.fn<() => void>();
    const cancel = timers.after(1_000, run);
    cancel();
    vi.advanceTimersByTime(2_000);
    expect(run).not.toHaveBeenCalled();
  });

  it("wait for spans that setTimeout cannot hold, and can be cancelled on the way", () => {
    const [kept, cancelled] = [vi.fn<() => void>(), vi.fn<() => void>()];
    timers.after(2 * MONTH_MS, kept);
    const cancel = timers.after(2 * MONTH_MS, cancelled);
    vi.advanceTimersByTime(2 * MONTH_MS - 1);
    expect(kept).not.toHaveBeenCalled();
    cancel();
    vi.advanceTimersByTime(1);
    expect(kept).toHaveBeenCalledOnce();
    expect(cancelled).not.toHaveBeenCalled();
  });

  it("let the process end", () => {
    vi.useRealTimers();
    const spy = vi.spyOn(globalThis, "setTimeout");
    const cancel = timers.after(60_000, () => undefined);
    const handle = spy.mock.results[0]?.value as NodeJS.Timeout;
    expect(handle.hasRef()).toBe(false);
    cancel();
    spy.mockRestore();
  });
});
