/**
 * Counters for Prometheus. Names and labels are documented and stable: add, never rename. Labels
 * come from closed lists only, so that no caller can grow them.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { SessionEvent, Sessions } from "sojourn";

const HTTP_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

export class Metrics {
  readonly registry: Registry = new Registry();
  readonly opened: Counter;
  readonly ended: Counter<"reason">;
  readonly verifies: Counter<"state">;
  readonly forged: Counter<"why">;
  readonly unknownTokens: Counter;
  readonly forks: Counter<"reaction">;
  readonly storeTrouble: Counter<"operation">;
  readonly storeUp: Gauge;
  readonly keysRefused: Counter<"why">;
  readonly streams: Gauge;
  readonly httpSeconds: Histogram<"method" | "route" | "status">;

  constructor() {
    const registers = [this.registry];
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
    ): Counter<Label> => new Counter({ name, help, labelNames, registers });
    this.opened = counter("sojourn_sessions_opened_total", "Sessions opened by this process.");
    this.ended = counter("sojourn_sessions_ended_total", "Sessions this process ended.", [
      "reason",
    ]);
    this.verifies = counter("sojourn_verifies_total", "Tokens verified, by standing.", ["state"]);
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
    this.httpSeconds = new Histogram({
      name: "sojourn_http_request_seconds",
      help: "Duration of requests by route pattern.",
      labelNames: ["method", "route", "status"],
      buckets: HTTP_SECONDS,
      registers,
    });
    collectDefaultMetrics({ register: this.registry });
  }

  /** Count what happens to sessions. @returns a function that stops counting. */
  follow(sessions: Sessions): () => void {
    return sessions.events.on("*", (event: SessionEvent) => this.#count(event));
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
