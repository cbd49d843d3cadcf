/** Making a webhook, changing one, a new secret for one; and the one time that it is shown. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { ShownOnce } from "../ui/shown-once.tsx";
import { OverlapField } from "../ui/overlap.tsx";
import { hostOf } from "./webhook-words.tsx";
import type { Webhook } from "./webhook-words.tsx";

export interface MadeWebhook {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** What most receivers want to hear; the rest is typed. */
const USUAL = [
  "session-established",
  "session-ended",
  "subject-revoked",
  "token-fork",
  "token-forged",
  "lock-set",
] as const;
const BETWEEN = /[\s,]+/;

interface Draft {
  readonly url: string;
  readonly description: string;
  readonly all: boolean;
  readonly chosen: readonly string[];
  readonly others: string;
}

function draftOf({ url, description, events }: Pick<Webhook, "url" | "description" | "events">) {
  const usual = new Set<string>(USUAL);
  return {
    url,
    description,
    all: events.length === 0,
    chosen: events.filter((name) => usual.has(name)),
    others: events.filter((name) => !usual.has(name)).join(" "),
  };
}

function eventsOf({ all, chosen, others }: Draft): readonly string[] {
  if (all) return [];
  return [...chosen, ...others.split(BETWEEN).filter((name) => name !== "")];
}

function isBlocked(draft: Draft): boolean {
  return draft.url.trim() === "" || (!draft.all && eventsOf(draft).length === 0);
}

function bodyOf(draft: Draft): object {
  const { url, description } = draft;
  return { url: url.trim(), description: description.trim(), events: eventsOf(draft) };
}

interface FieldsProps {
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
}

function WebhookFields({ draft, onChange }: FieldsProps) {
  const set = (change: Partial<Draft>): void => onChange({ ...draft, ...change });
  return (
    <>
      <Field label="URL" hint="Begins with https://, and leads to a public address.">
        <input
          type="url"
          value={draft.url}
          spellCheck={false}
          autoComplete="off"
          onChange={({ target }) => set({ url: target.value })}
        />
      </Field>
      <Field label="Description" hint="For people; may be left out.">
        <input
          value={draft.description}
          maxLength={256}
          autoComplete="off"
          onChange={({ target }) => set({ description: target.value })}
        />
      </Field>
      <Field label="What is sent">
        <select
          value={draft.all ? "all" : "some"}
          onChange={({ target }) => set({ all: target.value === "all" })}
        >
          <option value="all">everything that happens in the tenant</option>
          <option value="some">what is chosen here</option>
        </select>
      </Field>
      {draft.all ? null : <EventFields draft={draft} onChange={onChange} />}
    </>
  );
}

function EventFields({ draft, onChange }: FieldsProps) {
  const { chosen, others } = draft;
  const toggle = (name: string): void => {
    const next = chosen.includes(name) ? chosen.filter((n) => n !== name) : [...chosen, name];
    onChange({ ...draft, chosen: next });
  };
  return (
    <>
      <fieldset className="scopes">
        <legend className="field-label">Events</legend>
        {USUAL.map((name) => (
          <label key={name} className="check">
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
            <code>{name}</code>
          </label>
        ))}
      </fieldset>
      <Field label="Others" hint="Names of audit entries, with spaces between them.">
        <input
          value={others}
          spellCheck={false}
          autoComplete="off"
          onChange={({ target }) => onChange({ ...draft, others: target.value })}
        />
      </Field>
    </>
  );
}

interface CreateProps {
  readonly onClose: () => void;
  readonly onMade: (made: MadeWebhook) => void;
}

export function CreateWebhook({ onClose, onMade }: CreateProps) {
  const [draft, setDraft] = useState<Draft>(() =>
    draftOf({ url: "", description: "", events: [] }),
  );
  return (
    <Confirm
      title="New webhook"
      verb="Make the webhook"
      kind="primary"
      blocked={isBlocked(draft)}
      done="The webhook is made"
      work={async () =>
        onMade(await api<MadeWebhook>("/webhooks", { method: "POST", body: bodyOf(draft) }))
      }
      onClose={onClose}
    >
      <WebhookFields draft={draft} onChange={setDraft} />
    </Confirm>
  );
}

interface OfOneProps {
  readonly webhook: Webhook;
  readonly onClose: () => void;
}

export function ChangeWebhook({ webhook, onClose }: OfOneProps) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(webhook));
  return (
    <Confirm
      title={`Change ${hostOf(webhook)}`}
      verb="Save"
      kind="primary"
      blocked={isBlocked(draft)}
      done="The webhook is changed"
      work={() => changeWebhook(webhook, bodyOf(draft))}
      onClose={onClose}
    >
      <WebhookFields draft={draft} onChange={setDraft} />
    </Confirm>
  );
}

/** Onto the version that is shown. */
export function changeWebhook({ id, version }: Webhook, body: object): Promise<unknown> {
  const headers = { "if-match": `"${version}"` };
  return api(`/webhooks/${id}`, { method: "PATCH", body, headers });
}

export function RotateSecret({
  webhook,
  onClose,
  onMade,
}: OfOneProps & Pick<CreateProps, "onMade">) {
  const [overlap, setOverlap] = useState("86400");
  const { id, version } = webhook;
  return (
    <Confirm
      title={`A new secret for ${hostOf(webhook)}`}
      verb="Make the new secret"
      kind="primary"
      done="The secret is changed"
      work={async () => {
        const body = { overlap: Number(overlap) };
        const headers = { "if-match": `"${version}"` };
        const path = `/webhooks/${id}/rotate-secret`;
        onMade(await api<MadeWebhook>(path, { method: "POST", body, headers }));
      }}
      onClose={onClose}
    >
      <OverlapField
        label="How long both sign"
        hint="Long enough for the receiver to learn the new one; each message fits either."
        none="not at all: the old secret is over now"
        value={overlap}
        onChange={setOverlap}
      />
    </Confirm>
  );
}

interface SecretProps {
  readonly made: MadeWebhook;
  readonly onClose: () => void;
}

export function WebhookSecret({ made, onClose }: SecretProps) {
  const title = `Secret of ${hostOf(made.webhook)}: copy it now`;
  return (
    <ShownOnce title={title} text={made.secret} onClose={onClose}>
      The receiver verifies each message with it, as Standard Webhooks has it. This is the only time
      that it is shown.
    </ShownOnce>
  );
}
