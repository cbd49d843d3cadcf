/** What is fed from the audit trail: webhooks, sinks for its entries, analytics. */
import type { ConfigProblem } from "sojourn";
import { readNetwork } from "../webhooks/addresses.ts";
import type { Setting } from "./settings.ts";
import type { ValueReader } from "./values.ts";

/** Rows of the table of all settings. */
export const CONSUMER_SETTINGS: readonly Setting[] = [
  {
    path: "webhooks.networks",
    kind: "list",
    flag: "webhook-network",
    env: "SOJOURN_WEBHOOK_NETWORKS",
    means: "networks that webhooks may go to besides public addresses, like 10.20.0.0/16",
    standard: "none",
  },
  {
    path: "audit.syslog",
    kind: "text",
    flag: "audit-syslog",
    env: "SOJOURN_AUDIT_SYSLOG",
    means: "where audit entries go as RFC 5424: tls://, tcp:// or udp://HOST:PORT, ?ca=FILE",
    standard: "nowhere",
  },
  {
    path: "audit.otlp",
    kind: "text",
    flag: "audit-otlp",
    env: "SOJOURN_AUDIT_OTLP",
    means: "where audit entries go as OTLP logs, like https://collector:4318/v1/logs",
    standard: "nowhere",
  },
  {
    path: "audit.otlpHeaders",
    kind: "list",
    env: "SOJOURN_AUDIT_OTLP_HEADERS",
    means: "headers for it, like authorization=Bearer …",
    standard: "none",
  },
  {
    path: "analytics.keepDays",
    kind: "count",
    flag: "analytics-keep-days",
    env: "SOJOURN_ANALYTICS_KEEP_DAYS",
    means: "how long hourly figures are kept; 0 is for ever",
    standard: "400",
  },
];

export interface SyslogPlace {
  readonly kind: "tls" | "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  /** File with the certificates to trust instead of the system's. */
  readonly caFile?: string;
}

export interface OtlpPlace {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ConsumerSettings {
  readonly webhookNetworks: readonly string[];
  readonly syslog: SyslogPlace | undefined;
  readonly otlp: OtlpPlace | undefined;
  /** 0: for ever. */
  readonly analyticsKeepDays: number;
}

const ANALYTICS_KEEP_DAYS = 400;
const KEEP_DAYS_MAX = 36_600;
const SYSLOG =
  /^(tls|tcp|udp):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(?:\?ca=([^?&#]+))?$/i;
const SYSLOG_PORT: Readonly<Record<string, number>> = { tls: 6_514, tcp: 601, udp: 514 };
const HEADER = /^([\w-]{1,64})=([\x20-\x7e]{1,4096})$/;

export function readConsumerSettings(
  read: ValueReader,
  problems: ConfigProblem[],
): ConsumerSettings {
  const webhookNetworks = read.list("webhooks.networks") ?? [];
  if (webhookNetworks.some((text) => readNetwork(text) === undefined)) {
    const message = "accepted: networks like 10.20.0.0/16, 127.0.0.0/8 or fd00:1::/32";
    problems.push({ path: "webhooks.networks", message });
  }
  const keepDays = read.count("analytics.keepDays") ?? ANALYTICS_KEEP_DAYS;
  if (keepDays > KEEP_DAYS_MAX) {
    const message = `accepted: 0 (for ever) to ${KEEP_DAYS_MAX} days`;
    problems.push({ path: "analytics.keepDays", message });
  }
  return {
    webhookNetworks,
    syslog: readSyslog(read, problems),
    otlp: readOtlp(read, problems),
    analyticsKeepDays: keepDays,
  };
}

function readSyslog(read: ValueReader, problems: ConfigProblem[]): SyslogPlace | undefined {
  const text = read.text("audit.syslog");
  if (text === undefined) return undefined;
  const match = SYSLOG.exec(text);
  const [, scheme = "", host = "", given, ca] = match ?? [];
  const kind = scheme.toLowerCase() as SyslogPlace["kind"];
  const port = Number(given ?? SYSLOG_PORT[kind]);
  if (match === null || port < 1 || port > 65_535 || (ca !== undefined && kind !== "tls")) {
    const message =
      "accepted: tls://HOST:PORT, tcp://HOST:PORT or udp://HOST:PORT; tls with ?ca=FILE";
    problems.push({ path: "audit.syslog", message });
    return undefined;
  }
  const place = { kind, host: host.replaceAll(/^\[|\]$/g, ""), port };
  return ca === undefined ? place : { ...place, caFile: decodeURIComponent(ca) };
}

/** What was written is not repeated: it may hold a password. I12. */
function readOtlp(read: ValueReader, problems: ConfigProblem[]): OtlpPlace | undefined {
  const url = read.text("audit.otlp");
  const pairs = (read.list("audit.otlpHeaders") ?? []).map((text) => HEADER.exec(text));
  if (pairs.includes(null)) {
    const message = "accepted: NAME=VALUE, several separated by commas";
    problems.push({ path: "audit.otlpHeaders", message });
  }
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    problems.push({
      path: "audit.otlp",
      message: "accepted: a URL like https://HOST:4318/v1/logs",
    });
    return undefined;
  }
  const headers = Object.fromEntries(pairs.map((match) => [match?.[1] ?? "", match?.[2] ?? ""]));
  return { url, headers };
}
