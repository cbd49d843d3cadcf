/**
 * Counters for Prometheus. Names and labels are documented and stable: add, never rename. Labels
 * come from closed lists only, so that no caller can grow them.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { SessionEvent, Sessions } from "sojourn";
import { ConsumerMetrics } from "./consumer-metrics.ts";
import type { StoreCall } from "../engines/timed-store.ts";
import { Durations } from "./durations.ts";
import { Tally } from "./tally.ts";
import { TenantMetrics } from "./tenant-metrics.ts";

/** A store near by answers in less than what HTTP takes. */
const STORE_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5];
const SECOND_MS = 1_000;
const HTTP_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

export class Metrics {
  readonly registry: Registry = new Registry();
  readonly opened: Counter;
  readonly ended: Counter<"reason">;
  readonly verifies: Tally;
  readonly forwardAuths: Counter<"answer">;
  readonly forged: Counter<"why">;
  readonly unknownTokens: Counter;
  readonly forks: Counter<"reaction">;
  readonly storeTrouble: Counter<"operation">;
  readonly storeUp: Gauge;
  readonly keysRefused: Counter<"why">;
  readonly auditTrouble: Counter<"where">;
  readonly auditDropped: Counter;
  readonly tenants: TenantMetrics;
  readonly consumers: ConsumerMetrics;
  readonly streams: Gauge;
  readonly httpSeconds: Durations<"method" | "route" | "status">;
  readonly storeSeconds: Histogram<"operation" | "outcome">;
  readonly telemetryTrouble: Counter<"signal">;

  constructor() {
    const registers = [this.registry];
    this.tenants = new TenantMetrics(this.registry);
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
    ): Counter<Label> => new Counter({ name, help, labelNames, registers });
    this.opened = counter("sojourn_sessions_opened_total", "Sessions opened by this process.");
    this.ended = counter("sojourn_sessions_ended_total", "Sessions this process ended.", [
      "reason",
    ]);
    this.verifies = new Tally(this.registry, {
      name: "sojourn_verifies_total",
      help: "Tokens verified, by standing.",
      label: "state",
    });
    this.forwardAuths = counter("sojourn_forward_auths_total", "Questions of gateways.", [
      "answer",
    ]);
    this.forged = counter("sojourn_tokens_forged_total", "Refused before any store access.", [
      "why",
    ]);
    this.unknownTokens = counter("sojourn_tokens_unknown_total", "Genuine, without a session.");
    this.forks = counter("sojourn_token_forks_total", "Two holders of one session.", ["reaction"]);
    this.storeTrouble = counter("sojourn_store_trouble_total", "Outages of the session store.", [
      "operation",
    ]);
    this.keysRefused = counter("sojourn_service_keys_refused_total", "Service keys refused.", [
      "why",
    ]);
    this.auditTrouble = counter("sojourn_audit_trouble_total", "Outages of the audit trail.", [
      "where",
    ]);
    this.auditDropped = counter("sojourn_audit_dropped_total", "Audit entries lost for good.");
    this.consumers = new ConsumerMetrics(this.registry);
    this.storeUp = new Gauge({
      name: "sojourn_store_up",
      help: "1 while the session store answers.",
      registers,
    });
    this.storeUp.set(1);
    this.streams = new Gauge({
      name: "sojourn_streams_open",
      help: "Live streams open now.",
      registers,
    });
    this.httpSeconds = new Durations({
      name: "sojourn_http_request_seconds",
      help: "Duration of requests by route pattern.",
      labelNames: ["method", "route", "status"],
      buckets: HTTP_SECONDS,
      registers,
    });
    this.storeSeconds = new Histogram({
      name: "sojourn_store_seconds",
      help: "Duration of calls of the session store.",
      labelNames: ["operation", "outcome"],
      buckets: STORE_SECONDS,
      registers,
    });
    this.telemetryTrouble = counter(
      "sojourn_otel_trouble_total",
      "What a collector did not take.",
      ["signal"],
    );
    collectDefaultMetrics({ register: this.registry });
  }

  /** Count what happens to sessions. @returns a function that stops counting. */
  follow(sessions: Sessions): () => void {
    const ends = [
      sessions.events.on("*", (event: SessionEvent) => this.#count(event)),
      this.tenants.follow(sessions),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  storeCall({ operation, ms, failed }: StoreCall): void {
    const outcome = failed ? "failed" : "ok";
    this.storeSeconds.observe({ operation, outcome }, ms / SECOND_MS);
  }

  #count(event: SessionEvent): void {
    switch (event.name) {
      case "session-established":
        return this.opened.inc();
      case "session-ended":
        return this.ended.inc({ reason: event.reason });
      case "token-forged":
        return this.forged.inc({ why: event.why });
      case "token-unknown":
        return this.unknownTokens.inc();
      case "token-fork":
        return this.forks.inc({ reaction: event.reaction });
      case "store-unavailable":
        this.storeUp.set(0);
        return this.storeTrouble.inc({ operation: event.operation });
      case "store-recovered":
        return this.storeUp.set(1);
      default:
        return undefined;
    }
  }
}
