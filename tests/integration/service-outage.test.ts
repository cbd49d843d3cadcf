/** While the store does not answer: 503 in bounded time, a healthy process, then on as before. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, startRedis, startSentinel } from "../../tools/engines.mjs";
import { eventually } from "../support/eventually.ts";
import {
  bearer,
  cookie,
  folder,
  SECRET,
  send,
  serveProcess,
  sojourn,
  startTestService,
} from "./service-harness.ts";
import type { Answer, ServedProcess } from "./service-harness.ts";

type Engine = Awaited<ReturnType<typeof startRedis>>;

const STORE_TIMEOUT_MS = 1_000;
/** What the quickest of many requests takes besides waiting for the store, on a busy machine. */
const SLACK_MS = 1_500;
/** What the slowest takes. A store that nobody's time limit ends is waited for longer. */
const SLOWEST_MS = 10_000;
const WAVES = 10;
const EACH = 15;
const GROWTH_BYTES_MAX = 64 * 1_048_576;

/** The server and what it has forked: PostgreSQL is a process for each connection. */
function signal(engine: Engine, name: NodeJS.Signals): void {
  const path = `/proc/${engine.pid}/task/${engine.pid}/children`;
  const forked = readFileSync(path, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
  for (const pid of [engine.pid, ...forked]) process.kill(pid, name);
}

const ENGINES = [
  ["PostgreSQL", () => startPostgres()],
  ["Redis", () => startRedis({ args: ["--appendonly", "yes"] })],
] as const;

describe.each(ENGINES)("while %s stands still", (_name, start) => {
  const place = folder();
  let engine: Engine;
  let served: ServedProcess;
  let key: string;
  let token: string;

  const api = (method: string, path: string, body?: object): Promise<Answer> =>
    send(served.url + path, method, { ...bearer(key), ...(body === undefined ? {} : { body }) });

  beforeAll(async () => {
    engine = await start();
    const env = {
      SOJOURN_SECRETS: SECRET,
      SOJOURN_STORE: engine.url,
      // Service keys are not what is tested here.
      SOJOURN_CONTROL: `sqlite:${place.path}/control.db`,
      SOJOURN_STORE_TIMEOUT: `${STORE_TIMEOUT_MS}ms`,
    };
    served = await serveProcess(env);
    const made = await sojourn(["keys", "create", "--name", "k", "--json"], env);
    ({ key } = JSON.parse(made.out) as { key: string });
    const opened = await api("POST", "/v1/sessions", { subject: "ann", amr: ["pwd"] });
    token = String(opened.json["token"]);
  }, 60_000);

  afterAll(async () => {
    signal(engine, "SIGCONT");
    await served.stop();
    await engine.stop();
    place.remove();
  });

  async function timed(ask: () => Promise<Answer>): Promise<Answer & { readonly ms: number }> {
    const startedAt = performance.now();
    return { ...(await ask()), ms: performance.now() - startedAt };
  }

  async function heapBytes(): Promise<number> {
    const { text } = await send(`${served.metricsUrl}/metrics`, "GET");
    return Number(/^nodejs_heap_size_used_bytes (\d+)/m.exec(text)?.[1]);
  }

  it("every request is 503 with Retry-After in bounded time, and memory does not grow (I7)", async () => {
    signal(engine, "SIGSTOP");
    const before = await heapBytes();
    const asked: readonly (() => Promise<Answer>)[] = [
      () => api("POST", "/v1/sessions/verify", { token }),
      () => api("POST", "/v1/sessions", { subject: "bob", amr: ["pwd"] }),
      () => send(`${served.url}/v1/session`, "GET", cookie(token)),
      () => send(`${served.url}/readyz`, "GET"),
    ];
    let quickest = Infinity;
    for (let wave = 0; wave < WAVES; wave += 1) {
      const answers = await Promise.all(
        asked.flatMap((ask) => Array.from({ length: EACH }, () => timed(ask))),
      );
      for (const { status, headers, json, ms } of answers) {
        expect([status, json["code"]]).toEqual([503, "unavailable"]);
        expect(Number(headers["retry-after"])).toBeGreaterThan(0);
        expect(headers["set-cookie"]).toBeUndefined();
        expect(headers["www-authenticate"]).toBeUndefined();
        expect(ms).toBeLessThan(SLOWEST_MS);
      }
      quickest = Math.min(quickest, ...answers.map(({ ms }) => ms));
    }
    expect(quickest).toBeLessThan(STORE_TIMEOUT_MS + SLACK_MS);
    expect((await heapBytes()) - before).toBeLessThan(GROWTH_BYTES_MAX);
    const { status, ms } = await timed(() => send(`${served.url}/healthz`, "GET"));
    expect(status).toBe(200);
    expect(ms).toBeLessThan(SLOWEST_MS);
    const ready = await send(`${served.url}/readyz`, "GET");
    expect(ready.json["detail"]).toBe("The session store does not answer.");
  }, 60_000);

  it("nobody is signed out, and all goes on by itself once it answers again", async () => {
    signal(engine, "SIGCONT");
    const continuedAt = performance.now();
    let state: unknown;
    while (state !== "active" && performance.now() - continuedAt < 10_000) {
      const answer = await api("POST", "/v1/sessions/verify", { token });
      expect([200, 503]).toContain(answer.status);
      state = answer.json["state"];
      await sleep(20);
    }
    expect(state).toBe("active");
    expect((await send(`${served.url}/readyz`, "GET")).status).toBe(200);
    expect((await send(`${served.url}/v1/session`, "GET", cookie(token))).status).toBe(200);
    const metrics = await send(`${served.metricsUrl}/metrics`, "GET");
    expect(metrics.text).toMatch(/^sojourn_store_up 1$/m);
    expect(metrics.text).toMatch(/^sojourn_store_trouble_total\{operation="\w+"\} [1-9]/m);
  });

  it("a restart of it is survived in the same way", async () => {
    await engine.restart();
    const restartedAt = performance.now();
    let status = 503;
    while (status === 503 && performance.now() - restartedAt < 20_000) {
      ({ status } = await api("POST", "/v1/sessions", { subject: "cid", amr: ["pwd"] }));
      await sleep(50);
    }
    expect(status).toBe(201);
    expect(served.child.exitCode).toBeNull();
  });
});

it("a Redis that is unsafe since a reconnect is 503 as well, and the log says why (I7)", async () => {
  const engine = await startRedis({ args: ["--appendonly", "yes"] });
  const env = { SOJOURN_STORE: engine.url, SOJOURN_CONTROL: "memory:" };
  const s = await startTestService({ env });
  const { token } = await s.open("ann");
  const verify = (): Promise<Answer> => s.api("POST", "/v1/sessions/verify", { body: { token } });
  const admin = createClient({ url: engine.url });
  await admin.connect();
  await admin.sendCommand(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
  await admin.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  await eventually(async () => {
    await verify();
    return s.logs.join("").includes("maxmemory-policy is allkeys-lru");
  });
  const verified = await verify();
  expect([verified.status, verified.json["code"]]).toEqual([503, "unavailable"]);
  await admin.sendCommand(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
  await eventually(async () => (await verify()).json["state"] === "active");
  admin.destroy();
  await s.service.stop();
  await engine.stop();
});

it("a failover of Sentinels is 503 while it lasts, nobody is signed out, and all goes on", async () => {
  const replicated = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"];
  const group = await startSentinel({ args: ["--appendonly", "yes", ...replicated] });
  const hosts = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const s = await startTestService({
    env: {
      SOJOURN_STORE: `redis+sentinel://${hosts}/${group.name}`,
      SOJOURN_CONTROL: "memory:",
      SOJOURN_ACCEPT_RISKS: "sentinels",
      SOJOURN_STORE_TIMEOUT: `${STORE_TIMEOUT_MS}ms`,
    },
  });
  let token = "";
  // An installation that is seconds old might be one that lost something.
  for (let wait = 0; token === "" && wait < 100; wait += 1) {
    const body = { subject: "ann", amr: ["pwd"] };
    const answer = await s.api("POST", "/v1/sessions", { body });
    if (answer.status === 201) token = String(answer.json["token"]);
    await sleep(100);
  }
  const primary = await group.primary();
  process.kill(primary.pid, "SIGKILL");
  const states = new Set<unknown>();
  const killedAt = performance.now();
  let opened = 503;
  while (opened !== 201 && performance.now() - killedAt < 20_000) {
    const answer = await s.api("POST", "/v1/sessions/verify", { body: { token } });
    states.add(answer.status === 200 ? answer.json["state"] : answer.status);
    const body = { subject: "bob", amr: ["pwd"] };
    opened = (await s.api("POST", "/v1/sessions", { body })).status;
    expect([201, 503]).toContain(opened);
    await sleep(50);
  }
  expect(opened).toBe(201);
  expect(states).toEqual(new Set(["active", 503]));
  expect((await s.bare("GET", "/readyz")).status).toBe(200);
  await s.service.stop();
  await group.stop();
}, 60_000);
