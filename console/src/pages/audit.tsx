/** The audit trail: searched, read, taken along. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, request } from "../api/client.ts";
import type { CallOptions } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useAct, useRead } from "../api/hooks.ts";
import type { AuditEntry, Health, Page } from "../api/types.ts";
import { Badge } from "../ui/badge.tsx";
import { Bones, Empty, PageHead, Panel, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Field } from "../ui/field.tsx";
import { whole } from "../ui/numbers.ts";
import { Ago } from "../ui/time.tsx";
import { AuditTable } from "./audit-table.tsx";
import "./audit.css";

const PAGE_ROWS = 50;
const FIELDS = ["subject", "session", "name", "actor"] as const;
type Search = Readonly<Partial<Record<(typeof FIELDS)[number] | "from" | "to", string>>>;

function queryOf({ from, to, ...rest }: Search): NonNullable<CallOptions["query"]> {
  const instant = (text = ""): string | undefined =>
    text === "" ? undefined : new Date(text).toISOString();
  return { ...rest, from: instant(from), to: instant(to) };
}

function useTrail(search: Search) {
  const { tenant } = useConsole();
  return useInfiniteQuery({
    queryKey: [tenant, "/audit", search],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam, client, queryKey }) => {
      const known = client.getQueryState(queryKey)?.dataUpdateCount ?? 0;
      return api<Page<AuditEntry>>("/audit", {
        query: { ...queryOf(search), limit: PAGE_ROWS, cursor: pageParam },
        signal,
        background: known > 0 && pageParam === undefined,
      });
    },
    getNextPageParam: (last) => last.nextCursor,
  });
}

export function Audit() {
  const [search, setSearch] = useState<Search>({});
  const trail = useTrail(search);
  const entries = trail.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <PageHead title="Audit trail" lead={<ChainState />}>
        <Export search={search} />
      </PageHead>
      <SearchForm onSearch={setSearch} />
      <Panel
        flush
        foot={
          trail.hasNextPage ? (
            <Button
              small
              busy={trail.isFetchingNextPage}
              onClick={() => void trail.fetchNextPage()}
            >
              Earlier
            </Button>
          ) : undefined
        }
      >
        {trail.isPending ? <Bones rows={10} /> : null}
        {trail.isError && entries.length === 0 ? (
          <Trouble error={trail.error} onRetry={() => void trail.refetch()} />
        ) : null}
        {trail.isSuccess && entries.length === 0 ? (
          <Empty title="No entry is like that">
            <p>Names and people are matched whole: “session-ended”, “alice”, “key:shop-api”.</p>
          </Empty>
        ) : null}
        {entries.length > 0 ? <AuditTable entries={entries} /> : null}
      </Panel>
    </>
  );
}

/** Whether the chain can be believed, in one line. */
function ChainState() {
  const health = useRead<Health>("/health/nodes");
  const audit = health.data?.audit;
  if (audit === undefined) return <span className="bone" />;
  const fine = audit.state === "ok";
  return (
    <span className="row">
      <Badge tone={fine ? "good" : "bad"}>{fine ? "chain holds" : audit.state}</Badge>
      {audit.head === undefined ? null : <span>entry {whole(audit.head)}, signed</span>}
      {audit.headAt === undefined ? null : <Ago at={audit.headAt} />}
      <span className="wide-only">
        Prove all of it with <code>sojourn audit verify</code>
      </span>
    </span>
  );
}

function SearchForm({ onSearch }: { readonly onSearch: (search: Search) => void }) {
  const [draft, setDraft] = useState<Search>({});
  const change = (name: keyof Search, value: string): void =>
    setDraft({ ...draft, [name]: value.trim() });
  const labels = { subject: "Subject", session: "Session", name: "What", actor: "By whom" };
  return (
    <form
      className="audit-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(draft);
      }}
    >
      {FIELDS.map((name) => (
        <Field key={name} label={labels[name]}>
          <input
            type="search"
            spellCheck={false}
            onChange={({ target }) => change(name, target.value)}
          />
        </Field>
      ))}
      <Field label="From">
        <input type="datetime-local" onChange={({ target }) => change("from", target.value)} />
      </Field>
      <Field label="Before">
        <input type="datetime-local" onChange={({ target }) => change("to", target.value)} />
      </Field>
      <Button type="submit" kind="primary">
        Search
      </Button>
    </form>
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}

function Export({ search }: { readonly search: Search }) {
  const { may, tenant } = useConsole();
  const act = useAct();
  if (!may("GET /v1/audit/export")) return null;
  const take = (format: "ndjson" | "cef"): void => {
    const work = async (): Promise<void> => {
      const query = { ...queryOf(search), format };
      const response = await request("/api/v1/audit/export", { query });
      save(await response.blob(), `audit-${tenant}.${format}`);
    };
    void act.run(work, "The trail is in your downloads");
  };
  return (
    <>
      <Button busy={act.busy} onClick={() => take("ndjson")}>
        Export NDJSON
      </Button>
      <Button busy={act.busy} onClick={() => take("cef")}>
        CEF
      </Button>
    </>
  );
}
