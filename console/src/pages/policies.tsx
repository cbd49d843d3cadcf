/** The limits that hold, where each comes from, and what another policy would have changed. */
import { useState } from "react";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { PolicyField } from "../api/types.ts";
import { Badge } from "../ui/badge.tsx";
import { PageHead, Panel } from "../ui/blocks.tsx";
import { Field } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Simulator } from "./simulator.tsx";
import "./policies.css";

export interface PolicyReply {
  readonly policy: {
    readonly name: string;
    readonly justification?: string | null;
    readonly fields: readonly PolicyField[];
  };
  readonly presets: readonly {
    readonly name: string;
    readonly source?: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
}

export function Policies() {
  const { may } = useConsole();
  const [role, setRole] = useState("");
  const [client, setClient] = useState("");
  const policy = useRead<PolicyReply>("/policy", { role, client }, { keep: true });
  return (
    <>
      <PageHead
        title="Policy"
        lead="It comes with the configuration; tenants, clients and roles can only tighten it."
      />
      <Loaded of={policy}>
        {(told) => (
          <>
            {may("POST /v1/policy/simulate") ? (
              <Simulator presets={told.presets} of={told} />
            ) : null}
            <Panel
              title={`Limits of ${told.policy.name}`}
              flush
              actions={
                <div className="policy-for">
                  <Field label="For the role">
                    <input value={role} onChange={({ target }) => setRole(target.value)} />
                  </Field>
                  <Field label="and the client">
                    <input value={client} onChange={({ target }) => setClient(target.value)} />
                  </Field>
                </div>
              }
            >
              <FieldTable fields={told.policy.fields} />
            </Panel>
          </>
        )}
      </Loaded>
    </>
  );
}

function FieldTable({ fields }: { readonly fields: readonly PolicyField[] }) {
  return (
    <div className="table-scroll">
      <table className="table policy-table">
        <thead>
          <tr>
            <th scope="col">Limit</th>
            <th scope="col">Value</th>
            <th scope="col">From</th>
            <th scope="col" className="wide-only">
              Clause
            </th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field.field}>
              <th scope="row">
                <code>{field.field}</code>
                <span className="soft small">{field.means}</span>
              </th>
              <td className="policy-value">
                {field.human}
                {field.cap === undefined ? null : (
                  <span className="soft small">at most {field.cap}</span>
                )}
              </td>
              <td className="nowrap">
                <span className="soft">{field.from}</span>
                {field.justification === undefined ? null : (
                  <Badge tone="warn" plain>
                    justified
                  </Badge>
                )}
              </td>
              <td className="wide-only soft small">{field.clause}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
