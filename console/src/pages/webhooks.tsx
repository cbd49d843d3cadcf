/** Webhooks of the tenant: where its events go, and whether they arrive. */
import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { isRefetch, useRead } from "../api/hooks.ts";
import type { Page } from "../api/types.ts";
import { Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { counted } from "../ui/numbers.ts";
import { Ago } from "../ui/time.tsx";
import { CreateWebhook, WebhookSecret } from "./webhook-form.tsx";
import type { MadeWebhook } from "./webhook-form.tsx";
import { DeliveryBadge, hostOf, WebhookBadge } from "./webhook-words.tsx";
import type { Delivery, Webhook } from "./webhook-words.tsx";
import "./webhooks.css";

const EVERY_MS = 10_000;
const NAMED_MAX = 3;

export function Webhooks() {
  const { may } = useConsole();
  const read = { every: EVERY_MS };
  const webhooks = useRead<{ readonly items: readonly Webhook[] }>("/webhooks", {}, read);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeWebhook>();
  return (
    <>
      <PageHead
        title="Webhooks"
        lead="What happens in this tenant, sent to a URL: signed, tried for three days, lost by no restart."
      >
        {may("POST /v1/webhooks") ? (
          <Button kind="primary" onClick={() => setMaking(true)}>
            New webhook
          </Button>
        ) : null}
      </PageHead>
      <Panel flush>
        <Loaded of={webhooks}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="Nobody is told">
                <p>
                  A webhook sends sign-ins, ends, copied tokens or anything else of the audit trail
                  to a URL of yours within a second.
                </p>
              </Empty>
            ) : (
              <WebhookTable webhooks={items} />
            )
          }
        </Loaded>
      </Panel>
      {making ? <CreateWebhook onClose={() => setMaking(false)} onMade={setMade} /> : null}
      {made === undefined ? null : <WebhookSecret made={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

/** The newest delivery of each, absent where none was. */
function useNewest(webhooks: readonly Webhook[]): readonly (Delivery | undefined)[] {
  const { tenant } = useConsole();
  const answers = useQueries({
    queries: webhooks.map(({ id }) => ({
      queryKey: [tenant, `/webhooks/${id}/deliveries`, { limit: 1 }],
      queryFn: ({ signal, client, queryKey }: Parameters<typeof newest>[1]) =>
        newest(id, { signal, client, queryKey }),
      refetchInterval: EVERY_MS,
    })),
  });
  return answers.map(({ data }) => data?.items[0]);
}

type Asking = {
  readonly signal: AbortSignal;
  readonly client: Parameters<typeof isRefetch>[0];
  readonly queryKey: Parameters<typeof isRefetch>[1];
};

function newest(id: string, { signal, client, queryKey }: Asking): Promise<Page<Delivery>> {
  const background = isRefetch(client, queryKey);
  return api(`/webhooks/${id}/deliveries`, { query: { limit: 1 }, signal, background });
}

function WebhookTable({ webhooks }: { readonly webhooks: readonly Webhook[] }) {
  const last = useNewest(webhooks);
  return (
    <div className="table-scroll">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Webhook</th>
            <th scope="col">State</th>
            <th scope="col" className="wide-only">
              Events
            </th>
            <th scope="col" className="wide-only">
              Newest delivery
            </th>
            <th scope="col" className="num">
              Happened
            </th>
          </tr>
        </thead>
        <tbody>
          {webhooks.map((webhook, index) => (
            <WebhookRow key={webhook.id} webhook={webhook} last={last[index]} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly webhook: Webhook;
  readonly last: Delivery | undefined;
}

function WebhookRow({ webhook, last }: RowProps) {
  return (
    <tr>
      <th scope="row">
        <span className="webhook-name">
          <Link href={`/webhooks/${webhook.id}`} className="clip">
            {hostOf(webhook)}
          </Link>
          {webhook.description === "" ? null : (
            <span className="soft tiny clip">{webhook.description}</span>
          )}
        </span>
      </th>
      <td>
        <WebhookBadge webhook={webhook} />
      </td>
      <td className="wide-only soft small">{eventWords(webhook.events)}</td>
      <td className="wide-only">
        {last === undefined ? <span className="soft">none yet</span> : <Newest of={last} />}
      </td>
      <td className="num soft">{last === undefined ? "–" : <Ago at={last.at} />}</td>
    </tr>
  );
}

function Newest({ of }: { readonly of: Delivery }) {
  return (
    <span className="row">
      <DeliveryBadge delivery={of} />
      <span className="soft small">{of.name.replaceAll("-", " ")}</span>
    </span>
  );
}

function eventWords(events: readonly string[]): string {
  if (events.length === 0) return "all";
  const named = events.slice(0, NAMED_MAX).map((name) => name.replaceAll("-", " "));
  const more = events.length - named.length;
  return [...named, ...(more === 0 ? [] : [counted(more, "other")])].join(", ");
}
