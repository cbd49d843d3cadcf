/**
 * Traces and metrics by OTLP/HTTP. A request's span is made when it has been answered: then it is
 * known whether it failed, and who had been proved. Nothing waits for a collector, and nothing
 * fails for it; what cannot be sent is counted and dropped.
 */
import { randomUUID } from "node:crypto";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import type { Context, SpanContext, Tracer } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import type { Resource } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Registry } from "prom-client";
import type { Answered } from "../api/every-answer.ts";
import { requestScope } from "../api/log.ts";
import type { RequestInHand } from "../api/types.ts";
import type { TelemetrySettings } from "../config/telemetry-settings.ts";
import type { StoreCall } from "../engines/timed-store.ts";
import { RegistryProducer } from "./otlp-metrics.ts";

export interface TelemetryParts extends TelemetrySettings {
  readonly registry: Registry;
  /** Kind of the session store, in OpenTelemetry's words. */
  readonly storeSystem: string;
  readonly version: string;
  readonly onFailure: (signal: "traces" | "metrics") => void;
}

/** A batch of 500 verifies makes 500 of them. */
const CALLS_MAX = 32;
const FAILED = 500;
const CLOSE_MS_MAX = 2_000;
const EXPORT_MS_MAX = 5_000;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export class Telemetry {
  readonly #parts: TelemetryParts;
  readonly #calls = new WeakMap<RequestInHand, StoreCall[]>();
  readonly #traces: TracerProvider;
  readonly #tracer: Tracer;
  readonly #metrics: MeterProvider;

  constructor(parts: TelemetryParts) {
    this.#parts = parts;
    const { endpoint, metricsEveryMs, registry } = parts;
    const resource = resourceOf(parts.version);
    const traces = new OTLPTraceExporter({
      url: `${endpoint}/v1/traces`,
      timeoutMillis: EXPORT_MS_MAX,
    });
    const metrics = new OTLPMetricExporter({
      url: `${endpoint}/v1/metrics`,
      timeoutMillis: EXPORT_MS_MAX,
    });
    this.#count(traces, "traces");
    this.#count(metrics, "metrics");
    this.#traces = new TracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor({ exporter: traces })],
    });
    this.#tracer = this.#traces.getTracer("sojourn", parts.version);
    const reader = new PeriodicExportingMetricReader({
      exporter: metrics,
      exportIntervalMillis: metricsEveryMs,
      exportTimeoutMillis: Math.min(metricsEveryMs, EXPORT_MS_MAX),
      metricProducers: [new RegistryProducer(registry)],
    });
    this.#metrics = new MeterProvider({ resource, readers: [reader] });
  }

  /** Belongs to the request that is being worked on. */
  call(call: StoreCall): void {
    const request = requestScope.getStore();
    if (request === undefined) return;
    const calls = this.#calls.get(request);
    if (calls === undefined) this.#calls.set(request, [call]);
    else if (calls.length < CALLS_MAX) calls.push(call);
  }

  answered(request: RequestInHand, { status, route, elapsedMs }: Answered): void {
    const { caller } = request;
    // Whoever proved nothing decides neither what is traced nor what it belongs to.
    const parent = caller === null ? undefined : parentOf(request.headers["traceparent"]);
    const asked = parent !== undefined && (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (status < FAILED && !asked && Math.random() >= this.#parts.sample) return;
    const endedAt = performance.timeOrigin + performance.now();
    const outer: Context =
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = this.#tracer.startSpan(
      `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        startTime: endedAt - elapsedMs,
        attributes: {
          "http.request.method": request.method,
          "http.route": route,
          "http.response.status_code": status,
          "sojourn.request_id": request.id,
          ...(caller === null
            ? {}
            : { "sojourn.tenant": caller.tenant, "sojourn.key": caller.name }),
          ...(status < FAILED ? {} : { "error.type": String(status) }),
        },
      },
      outer,
    );
    if (status >= FAILED) span.setStatus({ code: SpanStatusCode.ERROR });
    const inner = trace.setSpan(outer, span);
    for (const call of this.#calls.get(request) ?? []) this.#storeSpan(call, inner);
    span.end(endedAt);
  }

  /** Send what there is. Bounded; never throws. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS_MAX)));
    const sent = Promise.allSettled([this.#traces.shutdown(), this.#metrics.shutdown()]);
    await Promise.race([sent, late]);
    clearTimeout(timer);
  }

  #storeSpan({ operation, beganAt, ms, failed }: StoreCall, inner: Context): void {
    const startTime = performance.timeOrigin + beganAt;
    const attributes = {
      "db.system.name": this.#parts.storeSystem,
      "db.operation.name": operation,
    };
    const options = { kind: SpanKind.CLIENT, startTime, attributes };
    const span = this.#tracer.startSpan(`store ${operation}`, options, inner);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(startTime + ms);
  }

  #count<Batch>(
    exporter: { export(batch: Batch, done: (result: { code: number }) => void): void },
    signal: "traces" | "metrics",
  ): void {
    const send = exporter.export.bind(exporter);
    exporter.export = (batch, done) =>
      send(batch, (result) => {
        if (result.code !== 0) this.#parts.onFailure(signal);
        done(result);
      });
  }
}

/** What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say goes first. */
function resourceOf(version: string): Resource {
  return resourceFromAttributes({
    "service.name": "sojourn",
    "service.version": version,
    "service.instance.id": randomUUID(),
  }).merge(detectResources({ detectors: [envDetector] }));
}

/** W3C Trace Context, version 00. */
function parentOf(header: string | string[] | undefined): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] = TRACEPARENT.exec(String(header)) ?? [];
  // One of zeros alone is left out by the library.
  if (traceId === "") return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}
