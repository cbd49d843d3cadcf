/** Several service processes behind one load balancer act as one. */
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cookie, send } from "./service-harness.ts";
import {
  postgres,
  postgresAndMemcached,
  redis,
  redisCluster,
  startMachines,
} from "./service-machines-harness.ts";
import type { Machines } from "./service-machines-harness.ts";
import { Listener } from "./service-listener.ts";

/** What the near-cache of each process is allowed; what is measured lies far below. */
const NEAR_MS = 2_000;
/** Same region, TE-09. */
const BOUND_MS = 1_000;

describe.each([
  ["PostgreSQL", postgres, undefined],
  ["PostgreSQL, Memcached and a near-cache", postgresAndMemcached, NEAR_MS],
  ["Redis and a near-cache", redis, NEAR_MS],
  ["Redis Cluster and a near-cache", redisCluster, NEAR_MS],
] as const)("three services on %s", (name, start, near) => {
  let m: Machines;

  beforeAll(async () => {
    const kept = near === undefined ? {} : { SOJOURN_NEAR_CACHE: `${near}ms` };
    m = await startMachines(start, kept);
  });

  afterAll(() => m.stop());

  it("verify everywhere what one of them opened, and refuse it in time everywhere [TE-09]", async () => {
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const { id, token } = await m.open(`ann-${round}`);
      for (const { url } of m.processes) {
        expect(await m.verify(token, url)).toBe("active");
        // From memory, where there is one.
        expect(await m.verify(token, url)).toBe("active");
      }
      const home = m.processes[round % m.processes.length]?.url;
      expect((await m.api("POST", `/v1/sessions/${id}/revoke`, {}, home)).status).toBe(200);
      const revokedAt = performance.now();
      await Promise.all(
        m.processes.map(async ({ url }) => {
          while ((await m.verify(token, url)) === "active") {
            if (performance.now() - revokedAt > NEAR_MS + BOUND_MS) return;
          }
          waits.push(performance.now() - revokedAt);
          expect(await m.verify(token, url)).toBe("ended");
        }),
      );
      expect(await m.verify(token, home)).toBe("ended");
    }
    expect(waits).toHaveLength(30);
    expect(Math.max(...waits)).toBeLessThan(BOUND_MS);
    // Without a near-cache every process asks the store: the first answer is a refusal.
    if (near === undefined) expect(await firstAnswerAfterRevoke()).toBe("ended");
  });

  async function firstAnswerAfterRevoke(): Promise<string> {
    const { id, token } = await m.open("first");
    const [one, two] = m.processes;
    await m.api("POST", `/v1/sessions/${id}/revoke`, {}, one?.url);
    return m.verify(token, two?.url);
  }

  it("revoke all of a subject through one, and none of it passes at another", async () => {
    const tokens = await Promise.all(
      Array.from({ length: 5 }, async () => (await m.open("many")).token),
    );
    for (const token of tokens) expect(await m.verify(token)).toBe("active");
    await m.api("POST", "/v1/subjects/many/revoke");
    await sleep(BOUND_MS);
    const states = await Promise.all(
      tokens.flatMap((token) => m.processes.map(({ url }) => m.verify(token, url))),
    );
    expect(new Set(states)).toEqual(new Set(["ended"]));
  });

  it("lose no key of session data that all of them change at once (I4)", async () => {
    const { id } = await m.open("patched");
    const names = Array.from({ length: 60 }, (_, at) => `key${at}`);
    const patch = (key: string) =>
      m.api("PATCH", `/v1/sessions/${id}`, { body: { data: { [key]: 1 } } });
    const answers = await Promise.all(names.map(patch));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const { json } = await m.api("GET", `/v1/sessions/${id}`);
    const { data } = json["session"] as { data: object };
    expect(Object.keys(data).toSorted()).toEqual(names.toSorted());
  });

  it("run a request once, whichever of them its Idempotency-Key reaches", async () => {
    for (let round = 0; round < 5; round += 1) {
      const body = { subject: `idempotent-${round}`, amr: ["pwd"] };
      const sent = { body, headers: { "idempotency-key": `once-${round}` } };
      const answers = await Promise.all(
        m.processes.flatMap(({ url }) => [
          m.api("POST", "/v1/sessions", sent, url),
          m.api("POST", "/v1/sessions", sent, url),
        ]),
      );
      const opened = answers.filter(({ status }) => status === 201);
      expect(opened.length).toBeGreaterThan(0);
      expect(new Set(opened.map(({ text }) => text)).size).toBe(1);
      const others = answers.filter(({ status }) => status !== 201);
      expect(others.every(({ status }) => status === 409)).toBe(true);
      const replayed = await m.api("POST", "/v1/sessions", sent);
      expect(replayed.text).toBe(opened[0]?.text);
      expect(replayed.headers["idempotency-replayed"]).toBe("true");
      const { json } = await m.api("GET", `/v1/sessions?subject=${body.subject}`);
      expect(json["items"]).toHaveLength(1);
    }
  });

  it("tell a live stream at one of them what another did", async () => {
    const { id, token } = await m.open("watched");
    const [one, two] = m.processes;
    const listener = new Listener(`${one?.url ?? ""}/v1/session/stream`, cookie(token));
    await listener.until(() => listener.heard("hello") !== undefined);
    await m.api("POST", `/v1/sessions/${id}/revoke`, {}, two?.url);
    const ms = await listener.until(() => listener.heard("ended") !== undefined);
    expect(ms).toBeLessThan(BOUND_MS);
    expect(listener.heard("ended")?.data).toMatchObject({ reason: "revoked" });
    await listener.until(() => listener.ended);
  });

  it("show what the near-cache does, and whether it knows all", async () => {
    const metrics = await send(`${m.processes[0]?.metricsUrl ?? ""}/metrics`, "GET");
    if (near === undefined) {
      expect(metrics.text).not.toContain("sojourn_near_");
      return;
    }
    for (const line of [
      /^sojourn_near_hits_total [1-9]/m,
      /^sojourn_near_misses_total [1-9]/m,
      /^sojourn_near_invalidations_total [1-9]/m,
      /^sojourn_near_sessions \d/m,
      /^sojourn_near_frontier_age_seconds 0(\.\d+)?$/m,
    ]) {
      expect(metrics.text).toMatch(line);
    }
    const fills = async (): Promise<boolean> => {
      const { token } = await m.open("filling");
      for (const { url } of m.processes) await m.verify(token, url);
      const texts = await Promise.all(
        m.processes.map(
          async ({ metricsUrl }) => (await send(`${metricsUrl}/metrics`, "GET")).text,
        ),
      );
      return texts.some((text) => /^sojourn_cache_fills_total [1-9]/m.test(text));
    };
    if (!name.includes("Memcached")) return expect(await fills()).toBe(false);
    // A process asks the cache once its tail has been in place for as long as values may be old.
    await vi.waitFor(async () => expect(await fills()).toBe(true), {
      timeout: 15_000,
      interval: 200,
    });
  });
});

describe("services of which one does not start", () => {
  it("leave nothing running, neither the others nor what they stand on", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    let stopped = 0;
    // One address for all: the first has it.
    const env = { SOJOURN_STORE: "memory:", SOJOURN_PORT: String(port) };
    const stop = async (): Promise<void> => void (stopped += 1);
    const started = startMachines(() => Promise.resolve({ env, stop }), {});
    await expect(started).rejects.toThrow(/ended with/);
    expect(stopped).toBe(1);
    await expect(send(`http://127.0.0.1:${port}/healthz`, "GET")).rejects.toThrow("ECONNREFUSED");
  });
});
