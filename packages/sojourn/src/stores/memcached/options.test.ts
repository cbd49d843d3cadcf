import { describe, expect, it } from "vitest";
import { ConfigError } from "../../engine/errors.ts";
import { MemcachedTier } from "../memcached.ts";
import { MemoryStore } from "../memory.ts";
import { NearCache } from "../near-cache.ts";

function problemsOf(...given: readonly unknown[]): readonly string[] {
  try {
    Reflect.construct(MemcachedTier, given);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).not.toContain("hunter2");
    return error.problems.map(({ path }) => path.replace("MemcachedTier.", ""));
  }
}

const store = new MemoryStore();

describe("the Memcached tier's options", () => {
  it.each(["cache", "cache:11212", "memcached://cache:1", "127.0.0.1", "[::1]:11211"])(
    "take the server %s",
    (server) => {
      expect(problemsOf(store, { servers: [server] })).toEqual([]);
    },
  );

  it.each([
    "",
    "redis://cache",
    "memcached://u:hunter2@cache",
    "cache/1",
    "cache:0",
    "cache:99999",
    7,
  ])("refuse the server %s and never print it", (server) => {
    expect(problemsOf(store, { servers: ["cache", server] })).toEqual(["servers[1]"]);
  });

  it("tell everything that is wrong at once", () => {
    const wrong = { servers: [], ttlMs: 1_500, timeoutMs: 0, cas: true };
    const paths = ["cas", "servers", "timeoutMs", "ttlMs"];
    expect(problemsOf(store, wrong).toSorted()).toEqual(paths);
    expect(problemsOf(store, { servers: ["cache"], ttlMs: 61_000 })).toEqual(["ttlMs"]);
  });

  it("never let it stand alone, twice, or in front of a near-cache", () => {
    const options = { servers: ["cache"] };
    expect(problemsOf(undefined, options)).toEqual(["store"]);
    expect(problemsOf("postgres://", options)).toEqual(["store"]);
    expect(problemsOf(new MemcachedTier(store, options), options)).toEqual(["store"]);
    expect(problemsOf(new NearCache(store, { stalenessMs: 1 }), options)).toEqual(["store"]);
  });
});
