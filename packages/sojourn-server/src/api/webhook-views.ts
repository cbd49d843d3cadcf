/** Webhooks as they are shown: never their secrets. */
import { present } from "../config/present.ts";
import type { Delivery } from "../webhooks/delivery-table.ts";
import type { Endpoint } from "../webhooks/endpoint-table.ts";
import { instant } from "./views.ts";
import type { DeliveryView, WebhookView } from "./webhook-schemas.ts";

function instantOf(at: number | undefined): string | undefined {
  return at === undefined ? undefined : instant(at);
}

export function webhookView(endpoint: Endpoint, now: number): WebhookView {
  const { id, url, events, description, disabled, failingSince, oldUntil = 0 } = endpoint;
  const { createdAt, version } = endpoint;
  return present({
    id,
    url,
    events: [...events],
    description,
    enabled: disabled === undefined,
    disabledBy: disabled,
    failingSince: instantOf(failingSince),
    oldSecretUntil: now < oldUntil ? instant(oldUntil) : undefined,
    createdAt: instant(createdAt),
    version: String(version),
  }) as WebhookView;
}

export function deliveryView(delivery: Delivery): DeliveryView {
  const { id, name, at, state, tries, dueAt, status, trouble, triedAt } = delivery;
  return present({
    id,
    name,
    at: instant(at),
    state,
    tries,
    status,
    trouble,
    triedAt: instantOf(triedAt),
    nextTryAt: state === "waiting" ? instant(dueAt) : undefined,
  }) as DeliveryView;
}
