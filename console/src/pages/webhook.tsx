/** One webhook: whether it arrives, how it is set, and what became of each message. */
import { useState } from "react";
import { useLocation, useParams } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct, useRead } from "../api/hooks.ts";
import { Facts, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Copyable } from "../ui/copyable.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago, Stamp } from "../ui/time.tsx";
import { Deliveries } from "./webhook-deliveries.tsx";
import { ChangeWebhook, changeWebhook, RotateSecret, WebhookSecret } from "./webhook-form.tsx";
import type { MadeWebhook } from "./webhook-form.tsx";
import { answerWords, hostOf, WebhookBadge } from "./webhook-words.tsx";
import type { Webhook } from "./webhook-words.tsx";
import "./webhooks.css";

const EVERY_MS = 10_000;
type Asked = "change" | "rotate" | "disable" | "remove" | undefined;

interface Tested {
  readonly delivered: boolean;
  readonly status?: number;
  readonly trouble?: string;
}

export function WebhookPage() {
  const { id = "" } = useParams();
  const path = `/webhooks/${encodeURIComponent(id)}`;
  const read = useRead<{ readonly webhook: Webhook }>(path, {}, { every: EVERY_MS });
  const [asked, setAsked] = useState<Asked>();
  const [made, setMade] = useState<MadeWebhook>();
  const [tested, setTested] = useState<Tested>();
  const webhook = read.data?.webhook;
  const close = (): void => setAsked(undefined);
  return (
    <>
      <PageHead
        title={webhook === undefined ? "Webhook" : hostOf(webhook)}
        lead={webhook === undefined ? " " : <Lead webhook={webhook} />}
      >
        {webhook === undefined ? null : (
          <Acts webhook={webhook} onAsk={setAsked} onTested={setTested} />
        )}
      </PageHead>
      {tested === undefined ? null : <TestNote tested={tested} />}
      <Loaded of={read}>
        {(told) => (
          <>
            <Standing webhook={told.webhook} />
            <About webhook={told.webhook} onAsk={setAsked} />
            <Deliveries of={told.webhook} />
          </>
        )}
      </Loaded>
      {webhook === undefined || asked === undefined ? null : (
        <Ask webhook={webhook} asked={asked} onClose={close} onMade={setMade} />
      )}
      {made === undefined ? null : <WebhookSecret made={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

function Lead({ webhook }: { readonly webhook: Webhook }) {
  return (
    <span className="row">
      <WebhookBadge webhook={webhook} />
      {webhook.description === "" ? null : <span>{webhook.description}</span>}
    </span>
  );
}

interface ActsProps {
  readonly webhook: Webhook;
  readonly onAsk: (asked: Asked) => void;
  readonly onTested: (tested: Tested | undefined) => void;
}

function Acts({ webhook, onAsk, onTested }: ActsProps) {
  const { may } = useConsole();
  const act = useAct();
  if (!may("PATCH /v1/webhooks/:id")) return null;
  const test = async (): Promise<void> => {
    onTested(undefined);
    onTested(await api<Tested>(`/webhooks/${webhook.id}/test`, { method: "POST", body: {} }));
  };
  const enable = (): Promise<unknown> => changeWebhook(webhook, { enabled: true });
  return (
    <>
      <Button busy={act.busy} onClick={() => void act.run(test)}>
        Send a test
      </Button>
      <Button onClick={() => onAsk("change")}>Change</Button>
      {webhook.enabled ? (
        <Button onClick={() => onAsk("disable")}>Disable</Button>
      ) : (
        <Button
          kind="primary"
          busy={act.busy}
          onClick={() => void act.run(enable, "It is on; what was held goes out now")}
        >
          Enable
        </Button>
      )}
      <Button kind="danger" onClick={() => onAsk("remove")}>
        Remove
      </Button>
    </>
  );
}

function TestNote({ tested }: { readonly tested: Tested }) {
  return (
    <p className={tested.delivered ? "notice notice-good" : "notice notice-bad"} role="status">
      <strong>{tested.delivered ? "The test arrived." : "The test did not arrive."}</strong>
      <span>The receiver: {answerWords(tested)}.</span>
    </p>
  );
}

const DISABLED = {
  operator: "Somebody disabled it.",
  failing: "It took nothing for three days, and was disabled.",
  gone: "It answered 410 (gone), and was disabled.",
} as const;

/** Nothing is said while all is well. */
function Standing({ webhook }: { readonly webhook: Webhook }) {
  const { enabled, disabledBy = "operator", failingSince } = webhook;
  if (!enabled) {
    return (
      <p className={disabledBy === "operator" ? "notice" : "notice notice-bad"}>
        <strong>{DISABLED[disabledBy]}</strong>
        <span>
          What was waiting is held and goes out when it is enabled; what happens meanwhile is not
          kept for it.
        </span>
      </p>
    );
  }
  if (failingSince === undefined) return null;
  return (
    <p className="notice notice-warn">
      <strong>
        It has taken nothing since <Stamp at={failingSince} />
      </strong>
      <span>Messages are tried again for three days; then the webhook is disabled.</span>
    </p>
  );
}

interface AboutProps {
  readonly webhook: Webhook;
  readonly onAsk: (asked: Asked) => void;
}

function About({ webhook, onAsk }: AboutProps) {
  const { may } = useConsole();
  const { id, url, events, createdAt, oldSecretUntil } = webhook;
  return (
    <Panel
      title="How it is set"
      actions={
        may("POST /v1/webhooks/:id/rotate-secret") ? (
          <Button small onClick={() => onAsk("rotate")}>
            New secret
          </Button>
        ) : undefined
      }
    >
      <Facts
        rows={[
          ["URL", <Copyable key="u" text={url} what="the URL" />],
          ["Events", events.length === 0 ? "all of the tenant" : events.join(", ")],
          ["Id", <Copyable key="i" text={id} what="the id" />],
          ["Made", <Stamp key="m" at={createdAt} />],
          [
            "Two secrets sign",
            oldSecretUntil === undefined ? undefined : (
              <span key="o">
                the old one ends <Ago at={oldSecretUntil} />
              </span>
            ),
          ],
        ]}
      />
    </Panel>
  );
}

interface AskProps {
  readonly webhook: Webhook;
  readonly asked: NonNullable<Asked>;
  readonly onClose: () => void;
  readonly onMade: (made: MadeWebhook) => void;
}

function Ask({ webhook, asked, onClose, onMade }: AskProps) {
  switch (asked) {
    case "change":
      return <ChangeWebhook webhook={webhook} onClose={onClose} />;
    case "rotate":
      return <RotateSecret webhook={webhook} onClose={onClose} onMade={onMade} />;
    case "disable":
      return <Disable webhook={webhook} onClose={onClose} />;
    case "remove":
      return <Remove webhook={webhook} onClose={onClose} />;
  }
}

type OfOneProps = Omit<AskProps, "asked" | "onMade">;

function Disable({ webhook, onClose }: OfOneProps) {
  return (
    <Confirm
      title={`Disable ${hostOf(webhook)}`}
      verb="Disable"
      done={`${hostOf(webhook)} is disabled`}
      work={() => changeWebhook(webhook, { enabled: false })}
      onClose={onClose}
    >
      <p>
        What waits is held until it is enabled again. What happens meanwhile is not sent, unless you
        replay it.
      </p>
    </Confirm>
  );
}

function Remove({ webhook, onClose }: OfOneProps) {
  const [, navigate] = useLocation();
  const host = hostOf(webhook);
  const headers = { "if-match": `"${webhook.version}"` };
  return (
    <Confirm
      title={`Remove ${host}`}
      verb="Remove the webhook"
      typed={host}
      done={`${host} is told nothing any more`}
      work={async () => {
        await api(`/webhooks/${webhook.id}`, { method: "DELETE", headers });
        navigate("/webhooks");
      }}
      onClose={onClose}
    >
      <p>Its secret and all of its deliveries go with it, also those that still wait.</p>
    </Confirm>
  );
}
