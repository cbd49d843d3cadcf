/** The configuration of a service or a command, checked whole: every problem at once. */
import { ConfigError, createSessions, MemoryStore } from "sojourn";
import type { ConfigProblem, SessionsOptions } from "sojourn";
import { generateSecret } from "sojourn/tokens";
import { readAuditSettings } from "./audit-settings.ts";
import type { AuditSettings } from "./audit-settings.ts";
import { readConsoleSettings } from "./console-settings.ts";
import type { ConsoleSettings } from "./console-settings.ts";
import { readDbscSettings } from "./dbsc-settings.ts";
import { readGatewaySettings } from "./gateway-settings.ts";
import type { GatewaySettings } from "./gateway-settings.ts";
import { readConsumerSettings } from "./consumer-settings.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import { present } from "./present.ts";
import { readInstallationSecrets } from "./secrets.ts";
import { gather } from "./sources.ts";
import type { Sources } from "./sources.ts";
import { readSpansIn } from "./spans.ts";
import { readStoreSettings } from "./store-settings.ts";
import type { StoreSettings } from "./store-settings.ts";
import { readTelemetrySettings } from "./telemetry-settings.ts";
import type { TelemetrySettings } from "./telemetry-settings.ts";
import { readTokenSettings } from "./token-settings.ts";
import type { TokenSettings } from "./token-settings.ts";
import { ValueReader } from "./values.ts";
import type { LogLevel } from "./values.ts";

/** What `createSessions` is given, without the store. */
type LibraryOptions = Omit<SessionsOptions, "store">;

interface MetricsPlace {
  readonly host: string;
  readonly port: number;
  /** Nobody chose the port: another free one will do. */
  readonly chosen: boolean;
}

export interface ServerConfig extends StoreSettings {
  readonly host: string;
  readonly port: number;
  readonly library: LibraryOptions;
  readonly secrets: readonly string[];
  /** Absent: access tokens are off. */
  readonly tokens: TokenSettings | undefined;
  readonly gateway: GatewaySettings;
  readonly metrics: MetricsPlace | undefined;
  readonly audit: AuditSettings;
  /** Absent: nothing is sent. */
  readonly telemetry: TelemetrySettings | undefined;
  readonly consumers: ConsumerSettings;
  /** Absent: there is no console. */
  readonly console: ConsoleSettings | undefined;
  readonly logLevel: LogLevel;
  readonly bodyLimitBytes: number;
  /** Requests per second and caller; 0 is no limit. */
  readonly rateLimit: number;
  readonly streamsMax: number;
  /** From SIGTERM until requests are refused; meanwhile `/readyz` tells balancers to go away. */
  readonly drainMs: number;
  readonly production: boolean;
}

const PORT = 7_380;
const METRICS_PORT_OFFSET = 1_000;
const BODY_LIMIT_BYTES = 262_144;
const RATE_LIMIT = 2_000;
const STREAMS_MAX = 10_000;
const DRAIN_MS = 1_000;

/** @throws {ConfigError} listing every problem with its place and what is accepted. */
export function readConfig(sources: Sources): ServerConfig {
  const problems: ConfigProblem[] = [];
  const read = new ValueReader(gather(sources, problems), problems);
  const secrets = readInstallationSecrets(read.list("secretFile"), sources.env, problems);
  const production = read.boolean("production") ?? sources.env["NODE_ENV"] === "production";
  const stores = readStoreSettings(read, problems);
  const dbsc = readDbscSettings(read, problems);
  const library = {
    ...readLibraryOptions(read, secrets, production),
    storeTimeoutMs: stores.storeTimeoutMs,
    ...(dbsc === undefined ? {} : { dbsc }),
  };
  problems.push(...libraryProblems(library));
  const host = read.text("host") ?? "127.0.0.1";
  const port = read.port("port") ?? PORT;
  const config: ServerConfig = {
    host,
    port,
    ...stores,
    library,
    secrets,
    tokens: readTokenSettings(read, problems),
    gateway: readGatewaySettings(read, stores.nearCacheMs, problems),
    metrics: readMetrics(read, host, port),
    audit: readAuditSettings(read, problems, {
      control: stores.control,
      preset: presetOf(library.policy),
    }),
    telemetry: readTelemetrySettings(read, problems),
    consumers: readConsumerSettings(read, problems),
    console: readConsoleSettings(read, host, problems),
    logLevel: read.level("logLevel") ?? "info",
    bodyLimitBytes: read.bytes("bodyLimit") ?? BODY_LIMIT_BYTES,
    rateLimit: read.count("rateLimit") ?? RATE_LIMIT,
    streamsMax: read.count("streams") ?? STREAMS_MAX,
    drainMs: read.span("drain", [0, 300_000], "a span from 0s to 5m") ?? DRAIN_MS,
    production,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function readMetrics(read: ValueReader, host: string, port: number): MetricsPlace | undefined {
  const place = read.text("metrics.host") ?? host;
  const chosen = read.metricsPort("metrics.port");
  if (chosen === "off") return undefined;
  const above = port + METRICS_PORT_OFFSET;
  const standard = port === 0 || above > 65_535 ? 0 : above;
  return { host: place, port: chosen ?? standard, chosen: chosen !== undefined };
}

/** The library judges these values; here they are only put where it looks for them. */
function readLibraryOptions(
  read: ValueReader,
  secrets: readonly string[],
  production: boolean,
): LibraryOptions {
  const csrf = present({ origins: read.list("csrf.origins"), trusted: read.list("csrf.trusted") });
  const tighten = present({
    tenants: readSpansIn(read.object("tenants")),
    clients: readSpansIn(read.object("clients")),
    roles: readSpansIn(read.object("roles")),
  });
  const options = {
    secrets,
    production,
    ...present({
      policy: readSpansIn(read.policy("policy")),
      cookie: read.object("cookie"),
      proxies: read.list("proxies"),
      forwardedHeader: read.text("forwardedHeader"),
      encryptData: read.boolean("encryptData"),
      revokeDurability: read.text("revokeDurability"),
    }),
    ...(Object.keys(csrf).length === 0 ? {} : { csrf }),
    ...(Object.keys(tighten).length === 0 ? {} : { tighten }),
  };
  return options as unknown as LibraryOptions;
}

function presetOf(policy: SessionsOptions["policy"]): string | undefined {
  return typeof policy === "object" ? policy.extends : policy;
}

/** Everything the library would say at start, as problems; nothing is opened. */
function libraryProblems(options: LibraryOptions): readonly ConfigProblem[] {
  // A missing secret has been said already, with what to do here.
  const secrets = options.secrets.length === 0 ? [generateSecret()] : options.secrets;
  try {
    const store = new MemoryStore();
    createSessions({ ...options, secrets, store, sweep: false, warn: () => undefined });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(inOurWords);
    throw error;
  }
}

/** What the library calls `tighten.tenants` stands at the top of our file. */
function inOurWords(problem: ConfigProblem): ConfigProblem {
  return { ...problem, path: problem.path.replace(/^tighten\./, "") };
}
