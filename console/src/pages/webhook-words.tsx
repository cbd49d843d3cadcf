/** Webhooks and their deliveries in words, the same on both pages. */
import { Badge } from "../ui/badge.tsx";
import type { Tone } from "../ui/badge.tsx";

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly description: string;
  readonly enabled: boolean;
  readonly disabledBy?: "operator" | "failing" | "gone";
  readonly failingSince?: string;
  readonly oldSecretUntil?: string;
  readonly createdAt: string;
  readonly version: string;
}

export interface Delivery {
  readonly id: string;
  readonly name: string;
  readonly at: string;
  readonly state: "waiting" | "held" | "done" | "dead";
  readonly tries: number;
  readonly status?: number;
  readonly trouble?: string;
  readonly triedAt?: string;
  readonly nextTryAt?: string;
}

/** Paths of such URLs are often secrets: lists show whom they lead to. */
export function hostOf({ url }: Pick<Webhook, "url">): string {
  return new URL(url).host;
}

export function WebhookBadge({ webhook }: { readonly webhook: Webhook }) {
  if (!webhook.enabled) {
    const byItself = webhook.disabledBy !== "operator";
    return (
      <Badge tone={byItself ? "bad" : "soft"} hollow>
        disabled
      </Badge>
    );
  }
  return webhook.failingSince === undefined ? (
    <Badge tone="good">on</Badge>
  ) : (
    <Badge tone="warn">failing</Badge>
  );
}

const STATES: Readonly<Record<Delivery["state"], readonly [Tone, string]>> = {
  waiting: ["accent", "waiting"],
  held: ["warn", "held"],
  done: ["good", "delivered"],
  dead: ["bad", "dead"],
};

export function DeliveryBadge({ delivery }: { readonly delivery: Delivery }) {
  const { state, trouble } = delivery;
  const [tone, words] = STATES[state];
  const failed = state === "waiting" && trouble !== undefined;
  return (
    <Badge tone={failed ? "warn" : tone} hollow={state === "waiting" || state === "held"}>
      {failed ? "trying again" : words}
    </Badge>
  );
}

const TROUBLES: Readonly<Record<string, string>> = {
  timeout: "no answer in 15 s",
  connection: "no connection",
  tls: "its certificate is not proved",
  unresolved: "its name has no address",
  "refused-address": "its address is not public",
  retired: "the entry is gone from the trail",
  secret: "its secret cannot be opened; rotate it",
};

/** What came of a try. */
export function answerWords({ status, trouble }: Pick<Delivery, "status" | "trouble">): string {
  if (trouble === "redirect") return `redirected (${status ?? 300}); that is never followed`;
  const words = trouble === undefined ? undefined : TROUBLES[trouble];
  return words ?? (status === undefined ? "–" : `answered ${status}`);
}
