/** Figures of what is fed from the audit trail. */
import { Counter } from "prom-client";
import type { Registry } from "prom-client";

export class ConsumerMetrics {
  readonly trouble: Counter<"consumer">;
  readonly webhookTries: Counter<"outcome">;
  readonly sinkEntries: Counter<"sink">;
  readonly sinkRejected: Counter<"sink">;

  constructor(registry: Registry) {
    const counter = <Label extends string>(
      name: string,
      help: string,
      label: Label,
    ): Counter<Label> => new Counter({ name, help, labelNames: [label], registers: [registry] });
    this.trouble = counter(
      "sojourn_consumer_trouble_total",
      "Outages of what is fed from the audit trail.",
      "consumer",
    );
    this.webhookTries = counter(
      "sojourn_webhook_tries_total",
      "Tries to deliver a webhook.",
      "outcome",
    );
    this.sinkEntries = counter(
      "sojourn_sink_entries_total",
      "Audit entries a sink has taken.",
      "sink",
    );
    this.sinkRejected = counter(
      "sojourn_sink_rejected_total",
      "Audit entries a sink refused.",
      "sink",
    );
  }
}
