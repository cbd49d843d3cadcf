/** Wire shapes of webhooks. */
import { z } from "zod";
import { TROUBLES } from "../webhooks/attempt.ts";
import { DELIVERY_STATES } from "../webhooks/delivery-table.ts";
import { DISABLED_BY } from "../webhooks/endpoint-table.ts";
import { URL_CHARS_MAX } from "../webhooks/url.ts";
import { instantText, pageQuery } from "./schemas.ts";

const EVENTS_MAX = 100;
const OVERLAP_SECONDS_MAX = 7 * 86_400;

const url = z
  .string()
  .min(1)
  .max(URL_CHARS_MAX)
  .meta({ description: "https://; its host must lead to public addresses alone." });
const events = z
  .array(z.string().min(1).max(64))
  .max(EVENTS_MAX)
  .meta({ description: "Names of audit entries, like `session-ended`; none: all." });
const description = z.string().max(256);

export const webhookParams = z.strictObject({ id: z.string().max(64) });

export const newWebhook = z
  .strictObject({ url, events: events.optional(), description: description.optional() })
  .meta({ id: "NewWebhook" });

export const webhookChange = z
  .strictObject({
    url: url.optional(),
    events: events.optional(),
    description: description.optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: "WebhookChange" });

export const rotateBody = z
  .strictObject({
    overlap: z.number().int().min(0).max(OVERLAP_SECONDS_MAX).optional().meta({
      description: "Seconds in which both secrets sign; a day if left out.",
    }),
  })
  .meta({ id: "WebhookRotation" });

export const replayBody = z
  .strictObject({
    delivery: z.string().min(1).max(128).optional().meta({ description: "One, by its id." }),
    dead: z.literal(true).optional().meta({ description: "All that are dead." }),
    from: instantText.optional().meta({ description: "All since then; inclusive." }),
    to: instantText.optional().meta({ description: "With `from`: before then." }),
  })
  .meta({ id: "WebhookReplay", description: "One of `delivery`, `dead` and `from`." });

export const noBody = z.strictObject({}).optional();

export const deliveriesQuery = z.strictObject({
  ...pageQuery,
  state: z.enum(DELIVERY_STATES).optional(),
});

const webhook = z.strictObject({
  id: z.string(),
  url,
  events,
  description,
  enabled: z.boolean(),
  disabledBy: z.enum(DISABLED_BY).optional(),
  failingSince: instantText.optional(),
  oldSecretUntil: instantText.optional(),
  createdAt: instantText,
  version: z.string().meta({ description: "The ETag, without its quotes." }),
});
export type WebhookView = z.infer<typeof webhook>;

export const webhookReply = z
  .strictObject({ webhook: webhook.meta({ id: "Webhook" }), serverTime: instantText })
  .meta({ id: "WebhookReply" });

export const webhookSecretReply = z
  .strictObject({
    webhook,
    secret: z.string().meta({ description: "`whsec_…`, shown this once." }),
    serverTime: instantText,
  })
  .meta({ id: "WebhookSecretReply" });

export const webhookList = z
  .strictObject({ items: z.array(webhook), serverTime: instantText })
  .meta({ id: "WebhookList" });

export const webhookGone = z
  .strictObject({ deleted: z.literal(true), serverTime: instantText })
  .meta({ id: "WebhookDeleted" });

const trouble = z.enum(TROUBLES).optional().meta({ description: "Why the last try failed." });
const status = z.number().int().optional().meta({ description: "Of the last answer." });

export const testReply = z
  .strictObject({ delivered: z.boolean(), status, trouble, serverTime: instantText })
  .meta({ id: "WebhookTest" });

export const replayReply = z
  .strictObject({
    queued: z.number().int(),
    complete: z.boolean().meta({ description: "False: that was the most at once; go on later." }),
    serverTime: instantText,
  })
  .meta({ id: "WebhookReplayed" });

const delivery = z
  .strictObject({
    id: z.string().meta({ description: "The `webhook-id`: the same at every try." }),
    name: z.string(),
    at: instantText.meta({ description: "When it happened." }),
    state: z.enum(DELIVERY_STATES),
    tries: z.number().int(),
    status,
    trouble,
    triedAt: instantText.optional(),
    nextTryAt: instantText.optional(),
  })
  .meta({ id: "WebhookDelivery" });
export type DeliveryView = z.infer<typeof delivery>;

export const deliveryPage = z
  .strictObject({
    items: z.array(delivery),
    nextCursor: z.string().optional(),
    serverTime: instantText,
  })
  .meta({ id: "WebhookDeliveryPage" });
