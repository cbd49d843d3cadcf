import { afterEach, describe, expect, it, vi } from "vitest";
import { deprecate } from "./deprecate.ts";

const event = "deprecation" as "warning";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.removeAllListeners(event);
});

describe("a deprecation notice", () => {
  it("goes to standard error, once per calling place", () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    for (let n = 0; n < 2; n += 1) deprecate("first; use second");
    deprecate("first; use second");
    const lines = write.mock.calls.map(([line]) => line as string);
    expect(lines[0]).toMatch(
      /GMT express-session deprecated first; use second( at .+:\d+:\d+)?\n$/,
    );
    expect(lines.length).toBeLessThan(3);
  });

  it("is given to whoever listens, and not printed", () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const heard: unknown[] = [];
    process.on(event, (error) => heard.push(error));
    deprecate("heard");
    expect(write).not.toHaveBeenCalled();
    expect(heard).toEqual([
      expect.objectContaining({
        name: "DeprecationError",
        namespace: "express-session",
        message: "heard",
      }),
    ]);
  });

  it.each(["express-session", "*", "other,Express-Session"])("is silenced by %j", (names) => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.stubEnv("NO_DEPRECATION", names);
    deprecate(`silenced by ${names}`);
    expect(write).not.toHaveBeenCalled();
  });
});
