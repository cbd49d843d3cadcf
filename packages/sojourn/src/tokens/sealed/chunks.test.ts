import { describe, expect, it } from "vitest";
import { chunkCount, claimedCount, joinChunks, splitChunks } from "./chunks.ts";

const FULL = "a".repeat(3_800);

describe("chunks", () => {
  it("are cut in one way and joined again, and there are as many as was said", () => {
    for (const length of [1, 3_799, 3_800, 3_801, 7_600, 7_601]) {
      const text = "b".repeat(length);
      const chunks = splitChunks(text);
      expect(chunks).toHaveLength(chunkCount(length));
      expect(joinChunks(chunks)).toBe(text);
    }
  });

  it("are joined in no other way: none empty, none too long, none but the last short", () => {
    for (const chunks of [[""], [FULL, ""], [`${FULL}a`], [FULL, `${FULL}a`], ["a", FULL]]) {
      expect(joinChunks(chunks)).toBeUndefined();
    }
  });

  it("are counted by the first of them, from 1 to 4", () => {
    expect([1, 2, 3, 4].map((count) => claimedCount(`sj1e_${count}`))).toEqual([1, 2, 3, 4]);
    for (const first of ["sj1e_0", "sj1e_5", "sj1e_9", "sj1e_", "sj1e_:", "sj1s_1", ""]) {
      expect(claimedCount(first)).toBeUndefined();
    }
  });
});
