/** Four eyes: what one admin asked for and another has to approve. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client.ts";
import { isRefetch, useAct } from "../api/hooks.ts";
import { Badge } from "../ui/badge.tsx";
import type { Tone } from "../ui/badge.tsx";
import { Empty, PageHead, Panel } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Field } from "../ui/field.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Ago } from "../ui/time.tsx";
import "./approvals.css";

interface Approval {
  readonly id: string;
  readonly state: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly tenant: string;
  readonly body?: unknown;
  readonly by: { readonly name: string };
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decidedBy?: { readonly name: string };
  readonly own: boolean;
}

const EVERY_MS = 10_000;
const TONES: Readonly<Record<string, Tone>> = {
  pending: "accent",
  approved: "good",
  rejected: "bad",
};

export function Approvals() {
  const [state, setState] = useState("pending");
  const approvals = useQuery({
    queryKey: ["approvals", state],
    queryFn: ({ signal, client, queryKey }) =>
      call<{ items: Approval[] }>("/approvals", {
        query: { state },
        signal,
        background: isRefetch(client, queryKey),
      }),
    refetchInterval: EVERY_MS,
  });
  return (
    <>
      <PageHead
        title="Approvals"
        lead="What reaches far is asked for by one admin, and done when another approves it."
      >
        <Field label="Show">
          <select value={state} onChange={({ target }) => setState(target.value)}>
            <option value="pending">what waits</option>
            <option value="any">everything</option>
          </select>
        </Field>
      </PageHead>
      <Panel flush>
        <Loaded of={approvals}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="Nothing waits">
                <p>What another admin asks for appears here, and expires when nobody decides.</p>
              </Empty>
            ) : (
              <ul className="approvals">
                {items.map((approval) => (
                  <Row key={approval.id} approval={approval} />
                ))}
              </ul>
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}

function Row({ approval }: { readonly approval: Approval }) {
  const act = useAct();
  const { id, state, summary, method, path, tenant, body, by, own } = approval;
  const decide = (what: "approve" | "reject", done: string): void =>
    void act.run(() => call(`/approvals/${id}/${what}`, { method: "POST" }), done);
  return (
    <li>
      <div className="stack-tight">
        <span className="row">
          <Badge tone={TONES[state] ?? "soft"}>{state}</Badge>
          <strong>{summary}</strong>
        </span>
        <span className="soft small">
          {by.name}, <Ago at={approval.createdAt} />, tenant {tenant}
          {approval.decidedBy === undefined ? null : `; decided by ${approval.decidedBy.name}`}
        </span>
        <code className="approval-act">
          {method} {path} {body === undefined || body === null ? "" : JSON.stringify(body)}
        </code>
      </div>
      {state === "pending" ? (
        <span className="row">
          <Button busy={act.busy} onClick={() => decide("reject", "It is not done")}>
            {own ? "Withdraw" : "Reject"}
          </Button>
          {own ? null : (
            <Button kind="primary" busy={act.busy} onClick={() => decide("approve", "It is done")}>
              Approve
            </Button>
          )}
        </span>
      ) : null}
    </li>
  );
}
