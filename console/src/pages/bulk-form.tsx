import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct } from "../api/hooks.ts";
import type { Session } from "../api/types.ts";
import { Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Field } from "../ui/field.tsx";

export interface Wish {
  readonly action: string;
  readonly filter: Readonly<Record<string, string>>;
  readonly except?: readonly string[];
  readonly cause?: string;
}

export interface Tried {
  readonly count: { readonly value: number; readonly exact: boolean };
  readonly everything: boolean;
  readonly sample: readonly Session[];
  readonly token: string;
  readonly expiresAt: string;
  readonly index: { readonly lagSeconds: number };
}

const FIELDS = [
  ["subject", "Subject"],
  ["device", "Device"],
  ["address", "Network", "203.0.113.0/24"],
  ["agent", "Browser", "Firefox"],
  ["client", "Client"],
  ["role", "Role"],
  ["acr", "Assurance"],
] as const;
const STATES = ["live", "active", "pending", "locked"] as const;

interface BulkFormProps {
  readonly onTried: (wish: Wish, tried: Tried) => void;
}

function instant(text: string): string {
  return new Date(text).toISOString();
}

export function BulkForm({ onTried }: BulkFormProps) {
  const { me } = useConsole();
  const act = useAct();
  const [action, setAction] = useState("revoke");
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({});
  const [cause, setCause] = useState("");
  const [before, setBefore] = useState("");
  const set = (name: string, value: string): void => setGiven({ ...given, [name]: value.trim() });
  const count = async (): Promise<void> => {
    const named = Object.entries(given).filter(([, value]) => value !== "");
    const until = before === "" ? [] : [["createdBefore", instant(before)]];
    const filter = Object.fromEntries([...named, ...until]) as Record<string, string>;
    const reason = cause.trim() === "" ? {} : { cause: cause.trim() };
    // Whoever ends everything stays signed in to the console itself.
    const wish: Wish = { action, filter, except: [me.session.id], ...reason };
    const body = { ...wish, dryRun: true };
    onTried(wish, await api<Tried>("/bulk", { method: "POST", body }));
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void act.run(count);
      }}
    >
      <div className="bulk-fields">
        <Field label="What">
          <select value={action} onChange={({ target }) => setAction(target.value)}>
            <option value="revoke">end them</option>
            <option value="lock">lock them</option>
          </select>
        </Field>
        <Field label="State">
          <select onChange={({ target }) => set("state", target.value)}>
            {STATES.map((state) => (
              <option key={state}>{state}</option>
            ))}
          </select>
        </Field>
        {FIELDS.map(([name, label, hint]) => (
          <Field key={name} label={label}>
            <input
              placeholder={hint}
              spellCheck={false}
              onChange={({ target }) => set(name, target.value)}
            />
          </Field>
        ))}
        <Field label="Opened before">
          <input type="datetime-local" onChange={({ target }) => setBefore(target.value)} />
        </Field>
      </div>
      <Field label="Cause" hint="Kept with every end and in the audit trail; may be left out.">
        <input value={cause} maxLength={256} onChange={({ target }) => setCause(target.value)} />
      </Field>
      <p className="soft small">Everything that is given has to hold. Empty: every live session.</p>
      {act.error === undefined ? null : <Trouble error={act.error} />}
      <div>
        <Button type="submit" kind="primary" busy={act.busy}>
          {act.busy ? "Counting …" : "Count, and change nothing"}
        </Button>
      </div>
    </form>
  );
}
