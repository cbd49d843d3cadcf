/** `sojourn stores`: the number of buckets is changed while nothing is connected. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRedis } from "../../tools/engines.mjs";
import { SECRET, sojourn, startTestService } from "./service-harness.ts";

type Engine = Awaited<ReturnType<typeof startRedis>>;

describe("sojourn stores rebucket", () => {
  let redis: Engine;
  const env = (query = "") => ({
    SOJOURN_SECRETS: SECRET,
    SOJOURN_STORE: `${redis.url}/0${query}`,
    SOJOURN_CONTROL: "memory:",
  });

  beforeAll(async () => {
    redis = await startRedis({ args: ["--appendonly", "yes"] });
  });

  afterAll(() => redis.stop());

  it("moves every session once the service is stopped, and not before", async () => {
    const before = await startTestService({ env: env() });
    const { token } = await before.open("ann");
    const early = await sojourn(["stores", "rebucket", "--buckets", "32"], env());
    expect(early.code).toBe(2);
    expect(early.err).toMatch(/clients? (is|are) connected .*stop every service first/);
    expect(early.err.trimEnd().split("\n")).toHaveLength(1);
    await before.service.stop();
    const args = ["stores", "rebucket", "--from", `${redis.url}/0`, "--buckets", "32", "--json"];
    const moved = await sojourn(args);
    expect([moved.code, moved.err]).toEqual([0, ""]);
    const counts = { sessions: 1, subjects: 1, foreign: 0 };
    expect(JSON.parse(moved.out)).toEqual({ from: 256, to: 32, ...counts });
    const refused = await sojourn(["sessions", "list", "--subject", "ann"], env());
    expect(refused.err).toContain("add ?buckets=32 to the URL");
    const after = await startTestService({ env: env("?buckets=32") });
    const verified = await after.api("POST", "/v1/sessions/verify", { body: { token } });
    expect(verified.json["state"]).toBe("active");
    await after.service.stop();
  });

  it("says what is wrong with the number and the place", async () => {
    const at = (...args: readonly string[]) => sojourn(["stores", "rebucket", ...args]);
    expect((await at("--from", redis.url, "--buckets", "33")).err).toContain("power of two");
    expect((await at("--buckets", "32")).err).toContain("--from is missing");
    const other = await at("--from", "postgres://h/d", "--buckets", "32");
    expect([other.code, other.err]).toEqual([2, expect.stringContaining("only Redis has buckets")]);
  });
});
