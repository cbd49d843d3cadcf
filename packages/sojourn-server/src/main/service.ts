/** The service as one thing that starts and stops. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { buildApp } from "../api/app.ts";
import { circumstancesReader } from "../api/circumstances.ts";
import { auditLines } from "../api/log.ts";
import { Metrics } from "../api/metrics.ts";
import { watchCaches } from "../api/cache-metrics.ts";
import { watchLocks } from "../api/lock-metrics.ts";
import { StreamRoom } from "../api/streams.ts";
import type { App, House, Phase } from "../api/types.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { ServerConfig } from "../config/config.ts";
import { consoleUrl, invite } from "../console/invite.ts";
import type { ConsoleUsers, Invitation, NewUser } from "../control/console-users.ts";
import { VERSION } from "../config/version.ts";
import type { KeyDesk } from "../control/key-desk.ts";
import { openConsole } from "../console/house.ts";
import type { ConsoleHouse } from "../console/house.ts";
import { inTurn } from "../engines/in-turn.ts";
import { startChores } from "../jobs/chores.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { noteStart } from "./audit.ts";
import { houseOf } from "./house.ts";
import { openInstallation } from "./installation.ts";
import type { Installation, Reports } from "./installation.ts";
import { operationsHandler } from "./operations.ts";
import { SilentConnections } from "./silent-connections.ts";
import { repeatOldEnds } from "./old-ends.ts";
import { startConsumers } from "./consumers.ts";

type ServiceReports = Reports & Required<Pick<Reports, "onError" | "warn" | "circumstances">>;

export interface RunningConsole {
  readonly url: string;
  readonly users: ConsoleUsers;
  /** For a service that keeps its users in memory, and for the very first one. */
  invite(wanted: NewUser): Promise<Invitation>;
}

export interface RunningService {
  readonly url: string;
  /** Absent when metrics are off. */
  readonly metricsUrl: string | undefined;
  /** For a service that keeps its keys in memory: nobody else can make one. */
  readonly keys: KeyDesk;
  /** Absent: there is no console. */
  readonly console: RunningConsole | undefined;
  /**
   * Stop accepting, end streams, answer what is under way, then close the stores. Idempotent.
   *
   * @param drainMs First be served as ever for so long, while `/readyz` says no; default 0.
   */
  stop(drainMs?: number): Promise<void>;
}

/** `db.system.name` of OpenTelemetry's semantic conventions. */
const STORE_SYSTEMS: Readonly<Record<ServerConfig["store"]["kind"], string>> = {
  memory: "memory",
  sqlite: "sqlite",
  postgres: "postgresql",
  redis: "redis",
};
/** Requests under way get this long to finish. */
export const STOP_MS_MAX = 10_000;
/** What was just connected may be about to ask. */
const SILENT_MS_MAX = 1_000;

/** @throws when an address is taken or a store cannot be opened; nothing is left open then. */
export async function startService(config: ServerConfig, log: Logger): Promise<RunningService> {
  const metrics = new Metrics();
  const telemetry = await openTelemetry(config, metrics);
  const reports = reportsTo(config, log, metrics, telemetry);
  const installation = await openInstallation(config, reports);
  let phase: Phase = "serving";
  const streams = new StreamRoom(config.streamsMax);
  const { sessions, control, keys, tenants, audit, search, operations } = installation;
  watchCaches(metrics.registry, installation);
  watchLocks(metrics.registry, installation.locks);
  const console = openConsole(config, installation, reports);
  const shown = { metrics, telemetry, streams, phase: () => phase };
  const house = houseOf(config, installation, { console, ...shown });
  const stopAudit = [metrics.follow(sessions), auditLines(sessions, log)];
  const stopChores = startChores(house, (error) => log.error({ err: error }, "chore failed"));
  let stopConsumers: (() => Promise<void>) | undefined;
  let app: App | undefined;
  let listener: Server | undefined;
  try {
    // A file that cannot be used is said now, not at the first request.
    await sessions.health();
    await repeatOldEnds(installation, config, log);
    await noteStart(audit, config, control);
    const locked = await tenants.rewrap();
    if (locked.length > 0) {
      log.error({ tenants: locked.length }, "tenants' keys that none of the secrets opens");
    }
    stopConsumers = startConsumers(config, installation, { log, metrics });
    app = await buildApp(house, log);
    const silent = new SilentConnections(app.server);
    const url = await app.listen({ host: config.host, port: config.port });
    listener = await listenOperations(config, house, log);
    const metricsUrl = listener === undefined ? undefined : addressOf(listener);
    const servers = { app, silent, operations: listener, installation, streams };
    const running: Running = { ...servers, stopConsumers, console };
    await search.start();
    operations.work();
    const stop = once(async (drainMs = 0) => {
      phase = "draining";
      await sleep(drainMs);
      phase = "stopping";
      stopChores();
      audit.log.note("service-stopped", "system", {});
      await stopRunning(running, log);
      await telemetry?.close();
      for (const end of stopAudit) end();
    });
    const own = withHost(url, config.host);
    return { url: own, metricsUrl, keys, console: runningAt(own, console, audit.log), stop };
  } catch (error) {
    stopChores();
    await app?.close();
    await stopConsumers?.();
    listener?.close();
    await console?.sessions.close();
    await installation.close();
    await telemetry?.close();
    throw error;
  }
}

async function openTelemetry(
  config: ServerConfig,
  metrics: Metrics,
): Promise<Telemetry | undefined> {
  if (config.telemetry === undefined) return undefined;
  // Its libraries take an eighth of a second to load: only whoever sends something waits for them.
  const { Telemetry } = await import("../telemetry/telemetry.ts");
  return new Telemetry({
    ...config.telemetry,
    registry: metrics.registry,
    storeSystem: STORE_SYSTEMS[config.store.kind],
    version: VERSION,
    onFailure: (signal) => metrics.telemetryTrouble.inc({ signal }),
  });
}

function runningAt(
  service: string,
  console: ConsoleHouse | undefined,
  log: AuditLog,
): RunningConsole | undefined {
  if (console === undefined) return undefined;
  const { settings, users } = console;
  const inviter = { users, log, actor: "system" };
  return {
    url: consoleUrl(settings, service),
    users,
    invite: (wanted) => invite(inviter, wanted),
  };
}

/** Who hears of what goes on behind requests. */
function reportsTo(
  config: ServerConfig,
  log: Logger,
  metrics: Metrics,
  telemetry: Telemetry | undefined,
): ServiceReports {
  return {
    onError: (error) => log.error({ err: error }, "background trouble"),
    warn: (message) => log.warn({ message }, "warning"),
    refused: (why) => metrics.keysRefused.inc({ why }),
    circumstances: circumstancesReader(config),
    onAuditTrouble: (where, error) => {
      metrics.auditTrouble.inc({ where });
      log.error({ where, err: error }, "audit trouble");
    },
    onAuditDropped: (count) => metrics.auditDropped.inc(count),
    storeCall: (call) => {
      metrics.storeCall(call);
      telemetry?.call(call);
    },
  };
}

interface Running {
  readonly app: App;
  readonly silent: SilentConnections;
  readonly operations: Server | undefined;
  readonly installation: Installation;
  readonly streams: StreamRoom;
  readonly stopConsumers: () => Promise<void>;
  readonly console: ConsoleHouse | undefined;
}

async function stopRunning(running: Running, log: Logger): Promise<void> {
  const { app, silent, operations, installation, streams, stopConsumers, console } = running;
  streams.closeAll();
  const ignored = setTimeout(() => silent.end(), SILENT_MS_MAX);
  const hurry = setTimeout(() => {
    log.warn("requests under way were cut off");
    app.server.closeAllConnections();
  }, STOP_MS_MAX);
  await app.close();
  clearTimeout(ignored);
  clearTimeout(hurry);
  operations?.closeAllConnections();
  await new Promise<void>((resolve) => {
    if (operations === undefined) resolve();
    else operations.close(() => resolve());
  });
  // What is in the spool still is carried on by closing; the next process sends it.
  await inTurn([stopConsumers, () => console?.sessions.close(), () => installation.close()]);
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
