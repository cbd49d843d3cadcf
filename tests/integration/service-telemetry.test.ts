/** What the service sends to a collector: a real receiver of OTLP/HTTP on loopback. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { folder, SECRET, send, startTestService } from "./service-harness.ts";
import type { Setup, TestService } from "./service-harness.ts";

type Value = Readonly<Record<string, unknown>>;
interface Attribute {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}
interface Metric {
  readonly name: string;
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly Point[] };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}
interface Point {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
  readonly count?: number | string;
  readonly sum?: number;
  readonly bucketCounts?: readonly (number | string)[];
  readonly explicitBounds?: readonly number[];
}

class Collector {
  readonly spans: Span[] = [];
  /** As it was sent last. */
  metrics: readonly Metric[] = [];
  resource: readonly Attribute[] = [];
  /** All bodies, as they came. */
  text = "";
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      this.#take(request.url ?? "", Buffer.concat(chunks).toString("utf8"));
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(path: string, text: string): void {
    this.text += text;
    const body = JSON.parse(text) as Record<string, { readonly resource: { attributes: [] } }[]>;
    if (path === "/v1/traces") {
      const all = body["resourceSpans"] as unknown as { scopeSpans: { spans: Span[] }[] }[];
      for (const { scopeSpans } of all) {
        for (const { spans } of scopeSpans) this.spans.push(...spans);
      }
      this.resource = body["resourceSpans"]?.[0]?.resource.attributes ?? [];
    }
    if (path === "/v1/metrics") {
      const all = body["resourceMetrics"] as unknown as { scopeMetrics: { metrics: Metric[] }[] }[];
      this.metrics = all.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    }
  }
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function world(env: Setup["env"] = {}): Promise<{ s: TestService; collector: Collector }> {
  const collector = new Collector();
  const endpoint = await collector.listen();
  const place = folder();
  ends.push(() => place.remove());
  ends.push(() => collector.close());
  const s = await startTestService({
    env: {
      SOJOURN_STORE: `sqlite:${place.path}/sessions.db`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`,
      SOJOURN_OTEL_SAMPLE_PERCENT: "100",
      ...env,
    },
  });
  ends.unshift(() => s.service.stop());
  return { s, collector };
}

function plain({ attributes }: { readonly attributes: readonly Attribute[] }): Value {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` };

describe("traces", () => {
  it("tell of a request by its route, of its caller, and of each call of the store", async () => {
    const { s, collector } = await world();
    const { id, token } = await s.open("alice");
    await s.api("GET", `/v1/sessions/${id}`);
    await s.service.stop();
    const span = collector.spans.find(({ name }) => name === "GET /v1/sessions/:id");
    if (span === undefined) throw new Error("no span");
    expect(plain(span)).toEqual({
      "http.request.method": "GET",
      "http.route": "/v1/sessions/:id",
      "http.response.status_code": 200,
      "sojourn.request_id": expect.any(String),
      "sojourn.tenant": "default",
      "sojourn.key": expect.stringMatching(/^test-/),
    });
    expect([span.kind, span.parentSpanId]).toEqual([2, undefined]);
    const inner = collector.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    expect(inner.map(({ name, kind }) => [name, kind])).toEqual([["store find", 3]]);
    expect(inner.map(plain)).toEqual([{ "db.system.name": "sqlite", "db.operation.name": "find" }]);
    for (const { traceId, startTimeUnixNano: begun, endTimeUnixNano: ended } of inner) {
      expect(traceId).toBe(span.traceId);
      expect(BigInt(begun) >= BigInt(span.startTimeUnixNano)).toBe(true);
      expect(BigInt(ended) <= BigInt(span.endTimeUnixNano)).toBe(true);
    }
    expect(plain({ attributes: collector.resource })).toMatchObject({ "service.name": "sojourn" });
    for (const secret of [token, id, "alice", SECRET]) {
      expect(collector.text.includes(secret)).toBe(false);
    }
  });

  it("go on from a caller who proved a key, and from nobody else", async () => {
    const { s, collector } = await world({ SOJOURN_OTEL_SAMPLE_PERCENT: "0" });
    const { id } = await s.open("alice");
    await s.api("GET", `/v1/sessions/${id}`, { headers: SAMPLED });
    await s.bare("GET", `/v1/sessions/${id}`, { headers: SAMPLED });
    await s.bare("GET", "/v1/session", { headers: SAMPLED });
    await s.service.stop();
    const outer = collector.spans.filter(({ name }) => !name.startsWith("store "));
    expect(outer.map(({ name, traceId, parentSpanId }) => [name, traceId, parentSpanId])).toEqual([
      ["GET /v1/sessions/:id", TRACE, PARENT],
    ]);
  });

  it("leave out what is no W3C trace context", async () => {
    const { s, collector } = await world();
    const nonsense = ["", "x", `00-${"0".repeat(32)}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`];
    for (const traceparent of nonsense) {
      await s.api("GET", "/v1/subjects/alice", { headers: { traceparent } });
    }
    await s.service.stop();
    const spans = collector.spans.filter(({ name }) => name === "GET /v1/subjects/:subject");
    expect(spans).toHaveLength(nonsense.length);
    expect(spans.filter(({ parentSpanId }) => parentSpanId !== undefined)).toEqual([]);
  });

  it("tell of every request that failed, however few are sampled", async () => {
    const { s, collector } = await world({ SOJOURN_OTEL_SAMPLE_PERCENT: "0" });
    const stopped = s.service.stop(2_000);
    expect((await send(`${s.service.url}/readyz`, "GET")).status).toBe(503);
    await stopped;
    expect(collector.spans.map(({ name, status }) => [name, status.code])).toEqual([
      ["GET /readyz", 2],
    ]);
  });
});

describe("metrics", () => {
  it("are those of /metrics, by the same names and with the same values", async () => {
    const { s, collector } = await world();
    await s.open("alice");
    await s.open("bob");
    const page = await (await fetch(`${s.service.metricsUrl}/metrics`)).text();
    await s.service.stop();
    const kinds = [...page.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)];
    const kindOf = ({ sum, gauge }: Metric): string =>
      sum?.isMonotonic === true ? "counter" : gauge === undefined ? "histogram" : "gauge";
    expect(new Map(collector.metrics.map((one) => [one.name, kindOf(one)]))).toEqual(
      new Map(kinds.map(([, name, kind]) => [name, kind])),
    );
    const opened = collector.metrics.find(({ name }) => name === "sojourn_sessions_opened_total");
    expect(opened?.sum?.dataPoints.map(({ asDouble }) => asDouble)).toEqual([2]);
    const calls = collector.metrics.find(({ name }) => name === "sojourn_store_seconds");
    const create = calls?.histogram?.dataPoints.find(
      (point) => plain(point)["operation"] === "create",
    );
    if (create === undefined) throw new Error("no calls");
    expect([Number(create.count), plain(create)["outcome"]]).toEqual([2, "ok"]);
    const buckets = (create.bucketCounts ?? []).map(Number);
    expect(buckets.reduce((sum, one) => sum + one, 0)).toBe(2);
    expect(buckets).toHaveLength((create.explicitBounds?.length ?? 0) + 1);
  });
});

it("serves on, and counts, while nobody takes what is sent", async () => {
  const { s, collector } = await world({ SOJOURN_OTEL_METRICS_EVERY: "1s" });
  collector.close();
  const { id } = await s.open("alice");
  await expect
    .poll(async () => (await fetch(`${s.service.metricsUrl}/metrics`)).text(), { timeout: 30_000 })
    .toMatch(/^sojourn_otel_trouble_total\{signal="metrics"\} [1-9]/m);
  expect((await s.api("GET", `/v1/sessions/${id}`)).status).toBe(200);
});

it("refuses an address with a password, without repeating it", () => {
  const env = {
    SOJOURN_SECRETS: SECRET,
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:hunter2@127.0.0.1:4318",
    SOJOURN_OTEL_SAMPLE_PERCENT: "101",
  };
  let said = "";
  try {
    readConfig({ flags: {}, env });
  } catch (error) {
    said = String(error);
  }
  expect(said).toMatch(/otel\.endpoint.*OTEL_EXPORTER_OTLP_HEADERS/s);
  expect(said).toMatch(/otel\.samplePercent: accepted: 0 to 100/);
  expect(said).not.toContain("hunter2");
});
