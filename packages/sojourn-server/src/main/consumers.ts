/** What is fed from the audit trail while a service runs: consumers of it, each with a loop. */
import type { Logger } from "pino";
import { ANALYTICS_CONSUMER } from "../analytics/analytics.ts";
import type { Metrics } from "../api/metrics.ts";
import type { ServerConfig } from "../config/config.ts";
import type { ConsumerSettings } from "../config/consumer-settings.ts";
import type { Statement } from "../control/control-sql.ts";
import type { ReadEntry } from "../audit/trail-reader.ts";
import { Consumer, LEASE_MS } from "../consumers/consumer.ts";
import type { ConsumerParts } from "../consumers/consumer.ts";
import { Loop } from "../consumers/loop.ts";
import { queued } from "../webhooks/delivery-table.ts";
import { sendOtlp } from "../sinks/otlp.ts";
import { sendSyslog } from "../sinks/syslog.ts";
import { WEBHOOK_CONSUMER } from "../webhooks/endpoint-table.ts";
import type { Installation } from "./installation.ts";

interface Feed {
  readonly name: string;
  readonly begins: ConsumerParts["begins"];
  readonly batch: number;
  readonly take: (entries: readonly ReadEntry[]) => Promise<readonly Statement[]>;
  /** After each round of the process that works on it. */
  readonly afterwards?: () => Promise<void>;
}

interface ConsumerTools {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A process that works on a consumer looks for entries of others this often. */
const EVERY_MS = 200;
/** A batch is a transaction; in SQLite requests wait for its end. */
const BATCH = 64;
const SINK_BATCH = 200;
const SETTLE_MS = 5_000;
/** A collector has so long to take a batch. */
const SINK_MS = 10_000;

/** @returns what ends it: rounds under way end, and others may take over at once. */
export function startConsumers(
  config: ServerConfig,
  installation: Installation,
  tools: ConsumerTools,
): () => Promise<void> {
  const feeds: readonly Feed[] = [
    webhookFeed(installation),
    analyticsFeed(installation),
    ...sinkFeeds(config.consumers, tools),
  ];
  const running = feeds.map((feed) => run(feed, installation, tools));
  const wake = (): void => {
    for (const { loop } of running) loop.wake();
  };
  installation.audit.log.whenCarried(wake);
  installation.webhooks.signals.wake = wake;
  installation.webhooks.signals.tried = (delivered) =>
    tools.metrics.consumers.webhookTries.inc({ outcome: delivered ? "delivered" : "failed" });
  installation.webhooks.signals.trouble = (error) =>
    tools.log.error({ err: error }, "webhook trouble");
  const claims = setInterval(() => {
    for (const { claim } of running) claim();
  }, LEASE_MS / 3).unref();
  return async () => {
    clearInterval(claims);
    await Promise.all(running.map(({ loop }) => loop.stop()));
    await installation.webhooks.sender.settle(SETTLE_MS);
    await Promise.allSettled(running.map(({ consumer }) => consumer.release()));
  };
}

function webhookFeed({ control, webhooks, now }: Installation): Feed {
  const { endpoints } = control;
  return {
    name: WEBHOOK_CONSUMER,
    begins: "at-next",
    batch: BATCH,
    // Read after the entries: whoever was told that his endpoint is there misses none behind it.
    take: async (entries) => queued(entries, await endpoints.active(), now()),
    afterwards: () => webhooks.sender.round(),
  };
}

function analyticsFeed({ analytics }: Installation): Feed {
  return {
    name: ANALYTICS_CONSUMER,
    // Also what was before there were figures.
    begins: "at-first",
    batch: BATCH,
    take: async (entries) => analytics.take(entries),
    afterwards: () => analytics.sample(),
  };
}

function sinkFeeds({ syslog, otlp }: ConsumerSettings, { log, metrics }: ConsumerTools): Feed[] {
  const feed = (name: string, send: (entries: readonly ReadEntry[]) => Promise<void>): Feed => ({
    name,
    begins: "at-next",
    batch: SINK_BATCH,
    take: async (entries) => {
      await send(entries);
      metrics.consumers.sinkEntries.inc({ sink: name }, entries.length);
      return [];
    },
  });
  const onRejected = (count: number): void => {
    metrics.consumers.sinkRejected.inc({ sink: "otlp" }, count);
    log.error({ count }, "the OTLP collector refused audit entries");
  };
  const options = { timeoutMs: SINK_MS, onRejected };
  return [
    ...(syslog === undefined ? [] : [feed("syslog", (all) => sendSyslog(syslog, all, options))]),
    ...(otlp === undefined ? [] : [feed("otlp", (all) => sendOtlp(otlp, all, options))]),
  ];
}

interface Running {
  readonly loop: Loop;
  readonly consumer: Consumer;
  readonly claim: () => void;
}

function run(feed: Feed, { control, audit, now }: Installation, tools: ConsumerTools): Running {
  const { name, begins, batch, take, afterwards } = feed;
  const trouble = (error: unknown): void => {
    tools.metrics.consumers.trouble.inc({ consumer: name });
    tools.log.error({ consumer: name, err: error }, "consumer trouble");
  };
  const consumer = new Consumer({
    name,
    sql: control.sql,
    reader: control.trailReader,
    now,
    begins,
    batch,
    take,
    onGap: ({ after, before }) => {
      audit.log.note("consumer-gap", "system", { detail: { consumer: name, after, before } });
    },
  });
  const round = async (): Promise<boolean> => {
    const more = await consumer.round();
    if (consumer.holds) await afterwards?.();
    return more;
  };
  const onMended = (): void => tools.log.info({ consumer: name }, "consumer goes on");
  const loop = new Loop({ round, everyMs: EVERY_MS, onTrouble: trouble, onMended });
  const claim = (): void => {
    // The loop tells of trouble that lasts.
    void consumer.claim().then(
      (held) => held && loop.wake(),
      () => undefined,
    );
  };
  claim();
  return { loop, consumer, claim };
}
