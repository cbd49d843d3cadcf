/** Several service processes behind HAProxy, as an operator runs them. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  startCluster,
  startHaproxy,
  startMemcached,
  startPostgres,
  startRedis,
} from "../../tools/engines.mjs";
import { bearer, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Answer, Json, ServedProcess, Sent } from "./service-harness.ts";

/** Engines that several services stand on, and the settings that lead there. */
export interface Shared {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function postgres(): Promise<Shared> {
  const server = await startPostgres();
  return { env: { SOJOURN_STORE: server.url }, stop: () => server.stop() };
}

/** Beside PostgreSQL for the control store, as on several machines. */
export async function redis(): Promise<Shared> {
  const server = await startRedis({ args: SAFE });
  return withControl(server.url, () => server.stop());
}

export async function redisCluster(): Promise<Shared> {
  const cluster = await startCluster({ replicasPer: 0, args: SAFE });
  const hosts = cluster.urls.map((url) => new URL(url).host);
  return withControl(`redis-cluster://${hosts.join(",")}`, () => cluster.stop());
}

/** Whose services share what they have read. */
export async function postgresAndMemcached(): Promise<Shared> {
  const shared = await postgres();
  const memcached = await started(startMemcached, shared.stop);
  return {
    env: { ...shared.env, SOJOURN_CACHE: memcached.url },
    stop: async () => {
      await memcached.stop();
      await shared.stop();
    },
  };
}

async function withControl(store: string, stop: () => Promise<void>): Promise<Shared> {
  const control = await started(startPostgres, stop);
  return {
    env: { SOJOURN_STORE: store, SOJOURN_CONTROL: control.url },
    stop: async () => {
      await stop();
      await control.stop();
    },
  };
}

/** What stands already is stopped when the next does not start. */
async function started<T>(start: () => Promise<T>, stop: () => Promise<unknown>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await stop();
    throw error;
  }
}

const SAFE = ["--appendonly", "yes"];

export interface Machines {
  /** The balancer's address: each request goes to the next process. */
  readonly url: string;
  readonly processes: readonly ServedProcess[];
  /** With the service key, at the balancer or at one process. */
  api(method: string, path: string, sent?: Sent, base?: string): Promise<Answer>;
  open(subject: string, more?: Json): Promise<{ readonly id: string; readonly token: string }>;
  /** What a verify of the token at `base` says: `active`, `ended`, … */
  verify(token: string, base?: string): Promise<string>;
  /** SIGTERM, wait for the end, start again on the same port. @returns what it said. */
  restart(index: number): Promise<string>;
  stop(): Promise<void>;
}

const CHECK_EVERY_MS = 100;
/** Longer than the balancer takes to notice. */
const DRAIN = "600ms";

/** All of it, or nothing that goes on running. */
export async function startMachines(
  start: () => Promise<Shared>,
  env: Readonly<Record<string, string>>,
  count = 3,
): Promise<Machines> {
  const shared = await start();
  const running: (() => Promise<unknown>)[] = [shared.stop];
  const stop = async (): Promise<void> => {
    // The last first: services before what they stand on.
    for (const one of running.splice(0).toReversed()) await one();
  };
  const settings = { SOJOURN_SECRETS: SECRET, SOJOURN_DRAIN: DRAIN, ...shared.env, ...env };
  return started(async () => {
    const all = Array.from({ length: count }, () => serveProcess(settings));
    const processes: ServedProcess[] = [];
    running.push(() => Promise.all(processes.map((one) => one.stop("SIGINT"))));
    // Each is waited for, also beside one that failed.
    for (const one of await Promise.allSettled(all)) {
      if (one.status === "fulfilled") processes.push(one.value);
    }
    await Promise.all(all);
    const ports = processes.map(({ url }) => new URL(url).port);
    const balancer = await startHaproxy((address) => configuration(address, ports));
    running.push(() => balancer.stop());
    const key = await serviceKey(settings);
    await allUp(balancer.url);
    return {
      ...clientOf(balancer.url, key),
      processes,
      restart: restarting(processes, settings),
      stop,
    };
  }, stop);
}

function clientOf(url: string, key: string): Pick<Machines, "url" | "api" | "open" | "verify"> {
  const api: Machines["api"] = (method, path, sent = {}, base = url) =>
    send(base + path, method, { ...sent, headers: { ...bearer(key).headers, ...sent.headers } });
  return {
    url,
    api,
    open: async (subject, more = {}) => {
      const body = { subject, amr: ["pwd"], ...more };
      const { json } = await api("POST", "/v1/sessions", { body });
      const { session, token } = json as { session: { id: string }; token: string };
      return { id: session.id, token };
    },
    verify: async (token, base) => {
      const { status, json } = await api("POST", "/v1/sessions/verify", { body: { token } }, base);
      return status === 200 ? String(json["state"]) : String(status);
    },
  };
}

function restarting(
  processes: ServedProcess[],
  settings: Readonly<Record<string, string>>,
): Machines["restart"] {
  return async (index) => {
    const old = processes[index];
    const port = new URL(old?.url ?? "").port;
    const code = await old?.stop("SIGTERM");
    const said = old?.said() ?? "";
    if (code !== 0) throw new Error(`ended with ${code}; it said: ${said}`);
    processes[index] = await serveProcess({ ...settings, SOJOURN_PORT: port });
    // Until the balancer sends requests to it again.
    await sleep(3 * CHECK_EVERY_MS);
    return said;
  };
}

function configuration(address: string, ports: readonly string[]): string {
  const check = `check inter ${CHECK_EVERY_MS} fall 1 rise 1`;
  const servers = ports.map((port, at) => `  server s${at} 127.0.0.1:${port} ${check}`);
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 2s
  retries 3
  option redispatch 1
frontend front
  bind ${address}
  default_backend sojourn
backend sojourn
  balance roundrobin
  option httpchk GET /readyz
${servers.join("\n")}`;
}

async function serviceKey(settings: Readonly<Record<string, string>>): Promise<string> {
  const { code, out, err } = await sojourn(
    ["keys", "create", "--name", "balanced", "--json"],
    settings,
  );
  if (code !== 0) throw new Error(err);
  return (JSON.parse(out) as { key: string }).key;
}

async function allUp(url: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await send(`${url}/healthz`, "GET")).status === 200) return;
    await sleep(50);
  }
  throw new Error("the balancer sees no service");
}
