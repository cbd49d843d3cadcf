/** What should not happen: copied tokens, forged ones, and floods, each with its evidence. */
import { useQueries } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import type { AuditEntry, Page } from "../api/types.ts";
import { Badge } from "../ui/badge.tsx";
import { PageHead, Panel, Trouble } from "../ui/blocks.tsx";
import { whole } from "../ui/numbers.ts";
import { AuditTable } from "./audit-table.tsx";
import "./audit.css";

const ROWS = 50;

interface Sort {
  readonly title: string;
  readonly means: string;
  readonly names: readonly string[];
}

const SORTS: readonly Sort[] = [
  {
    title: "Copied tokens",
    means:
      "Two holders went on using one session, or a token came from a place in its family where none is.",
    names: ["token-fork", "token-reuse", "generation-ahead"],
  },
  {
    title: "Forged and unknown tokens",
    means:
      "Somebody sent what this service never made. Ten a second are kept; “suppressed” says how many more.",
    names: ["token-forged", "token-unknown", "proof-refused", "binding-unproven"],
  },
  {
    title: "Limits that were reached",
    means: "A subject opened more sessions than the policy lets it have.",
    names: ["limit-reached"],
  },
  {
    title: "The service itself",
    means: "Stores that were away, and trouble with the trail.",
    names: [
      "store-unavailable",
      "store-recovered",
      "audit-dropped",
      "audit-damaged",
      "audit-unproved",
    ],
  },
];

function useSort(names: readonly string[]) {
  const { tenant } = useConsole();
  return useQueries({
    queries: names.map((name) => ({
      queryKey: [tenant, "/audit", { name, limit: ROWS }],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        api<Page<AuditEntry>>("/audit", { query: { name, limit: ROWS }, signal }),
    })),
  });
}

export function Incidents() {
  return (
    <>
      <PageHead
        title="Incidents"
        lead="What the service noticed by itself, from the audit trail, newest first."
      />
      {SORTS.map((sort) => (
        <SortPanel key={sort.title} sort={sort} />
      ))}
    </>
  );
}

/** What never happened takes one line. */
function SortPanel({ sort: { title, means, names } }: { readonly sort: Sort }) {
  const answers = useSort(names);
  const failed = answers.find(({ isError }) => isError);
  const entries = answers
    .flatMap(({ data }) => data?.items ?? [])
    .sort((a, b) => b.at.localeCompare(a.at))
    .slice(0, ROWS);
  const loading = answers.some(({ isPending }) => isPending);
  const quiet = !loading && failed === undefined && entries.length === 0;
  const sign = loading ? undefined : (
    <Badge tone={quiet ? "good" : "bad"}>{quiet ? "none" : whole(entries.length)}</Badge>
  );
  return (
    <Panel title={title} flush actions={sign} foot={means}>
      {failed === undefined ? null : (
        <Trouble error={failed.error} onRetry={() => void failed.refetch()} />
      )}
      {entries.length > 0 ? <AuditTable entries={entries} /> : null}
    </Panel>
  );
}
