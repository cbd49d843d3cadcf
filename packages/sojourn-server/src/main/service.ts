/** The service as one thing that starts and stops. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { buildApp } from "../api/app.ts";
import { audit } from "../api/log.ts";
import { Metrics } from "../api/metrics.ts";
import { watchCaches } from "../api/cache-metrics.ts";
import { StreamRoom } from "../api/streams.ts";
import type { App, House, Phase } from "../api/types.ts";
import type { ServerConfig } from "../config/config.ts";
import type { KeyDesk } from "../control/key-desk.ts";
import { startChores } from "../jobs/chores.ts";
import { openInstallation } from "./installation.ts";
import type { Installation } from "./installation.ts";
import { operationsHandler } from "./operations.ts";

export interface RunningService {
  readonly url: string;
  /** Absent when metrics are off. */
  readonly metricsUrl: string | undefined;
  /** For a service that keeps its keys in memory: nobody else can make one. */
  readonly keys: KeyDesk;
  /**
   * Stop accepting, end streams, answer what is under way, then close the stores. Idempotent.
   *
   * @param drainMs First be served as ever for so long, while `/readyz` says no; default 0.
   */
  stop(drainMs?: number): Promise<void>;
}

/** Requests under way get this long to finish. */
const STOP_MS_MAX = 10_000;

/** @throws when an address is taken or a store cannot be opened; nothing is left open then. */
export async function startService(config: ServerConfig, log: Logger): Promise<RunningService> {
  const metrics = new Metrics();
  const installation = await openInstallation(config, {
    onError: (error) => log.error({ err: error }, "background trouble"),
    warn: (message) => log.warn({ message }, "warning"),
    refused: (why) => metrics.keysRefused.inc({ why }),
  });
  let phase: Phase = "serving";
  const streams = new StreamRoom(config.streamsMax);
  const { sessions, keys, control, tokens, now } = installation;
  watchCaches(metrics.registry, installation);
  const { replies, proofs } = control;
  const house: House = {
    config,
    sessions,
    keys,
    replies,
    proofs,
    tokens,
    metrics,
    streams,
    now,
    phase: () => phase,
  };
  const stopAudit = [metrics.follow(sessions), audit(sessions, log)];
  const stopChores = startChores(house, (error) => log.error({ err: error }, "chore failed"));
  let app: App | undefined;
  let operations: Server | undefined;
  try {
    // A file that cannot be used is said now, not at the first request.
    await sessions.health();
    app = await buildApp(house, log);
    const url = await app.listen({ host: config.host, port: config.port });
    operations = await listenOperations(config, house, log);
    const metricsUrl = operations === undefined ? undefined : addressOf(operations);
    const running: Running = { app, operations, installation, streams };
    const stop = once(async (drainMs = 0) => {
      phase = "draining";
      await sleep(drainMs);
      phase = "stopping";
      stopChores();
      await stopRunning(running, log);
      for (const end of stopAudit) end();
    });
    return { url: withHost(url, config.host), metricsUrl, keys, stop };
  } catch (error) {
    stopChores();
    await app?.close();
    operations?.close();
    await installation.close();
    throw error;
  }
}

interface Running {
  readonly app: App;
  readonly operations: Server | undefined;
  readonly installation: Installation;
  readonly streams: StreamRoom;
}

async function stopRunning(running: Running, log: Logger): Promise<void> {
  const { app, operations, installation, streams } = running;
  streams.closeAll();
  const hurry = setTimeout(() => {
    log.warn("requests under way were cut off");
    app.server.closeAllConnections();
  }, STOP_MS_MAX);
  await app.close();
  clearTimeout(hurry);
  operations?.closeAllConnections();
  await new Promise<void>((resolve) => {
    if (operations === undefined) resolve();
    else operations.close(() => resolve());
  });
  await installation.close();
}

type Stop = (drainMs?: number) => Promise<void>;

function once(run: Stop): Stop {
  let result: Promise<void> | undefined;
  return (drainMs) => (result ??= run(drainMs));
}

async function listenOperations(
  config: ServerConfig,
  house: House,
  log: Logger,
): Promise<Server | undefined> {
  const place = config.metrics;
  if (place === undefined) return undefined;
  try {
    return await listen(place.port, place.host, house);
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!taken || place.chosen) throw error;
    log.warn({ port: place.port }, "the port for metrics is taken: another free one is used");
    return listen(0, place.host, house);
  }
}

function listen(port: number, host: string, house: House): Promise<Server> {
  const server = createServer(operationsHandler(house));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

function addressOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** `0.0.0.0` is told as the loopback address by Fastify; people who asked for a name see it. */
function withHost(url: string, host: string): string {
  const { port } = new URL(url);
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
