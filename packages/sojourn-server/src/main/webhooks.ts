/** The webhooks of an installation: managed by commands and routes, sent by services. */
import type { AuditLog } from "../audit/audit-log.ts";
import type { ServerConfig } from "../config/config.ts";
import type { ControlStore } from "../control/control-store.ts";
import { addressRule } from "../webhooks/addresses.ts";
import { WebhookDesk } from "../webhooks/desk.ts";
import { EndpointSecrets } from "../webhooks/endpoint-secrets.ts";
import { ATTEMPT_MS, Sender } from "../webhooks/sender.ts";

export interface WebhookHouse {
  readonly desk: WebhookDesk;
  readonly sender: Sender;
  /** Set by a service that sends. */
  readonly signals: WebhookSignals;
}

interface WebhookSignals {
  /** Something may be due. */
  wake: () => void;
  trouble: (error: unknown) => void;
  tried: (delivered: boolean) => void;
}

interface WebhookTools {
  readonly control: ControlStore;
  readonly log: AuditLog;
  readonly now: () => number;
}

export function openWebhooks(
  { secrets, consumers }: ServerConfig,
  { control, log, now }: WebhookTools,
): WebhookHouse {
  const { endpoints, deliveries, trailReader: reader } = control;
  const signals: WebhookSignals = {
    wake: () => undefined,
    trouble: () => undefined,
    tried: () => undefined,
  };
  const wake = (): void => signals.wake();
  const rule = addressRule(consumers.webhookNetworks);
  const shared = { endpoints, deliveries, reader, rule, now };
  const endpointSecrets = new EndpointSecrets(secrets, endpoints);
  const sender = new Sender({
    ...shared,
    secrets: endpointSecrets,
    timeoutMs: ATTEMPT_MS,
    onDisabled: ({ id, tenant, disabled }) => {
      log.note("webhook-disabled", "system", { detail: { webhook: id, why: disabled } }, tenant);
    },
    onTried: ({ trouble }) => signals.tried(trouble === undefined),
    onFree: wake,
    onTrouble: (error) => signals.trouble(error),
  });
  const desk = new WebhookDesk({ ...shared, secrets: endpointSecrets, sender, wake });
  return { desk, sender, signals };
}
