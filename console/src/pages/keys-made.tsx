/** Making a service key, and the one time that it is shown. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { ShownOnce } from "../ui/shown-once.tsx";
import { OverlapField } from "../ui/overlap.tsx";

export interface ServiceKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly state: string;
  readonly createdAt: string;
  readonly lastUsedAt?: string;
  readonly revokedAt?: string;
}

export interface MadeKey {
  readonly key: ServiceKey;
  readonly secret: string;
}

interface MakingProps {
  readonly onClose: () => void;
  readonly onMade: (made: MadeKey) => void;
}

const USUAL = ["sessions:read", "sessions:write"];

export function CreateKey({ onClose, onMade }: MakingProps) {
  const { me } = useConsole();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly string[]>(USUAL);
  const toggle = (scope: string): void =>
    setScopes(scopes.includes(scope) ? scopes.filter((s) => s !== scope) : [...scopes, scope]);
  return (
    <Confirm
      title="New service key"
      verb="Make the key"
      kind="primary"
      blocked={name.trim() === "" || scopes.length === 0}
      done={`${name.trim()} is made`}
      work={async () => {
        const body = { name: name.trim(), scopes };
        onMade(await api<MadeKey>("/keys", { method: "POST", body }));
      }}
      onClose={onClose}
    >
      <Field label="Name" hint="Of the back end that will have it; it stands in the audit trail.">
        <input
          value={name}
          maxLength={64}
          autoComplete="off"
          spellCheck={false}
          onChange={({ target }) => setName(target.value)}
        />
      </Field>
      <fieldset className="scopes">
        <legend className="field-label">What it may do</legend>
        {me.scopes.map((scope) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={() => toggle(scope)}
            />
            <code>{scope}</code>
          </label>
        ))}
      </fieldset>
    </Confirm>
  );
}

interface RotateKeyProps extends MakingProps {
  readonly serviceKey: ServiceKey;
}

export function RotateKey({ serviceKey, onClose, onMade }: RotateKeyProps) {
  const [overlap, setOverlap] = useState("86400");
  const path = `/keys/${serviceKey.id}/rotate`;
  return (
    <Confirm
      title={`Exchange ${serviceKey.name}`}
      verb="Make the new key"
      kind="primary"
      done={`${serviceKey.name} is exchanged`}
      work={async () => {
        const body = { overlapSeconds: Number(overlap) };
        onMade(await api<MadeKey>(path, { method: "POST", body }));
      }}
      onClose={onClose}
    >
      <OverlapField
        label="How long the old one goes on"
        hint="Long enough to bring the new one out."
        none="none: the old key ends now"
        value={overlap}
        onChange={setOverlap}
      />
    </Confirm>
  );
}

interface SecretProps {
  readonly made: MadeKey;
  readonly onClose: () => void;
}

export function Secret({ made, onClose }: SecretProps) {
  return (
    <ShownOnce title={`${made.key.name}: copy it now`} text={made.secret} onClose={onClose}>
      This is the only time that it is shown; the service itself keeps no more than a hash.
    </ShownOnce>
  );
}
