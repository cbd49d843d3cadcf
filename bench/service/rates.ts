/**
 * What the service answers a second and what each answer takes of the processor, beside a bare
 * Fastify route that takes and gives JSON of the same size, in turns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyFileAt } from "../../tests/support/key-file.ts";
import { figureOf, median } from "../harness.ts";
import type { Effort, Sample } from "../harness.ts";
import { atLeast } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { closedLoop, eachOnce } from "./load.ts";
import type { Shot } from "./load.ts";
import { startBare, startService } from "./server.ts";
import type { Server, Service } from "./server.ts";

const TOKENS = 100;
const JSON_TYPE = { "content-type": "application/json" };

interface Target {
  readonly name: string;
  readonly server: Server;
  readonly shots: readonly Shot[];
  /** Operations of one request. */
  readonly operations: number;
  /** What is good for one use is made anew before each sample. */
  readonly fresh?: () => Promise<readonly Shot[]>;
  readonly samples: Sample[];
}

export async function rates(effort: Effort): Promise<Section> {
  const bare = await startBare();
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-keys-"));
  const service = await startService({
    SOJOURN_NEAR_CACHE: "2s",
    SOJOURN_PROXIES: "loopback",
    SOJOURN_TOKEN_KEYS: await keyFileAt(join(folder, "keys.jwks")),
    SOJOURN_TOKEN_ISSUER: "https://auth.example",
    SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
    SOJOURN_TOKEN_CLIENTS: CLIENT,
  });
  try {
    const targets = await targetsOf(bare, service);
    const ms = Math.max(1_000, effort.sampleMs * 25);
    // What is opened is still filed and chained behind later requests: that comes after the reads.
    const reads = targets.filter(({ name }) => ![OPEN, LIST, REFRESH].includes(name));
    const rest = targets.filter((target) => !reads.includes(target));
    for (const some of [reads, rest]) {
      for (const target of some) await measure(target, ms);
      for (let round = 0; round < Math.min(effort.samples, 7); round += 1) {
        for (const target of some) target.samples.push(await measure(target, ms));
      }
    }
    return sectionOf(targets);
  } finally {
    await service.stop();
    await bare.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function sectionOf(targets: readonly Target[]): Section {
  const figures = targets.map(({ name, samples }) => figureOf(name, samples));
  return { title: "The service, 16 connections", figures, goals: goalsOf(targets) };
}

function goalsOf(targets: readonly Target[]): readonly Goal[] {
  const of = (name: string): readonly Sample[] =>
    targets.find((target) => target.name === name)?.samples ?? [];
  const bare = of(BARE);
  const ratio = median(
    of(VERIFY).map((one, round) => (bare[round]?.wallUs ?? Number.NaN) / one.wallUs),
  );
  const perCore = 1e6 / median(of(BATCH).map(({ cpuUs }) => cpuUs));
  return [
    atLeast("verify, cached ÷ bare route, requests per second", 100 * ratio, 75, "%"),
    atLeast("verifies in batches of 100", perCore, 150_000, "/s of one core"),
  ];
}

const BARE = "bare Fastify, JSON in and out";
const VERIFY = "verify, cached";
const BATCH = "verify, cached, in batches of 100";
const OPEN = "open";
const LIST = "list, 50 of a tenant";
const REFRESH = "refresh, each token once";
const REFRESHES = 1_000;
const AUDIENCE = "https://api.example";
const CLIENT = "app";

async function targetsOf(bare: Server, service: Service): Promise<readonly Target[]> {
  const headers = { ...JSON_TYPE, authorization: `Bearer ${service.key}` };
  const post = (path: string, body: object): Shot => ({
    method: "POST",
    path,
    headers,
    body: JSON.stringify(body),
  });
  const ask: Ask = async ({ path, body = "" }) => {
    const response = await fetch(service.url + path, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const tokens: string[] = [];
  for (let count = 0; count < TOKENS; count += 1) {
    const opened = await ask(post("/v1/sessions", { subject: `s${count}`, amr: ["pwd"] }));
    tokens.push(String(opened["token"]));
  }
  const verify = tokens.map((token) => post("/v1/sessions/verify", { token }));
  const answer = await ask(verify[0] as Shot);
  await fetch(`${bare.url}/answer`, {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify(answer),
  });
  const like = { ...post("/json", { token: tokens[0] }) };
  const listed: Shot = { method: "GET", path: "/v1/sessions?limit=50", headers };
  const gate: readonly Shot[] = tokens.map((token) => ({
    method: "GET",
    path: "/v1/forward-auth",
    headers: {
      authorization: `Bearer ${token}`,
      "x-forwarded-method": "GET",
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "app.example",
    },
  }));
  const target = (
    name: string,
    server: Server,
    shots: readonly Shot[],
    operations = 1,
  ): Target => ({
    name,
    server,
    shots,
    operations,
    samples: [],
  });
  return [
    target(BARE, bare, [like]),
    target(VERIFY, service, verify),
    target(BATCH, service, [post("/v1/sessions/verify", { tokens })], TOKENS),
    target("forward-auth, cached", service, gate),
    target(OPEN, service, [post("/v1/sessions", { subject: "one", amr: ["pwd"] })]),
    target(LIST, service, [listed]),
    { ...target(REFRESH, service, []), fresh: () => grants(ask) },
  ];
}

type Ask = (shot: Pick<Shot, "path" | "body">) => Promise<Record<string, unknown>>;

/** Refresh tokens of as many sessions. */
async function grants(ask: Ask): Promise<readonly Shot[]> {
  const shots: Shot[] = [];
  for (let count = 0; count < REFRESHES; count += 1) {
    const subject = JSON.stringify({ subject: `r${count}`, amr: ["pwd"] });
    const { session } = await ask({ path: "/v1/sessions", body: subject });
    const { id } = session as { id: string };
    const body = JSON.stringify({ clientId: CLIENT, audience: AUDIENCE });
    const { refreshToken } = await ask({ path: `/v1/sessions/${id}/refresh-token`, body });
    shots.push({
      method: "POST",
      path: "/oauth/token",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "refresh_token",
        client_id: CLIENT,
        refresh_token: String(refreshToken),
      }).toString(),
    });
  }
  return shots;
}

async function measure(target: Target, ms: number): Promise<Sample> {
  const { name, server, shots, operations, fresh } = target;
  const made = await fresh?.();
  const before = server.cpuUs();
  const volley =
    made === undefined ? closedLoop(server.url, shots, ms) : eachOnce(server.url, made);
  const { answers, perSecond, failed } = await volley;
  if (failed > 0) throw new Error(`${name}: ${failed} of ${answers + failed} failed`);
  const cpuUs = (server.cpuUs() - before) / answers / operations;
  return { wallUs: 1e6 / perSecond / operations, cpuUs };
}
