/** Making a tenant and changing one: its name, what it tightens, what it may use. */
import { useState } from "react";
import { useLocation } from "wouter";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import type { PolicyReply } from "./policies.tsx";
import type { Tenant, TenantPolicy } from "./tenants.tsx";

const QUOTAS = [
  ["sessions", "Live sessions"],
  ["sessionsPerSubject", "Sessions of one subject"],
  ["requestsPerSecond", "Requests per second"],
  ["serviceKeys", "Service keys"],
] as const;
type QuotaName = (typeof QUOTAS)[number][0];

interface Draft {
  readonly name: string;
  readonly preset: string;
  readonly idle: string;
  readonly absolute: string;
  readonly quotas: Readonly<Record<QuotaName, string>>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EMPTY: Draft = {
  name: "",
  preset: "",
  idle: "",
  absolute: "",
  quotas: { sessions: "", sessionsPerSubject: "", requestsPerSecond: "", serviceKeys: "" },
};

/** `900000` as it is typed: `15m`. */
function spanText(value: unknown): string {
  if (typeof value !== "number") return typeof value === "string" ? value : "";
  if (value % HOUR_MS === 0) return `${value / HOUR_MS}h`;
  if (value % MINUTE_MS === 0) return `${value / MINUTE_MS}m`;
  return value % 1_000 === 0 ? `${value / 1_000}s` : `${value}ms`;
}

function draftOf({ name, policy, quotas }: Tenant): Draft {
  const fields = typeof policy === "object" ? policy : {};
  const preset = typeof policy === "string" ? policy : fields["extends"];
  const text = (quota: QuotaName): string => String(quotas[quota] ?? "");
  return {
    name,
    preset: typeof preset === "string" ? preset : "",
    idle: spanText(fields["idleMs"]),
    absolute: spanText(fields["absoluteMs"]),
    quotas: {
      sessions: text("sessions"),
      sessionsPerSubject: text("sessionsPerSubject"),
      requestsPerSecond: text("requestsPerSecond"),
      serviceKeys: text("serviceKeys"),
    },
  };
}

/** Limits that the form does not show stay as they are. */
function policyOf(draft: Draft, before: TenantPolicy | undefined): TenantPolicy | undefined {
  const {
    extends: _preset,
    idleMs: _idle,
    absoluteMs: _absolute,
    ...others
  } = typeof before === "object" ? before : ({} as Readonly<Record<string, unknown>>);
  const limits = {
    ...others,
    ...(draft.idle.trim() === "" ? {} : { idleMs: draft.idle.trim() }),
    ...(draft.absolute.trim() === "" ? {} : { absoluteMs: draft.absolute.trim() }),
  };
  const preset = draft.preset === "" ? undefined : draft.preset;
  if (Object.keys(limits).length === 0) return preset;
  return preset === undefined ? limits : { extends: preset, ...limits };
}

function quotasOf({ quotas }: Draft): Readonly<Record<string, number | null>> {
  return Object.fromEntries(
    QUOTAS.map(([name]) => [name, quotas[name] === "" ? null : Number(quotas[name])]),
  );
}

interface FormProps {
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
}

function TenantFields({ draft, onChange }: FormProps) {
  const { may } = useConsole();
  const policy = useRead<PolicyReply>("/policy", {}, { enabled: may("GET /v1/policy") });
  const presets = [...new Set(policy.data?.presets.map(({ name }) => name))];
  const known = draft.preset === "" || presets.includes(draft.preset);
  const set = (change: Partial<Draft>): void => onChange({ ...draft, ...change });
  return (
    <>
      <Field label="Policy" hint="It may only tighten what holds for the installation.">
        <select value={draft.preset} onChange={({ target }) => set({ preset: target.value })}>
          <option value="">as the installation</option>
          {[...presets, ...(known ? [] : [draft.preset])].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </Field>
      <div className="columns-two">
        <Field label="Idle time at most" hint="Like 15m, or empty.">
          <input
            value={draft.idle}
            spellCheck={false}
            autoComplete="off"
            onChange={({ target }) => set({ idle: target.value })}
          />
        </Field>
        <Field label="Absolute time at most" hint="Like 8h, or empty.">
          <input
            value={draft.absolute}
            spellCheck={false}
            autoComplete="off"
            onChange={({ target }) => set({ absolute: target.value })}
          />
        </Field>
      </div>
      <fieldset className="quota-fields">
        <legend>Quotas</legend>
        <div className="columns-two">
          {QUOTAS.map(([name, label]) => (
            <Field key={name} label={label}>
              <input
                placeholder="no limit"
                type="number"
                min={1}
                step={1}
                value={draft.quotas[name]}
                onChange={({ target }) =>
                  set({ quotas: { ...draft.quotas, [name]: target.value } })
                }
              />
            </Field>
          ))}
        </div>
      </fieldset>
    </>
  );
}

export function CreateTenant({ onClose }: { readonly onClose: () => void }) {
  const [, navigate] = useLocation();
  const [id, setId] = useState("");
  const [draft, setDraft] = useState(EMPTY);
  const wanted = id.trim();
  const work = async (): Promise<void> => {
    const policy = policyOf(draft, undefined);
    const body = {
      id: wanted,
      quotas: quotasOf(draft),
      ...(draft.name.trim() === "" ? {} : { name: draft.name.trim() }),
      ...(policy === undefined ? {} : { policy }),
    };
    await api("/tenants", { method: "POST", body });
    navigate(`/tenants/${encodeURIComponent(wanted)}`);
  };
  return (
    <Confirm
      title="New tenant"
      verb="Make the tenant"
      kind="primary"
      blocked={wanted === ""}
      done={`${wanted} is made; give it a service key next`}
      work={work}
      onClose={onClose}
    >
      <div className="columns-two">
        <Field label="Id" hint="For programs; it never changes.">
          <input
            value={id}
            maxLength={63}
            spellCheck={false}
            autoComplete="off"
            onChange={({ target }) => setId(target.value)}
          />
        </Field>
        <NameField draft={draft} onChange={setDraft} />
      </div>
      <TenantFields draft={draft} onChange={setDraft} />
    </Confirm>
  );
}

function NameField({ draft, onChange }: FormProps) {
  return (
    <Field label="Name" hint="For people; may be empty.">
      <input
        value={draft.name}
        maxLength={200}
        autoComplete="off"
        onChange={({ target }) => onChange({ ...draft, name: target.value })}
      />
    </Field>
  );
}

interface ChangeTenantProps {
  readonly tenant: Tenant;
  readonly onClose: () => void;
}

export function ChangeTenant({ tenant, onClose }: ChangeTenantProps) {
  const { id, version } = tenant;
  const [draft, setDraft] = useState(() => draftOf(tenant));
  const work = async (): Promise<void> => {
    const body = {
      quotas: quotasOf(draft),
      policy: policyOf(draft, tenant.policy) ?? null,
      ...(draft.name.trim() === "" ? {} : { name: draft.name.trim() }),
    };
    const headers = { "if-match": `"${version}"` };
    await api(`/tenants/${encodeURIComponent(id)}`, { method: "PATCH", body, headers });
  };
  return (
    <Confirm
      title={`Change ${tenant.name}`}
      verb="Save"
      kind="primary"
      done={`${tenant.name} is changed; every process follows within a second`}
      work={work}
      onClose={onClose}
    >
      <NameField draft={draft} onChange={setDraft} />
      <TenantFields draft={draft} onChange={setDraft} />
    </Confirm>
  );
}
