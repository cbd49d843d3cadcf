import { describe, expect, it } from "vitest";
import { durabilityOf } from "./durability.ts";

describe("what a commit is worth", () => {
  it.each(["on", "remote_apply", "local", "remote_write", "off"])(
    "is the primary's disk where no standby is waited for, with synchronous_commit %s",
    (level) => {
      expect(durabilityOf(level, "")).toBe("local");
      expect(durabilityOf(level, " ")).toBe("local");
    },
  );

  it.each(["local", "remote_write", "off"])("is no standby's disk with %s", (level) => {
    expect(durabilityOf(level, "one")).toBe("local");
  });

  it.each([
    ["one", "quorum"],
    ["one, two", "quorum"],
    ["1 (one, two, three)", "replicated"],
    ["FIRST 2 (one, two, three)", "quorum"],
    ["any 1 (one, two)", "quorum"],
    ["ANY 1 (one, two, three)", "replicated"],
    ["ANY 2 (one, two, three)", "quorum"],
    ["*", "replicated"],
    ["ANY 2 (*)", "replicated"],
    ['"*"', "replicated"],
  ])("counts a majority of primary and standbys: %s is %s", (standbys, durability) => {
    expect(durabilityOf("on", standbys)).toBe(durability);
    expect(durabilityOf("remote_apply", standbys)).toBe(durability);
  });
});
