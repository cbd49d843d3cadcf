/**
 * Audit entries as OTLP logs over HTTP, in its JSON form. By hand and not by an SDK: its exporters
 * drop what they cannot send, and here the answer decides whether the position moves.
 */
import { severityOf, viewOfEntry } from "../audit/formats.ts";
import type { ReadEntry } from "../audit/trail-reader.ts";
import type { OtlpPlace } from "../config/consumer-settings.ts";
import { SinkError } from "./syslog.ts";

export interface OtlpOptions {
  readonly timeoutMs: number;
  /** The collector took the batch and refused so many of it: for ever, says the protocol. */
  readonly onRejected: (count: number) => void;
}

type Value =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly Value[] } }
  | { readonly kvlistValue: { readonly values: readonly Pair[] } };

interface Pair {
  readonly key: string;
  readonly value: Value;
}

const ANSWER_BYTES_MAX = 65_536;
const TOO_LARGE = 413;

/** @throws {SinkError} unless the collector says that it has taken them. */
export async function sendOtlp(
  place: OtlpPlace,
  entries: readonly ReadEntry[],
  options: OtlpOptions,
): Promise<void> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(place.url, {
      method: "POST",
      headers: { ...place.headers, "content-type": "application/json" },
      body: JSON.stringify(requestOf(entries)),
      redirect: "error",
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    text = await response.text();
  } catch (error) {
    throw new SinkError(error instanceof Error ? error.name : "fetch");
  }
  if (response.status === TOO_LARGE && entries.length > 1) {
    const half = Math.ceil(entries.length / 2);
    await sendOtlp(place, entries.slice(0, half), options);
    await sendOtlp(place, entries.slice(half), options);
    return;
  }
  if (!response.ok) throw new SinkError(`HTTP ${response.status}`);
  const rejected = rejectedOf(text.slice(0, ANSWER_BYTES_MAX));
  if (rejected > 0) options.onRejected(rejected);
}

function rejectedOf(text: string): number {
  try {
    const answer = JSON.parse(text) as { partialSuccess?: { rejectedLogRecords?: unknown } };
    const count = Number(answer.partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isSafeInteger(count) ? count : 0;
  } catch {
    // An empty answer, or one in another form: all were taken.
    return 0;
  }
}

/** ExportLogsServiceRequest, as `opentelemetry-proto` maps it to JSON. */
function requestOf(entries: readonly ReadEntry[]): object {
  return {
    resourceLogs: [
      {
        resource: { attributes: [{ key: "service.name", value: valueOf("sojourn-server") }] },
        scopeLogs: [{ scope: { name: "sojourn.audit" }, logRecords: entries.map(recordOf) }],
      },
    ],
  };
}

function recordOf(entry: ReadEntry): object {
  const { at, name } = entry;
  const severity = severityOf(name);
  return {
    timeUnixNano: `${at}000000`,
    // INFO, WARN, ERROR: the first number of each.
    severityNumber: severity >= 8 ? 17 : severity >= 5 ? 13 : 9,
    severityText: severity >= 8 ? "ERROR" : severity >= 5 ? "WARN" : "INFO",
    eventName: `sojourn.${name}`,
    body: valueOf(name),
    attributes: pairsOf(viewOfEntry(entry)).map(({ key, value }) => ({
      key: `sojourn.${key}`,
      value,
    })),
  };
}

function pairsOf(value: object): readonly Pair[] {
  return Object.entries(value).map(([key, inner]: [string, unknown]) => ({
    key,
    value: valueOf(inner),
  }));
}

function valueOf(value: unknown): Value {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(valueOf) } };
  if (typeof value === "object" && value !== null)
    return { kvlistValue: { values: pairsOf(value) } };
  return { stringValue: String(value) };
}
