import { describe, expect, it } from "vitest";
import { requireFit } from "./risks.ts";
import type { RedisRisk } from "./risks.ts";
import type { ServerFacts } from "./server.ts";

const FIT: ServerFacts = {
  version: "7.0.15",
  runId: "r",
  role: "primary",
  nowAt: 1,
  policy: "noeviction",
  aof: true,
  fsyncAlways: false,
  replicas: 0,
  failsOver: false,
  settings: { rdb: false, minReplicasLagS: 10 },
  asksForReplicas: false,
  sentinel: undefined,
  lagMs: 0,
};

function reasons(facts: Partial<ServerFacts>, ...accepted: readonly RedisRisk[]): string {
  try {
    requireFit({ ...FIT, ...facts }, { accepted, handsOver: false });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a server", () => {
  it("that keeps what it acknowledges is fit", () => {
    expect(reasons({})).toBe("");
    expect(reasons({ failsOver: true, asksForReplicas: true })).toBe("");
  });

  it("that is too old, or a replica, is refused whatever is accepted", () => {
    const all: RedisRisk[] = ["eviction", "no-aof", "rdb-only", "stale-primary", "sentinels"];
    expect(reasons({ version: "6.2.14" }, ...all)).toContain("use Redis 7.0 or newer");
    expect(reasons({ role: "replica" }, ...all)).toContain("connect to the primary");
  });

  it("that became a replica where others take over is out of reach, and may be tried again", () => {
    const replica: ServerFacts = { ...FIT, role: "replica", policy: "volatile-lru" };
    const look = (): void => requireFit(replica, { accepted: [], handsOver: true });
    expect(look).toThrow(
      expect.objectContaining({ code: "ERR_STORE_UNAVAILABLE", retryable: true }),
    );
  });

  it.each<[RedisRisk, Partial<ServerFacts>, string]>([
    ["eviction", { policy: "volatile-lru" }, "noeviction"],
    ["no-aof", { aof: false }, "appendonly yes"],
    ["no-aof", { aof: false, settings: undefined }, "appendonly yes"],
    ["rdb-only", { aof: false, settings: { rdb: true, minReplicasLagS: 10 } }, "snapshot"],
    ["stale-primary", { failsOver: true }, "min-replicas-to-write 1"],
    [
      "stale-primary",
      { failsOver: true, asksForReplicas: true, settings: { rdb: false, minReplicasLagS: 60 } },
      "min-replicas-max-lag 10",
    ],
  ])("with the risk %s is refused with what mends it, unless accepted", (risk, facts, mends) => {
    expect(reasons(facts)).toContain(mends);
    expect(reasons(facts)).toContain(`acceptRisks: ["${risk}"]`);
    expect(reasons(facts, risk)).toBe("");
  });

  it("that few Sentinels watch is refused, every reason on a line of its own", () => {
    const sentinel = {
      sentinels: 2,
      quorum: 1,
      replicas: 1,
      primaryHost: "10.0.0.1",
      replicaHosts: ["10.0.0.2"],
      sentinelHosts: ["10.0.0.1", "10.0.0.1"],
    };
    const facts = { failsOver: true, asksForReplicas: true, sentinel };
    expect(reasons(facts).match(/acceptRisks: \["sentinels"\]/g)).toHaveLength(3);
    expect(reasons(facts, "sentinels")).toBe("");
  });
});
