/** Tenants of the installation: what each is held to, and what it uses of it. */
import { useState } from "react";
import { Link } from "wouter";
import { useConsole } from "../api/console.ts";
import { usePages } from "../api/hooks.ts";
import { Badge } from "../ui/badge.tsx";
import type { Tone } from "../ui/badge.tsx";
import { Empty, PageHead } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { whole } from "../ui/numbers.ts";
import { Paged } from "../ui/paged.tsx";
import { Ago, spanWords } from "../ui/time.tsx";
import { CreateTenant } from "./tenant-form.tsx";
import "./tenants.css";

export type TenantPolicy = string | Readonly<Record<string, unknown>>;

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly state: "active" | "suspended" | "erased";
  readonly createdAt: string;
  readonly policy?: TenantPolicy;
  readonly quotas: {
    readonly sessions: number | null;
    readonly sessionsPerSubject: number | null;
    readonly requestsPerSecond: number | null;
    readonly serviceKeys: number | null;
  };
  readonly use?: {
    readonly sessions?: { readonly value: number; readonly exact: boolean };
    readonly serviceKeys: number;
  };
  readonly ownKey: boolean;
  readonly erasedAt?: string;
  readonly purgedAt?: string;
  readonly version: string;
}

const ROWS = 50;
const SECOND_MS = 1_000;
const TONES: Readonly<Record<Tenant["state"], Tone>> = {
  active: "good",
  suspended: "warn",
  erased: "soft",
};
/** In full, and in a list. */
const LIMITS: Readonly<Record<string, readonly [string, string]>> = {
  extends: ["Preset", ""],
  idleMs: ["Idle time", "idle "],
  absoluteMs: ["Absolute time", "absolute "],
};

export function TenantBadge({ state }: Pick<Tenant, "state">) {
  return (
    <Badge tone={TONES[state]} hollow={state === "erased"}>
      {state}
    </Badge>
  );
}

function policyValue(name: string, value: unknown): string {
  if (name.endsWith("Ms") && typeof value === "number") return spanWords(value / SECOND_MS);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function limitsOf(policy: TenantPolicy | undefined): readonly (readonly [string, unknown])[] {
  if (policy === undefined) return [];
  return typeof policy === "string" ? [["extends", policy]] : Object.entries(policy);
}

/** What it tightens, one pair for each limit. */
export function tightened(
  policy: TenantPolicy | undefined,
): readonly (readonly [string, string])[] {
  return limitsOf(policy).map(([name, value]) => [
    LIMITS[name]?.[0] ?? name,
    policyValue(name, value),
  ]);
}

function tightenedWords(policy: TenantPolicy | undefined): string {
  const words = limitsOf(policy).map(
    ([name, value]) => (LIMITS[name]?.[1] ?? `${name} `) + policyValue(name, value),
  );
  return words.length === 0 ? "–" : words.join(", ");
}

export function usedWords({ use }: Tenant): string {
  if (use?.sessions === undefined) return "–";
  return `${use.sessions.exact ? "" : "≥ "}${whole(use.sessions.value)}`;
}

export function Tenants() {
  const { may } = useConsole();
  const list = usePages<Tenant>("/tenants", { use: true, limit: ROWS });
  const [making, setMaking] = useState(false);
  return (
    <>
      <PageHead
        title="Tenants"
        lead="Each has sessions, keys and a trail of its own; nothing crosses from one to another."
      >
        {may("POST /v1/tenants") ? (
          <Button kind="primary" onClick={() => setMaking(true)}>
            New tenant
          </Button>
        ) : null}
      </PageHead>
      <Paged of={list} more="More" empty={<Empty title="There is no tenant" />}>
        {(tenants) => <TenantTable tenants={tenants} />}
      </Paged>
      {making ? <CreateTenant onClose={() => setMaking(false)} /> : null}
    </>
  );
}

function TenantTable({ tenants }: { readonly tenants: readonly Tenant[] }) {
  return (
    <div className="table-scroll">
      <table className="table tenants">
        <thead>
          <tr>
            <th scope="col">Tenant</th>
            <th scope="col">State</th>
            <th scope="col" className="wide-only">
              Tightened to
            </th>
            <th scope="col" className="num">
              Live sessions
            </th>
            <th scope="col" className="quota wide-only">
              Quota
            </th>
            <th scope="col" className="num wide-only">
              Keys
            </th>
            <th scope="col" className="quota wide-only">
              Quota
            </th>
            <th scope="col" className="num wide-only">
              Made
            </th>
          </tr>
        </thead>
        <tbody>
          {tenants.map((tenant) => (
            <TenantRow key={tenant.id} tenant={tenant} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TenantName({ tenant: { id, name } }: { readonly tenant: Tenant }) {
  return (
    <span className="tenant-name">
      <Link href={`/tenants/${encodeURIComponent(id)}`} className="clip">
        {name === "" ? id : name}
      </Link>
      {name === "" || name === id ? null : <code className="soft clip">{id}</code>}
    </span>
  );
}

function TenantRow({ tenant }: { readonly tenant: Tenant }) {
  const { state, policy, quotas, use, createdAt } = tenant;
  const there = state !== "erased";
  const full = quotas.sessions !== null && (use?.sessions?.value ?? 0) >= quotas.sessions;
  return (
    <tr>
      <th scope="row">
        <TenantName tenant={tenant} />
      </th>
      <td>
        <TenantBadge state={state} />
      </td>
      <td className="wide-only soft">{tightenedWords(policy)}</td>
      <td className={full ? "num tone-bad" : "num"}>{usedWords(tenant)}</td>
      <td className="quota soft wide-only">
        {there ? quotaWords(quotas.sessions) : null}
        {full ? <strong className="tone-bad"> full</strong> : null}
      </td>
      <td className="num wide-only">{use === undefined ? "–" : whole(use.serviceKeys)}</td>
      <td className="quota soft wide-only">{there ? quotaWords(quotas.serviceKeys) : null}</td>
      <td className="num soft wide-only">
        <Ago at={createdAt} />
      </td>
    </tr>
  );
}

function quotaWords(max: number | null): string {
  return max === null ? "no limit" : `of ${whole(max)}`;
}
