/** Whether and where traces and metrics are sent by OpenTelemetry's protocol. */
import type { ConfigProblem } from "sojourn";
import type { Setting } from "./settings.ts";
import type { ValueReader } from "./values.ts";

export const TELEMETRY_SETTINGS: readonly Setting[] = [
  {
    path: "otel.endpoint",
    kind: "text",
    flag: "otel-endpoint",
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    means: "collector that traces and metrics are sent to by OTLP/HTTP, like http://127.0.0.1:4318",
    standard: "none: nothing is sent",
  },
  {
    path: "otel.samplePercent",
    kind: "count",
    flag: "otel-sample-percent",
    env: "SOJOURN_OTEL_SAMPLE_PERCENT",
    means: "how many requests of a hundred are traced; those that failed always are",
    standard: "10",
  },
  {
    path: "otel.metricsEvery",
    kind: "span",
    flag: "otel-metrics-every",
    env: "SOJOURN_OTEL_METRICS_EVERY",
    means: "how often metrics are sent: 1s to 1h",
    standard: "1m",
  },
];

export interface TelemetrySettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** 0 to 1. */
  readonly sample: number;
  readonly metricsEveryMs: number;
}

const PERCENT = 100;
const SAMPLE_PERCENT = 10;
const EVERY_MS = 60_000;
const EVERY_MS_MAX = 3_600_000;

/** @returns `undefined` when nothing is to be sent. */
export function readTelemetrySettings(
  read: ValueReader,
  problems: ConfigProblem[],
): TelemetrySettings | undefined {
  const endpoint = read.text("otel.endpoint");
  const percent = read.count("otel.samplePercent") ?? SAMPLE_PERCENT;
  const every = read.span("otel.metricsEvery", [1_000, EVERY_MS_MAX], "a span from 1s to 1h");
  if (percent > PERCENT) {
    problems.push({ path: "otel.samplePercent", message: "accepted: 0 to 100" });
  }
  if (endpoint === undefined) return undefined;
  if (!isEndpoint(endpoint)) {
    // What was written may hold a password, so it is not repeated.
    const message =
      "accepted: an http: or https: address without user and query, like http://127.0.0.1:4318; " +
      "credentials belong into OTEL_EXPORTER_OTLP_HEADERS";
    problems.push({ path: "otel.endpoint", message });
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    sample: percent / PERCENT,
    metricsEveryMs: every ?? EVERY_MS,
  };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}
