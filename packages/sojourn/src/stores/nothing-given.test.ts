/** What a caller in JavaScript who gave too little is told. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { MemcachedTier } from "./memcached.ts";
import { NearCache } from "./near-cache.ts";
import { PostgresStore } from "./postgres.ts";
import { followSentinels, rebucket, RedisStore } from "./redis.ts";
import { SqliteStore } from "./sqlite.ts";

type Make = (...given: readonly unknown[]) => unknown;

/** Types aside, as a caller in JavaScript. */
function making(Store: unknown): Make {
  return (...given) => Reflect.construct(Store as new () => unknown, given);
}

/** With everything that has to be given, by the paths of the problems when it is not. */
const makers: readonly (readonly [name: string, make: Make, missing: readonly string[]])[] = [
  ["SqliteStore", making(SqliteStore), ["store"]],
  ["PostgresStore", making(PostgresStore), ["store.pool"]],
  ["RedisStore", making(RedisStore), ["store.client"]],
  ["NearCache", making(NearCache), ["NearCache.store", "NearCache.stalenessMs"]],
  ["MemcachedTier", making(MemcachedTier), ["MemcachedTier.store", "MemcachedTier.servers"]],
  [
    "followSentinels",
    followSentinels as Make,
    ["sentinel.name", "sentinel.addresses", "sentinel.connect"],
  ],
  ["rebucket", rebucket as Make, ["store.client", "store.buckets"]],
];

async function problemsOf(make: () => unknown): Promise<ConfigError["problems"]> {
  try {
    await make();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

describe.each(makers)("%s", (_name, make, missing) => {
  it.each([undefined, null, {}])("lists what is missing when given %j", async (given) => {
    const problems = await problemsOf(() => make(given));
    expect(problems.map(({ path }) => path)).toEqual(missing);
    for (const { message } of problems) expect(message).toMatch(/takes|expected|whole/);
  });

  it("lists what is missing when given nothing at all", async () => {
    expect((await problemsOf(() => make())).map(({ path }) => path)).toEqual(missing);
  });
});

describe.each(makers.slice(0, 3))("%s", (_name, make, missing) => {
  it("names an option that nobody knows, with those that are known", async () => {
    const problems = await problemsOf(() => make({ tables: "t" }));
    expect(problems.map(({ path }) => path).toSorted()).toEqual([...missing, "store.tables"]);
    const unknown = problems.find(({ path }) => path === "store.tables");
    expect(unknown?.message).toMatch(/^unknown option; known are .*maxDataBytes/);
  });
});

it("a cluster of another driver is refused, not stumbled over", async () => {
  const client = { nodeClient: () => undefined };
  const problems = await problemsOf(() => making(RedisStore)({ client }));
  expect(problems).toEqual([
    { path: "store.client", message: expect.stringContaining("createCluster(") as string },
  ]);
});
