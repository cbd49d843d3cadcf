/** Every session there is: narrowed by facets, paged by key, drawn only where one looks. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { useRead } from "../api/hooks.ts";
import type { Page, Session } from "../api/types.ts";
import { useHeard } from "../shell/heard.tsx";
import { Empty, PageHead, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { whole } from "../ui/numbers.ts";
import { EndSessions } from "./end-sessions.tsx";
import { Facets } from "./explorer-facets.tsx";
import { filterQuery, useFilter } from "./explorer-filter.ts";
import type { Filter } from "./explorer-filter.ts";
import { SessionTable } from "./explorer-table.tsx";
import "./explorer.css";

const PAGE_ROWS = 100;
/** More pages than these are read again only when asked to. */
const REREAD_PAGES_MAX = 2;

function useSessions(filter: Filter) {
  const { tenant } = useConsole();
  return useInfiniteQuery({
    queryKey: [tenant, "/explorer", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam, client, queryKey }) => {
      const known = client.getQueryState(queryKey)?.dataUpdateCount ?? 0;
      return api<Page<Session>>("/sessions", {
        query: { ...filterQuery(filter), limit: PAGE_ROWS, cursor: pageParam },
        signal,
        background: known > 0 && pageParam === undefined,
      });
    },
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
  });
}

export function Explorer() {
  const [filter, setFilter] = useFilter();
  const sessions = useSessions(filter);
  const [selected, setSelected] = useState<Readonly<Record<string, boolean>>>({});
  const [ending, setEnding] = useState<readonly Session[]>();
  const { may } = useConsole();
  const rows = useMemo(
    () => sessions.data?.pages.flatMap(({ items }) => items) ?? [],
    [sessions.data],
  );
  const chosen = rows.filter(({ id, state }) => selected[id] === true && state !== "ended");
  const news = useNews(sessions.data?.pages.length ?? 0, () => void sessions.refetch());
  const mayEnd = may("POST /v1/sessions/:id/revoke");
  return (
    <>
      <PageHead title="Sessions">
        {news ? <Button onClick={() => void sessions.refetch()}>Show what is new</Button> : null}
        {mayEnd ? (
          <Button kind="danger" disabled={chosen.length === 0} onClick={() => setEnding(chosen)}>
            {chosen.length === 0 ? "End selected" : `End ${whole(chosen.length)} selected`}
          </Button>
        ) : null}
      </PageHead>
      <Facets filter={filter} onChange={setFilter} />
      <Count filter={filter} shown={rows.length} more={sessions.hasNextPage} />
      {sessions.isError && rows.length === 0 ? (
        <Trouble error={sessions.error} onRetry={() => void sessions.refetch()} />
      ) : (
        <SessionTable
          rows={rows}
          loading={sessions.isPending}
          more={sessions.hasNextPage}
          onMore={() => {
            if (!sessions.isFetching) void sessions.fetchNextPage();
          }}
          selected={selected}
          onSelect={mayEnd ? setSelected : undefined}
          empty={<Nothing filter={filter} onClear={() => setFilter({})} />}
        />
      )}
      {ending === undefined ? null : (
        <EndSessions
          sessions={ending}
          onClose={() => setEnding(undefined)}
          onDone={() => {
            setSelected({});
            void sessions.refetch();
          }}
        />
      )}
    </>
  );
}

/** @returns whether something happened that is not shown yet. */
function useNews(pages: number, refetch: () => void): boolean {
  const { recent } = useHeard();
  const newest = recent[0]?.id;
  const [seen, setSeen] = useState(newest);
  const take = useEffectEvent(() => {
    if (pages > REREAD_PAGES_MAX || window.scrollY > window.innerHeight) return;
    setSeen(newest);
    refetch();
  });
  useEffect(() => {
    if (newest === undefined) return undefined;
    const timer = setTimeout(take, 300);
    return () => clearTimeout(timer);
  }, [newest]);
  return newest !== undefined && newest !== seen && pages > REREAD_PAGES_MAX;
}

interface CountProps {
  readonly filter: Filter;
  readonly shown: number;
  readonly more: boolean;
}

function Count({ filter, shown, more }: CountProps) {
  const query = { ...filterQuery(filter), limit: 1, count: "estimate" };
  const counted = useRead<Page<Session>>("/sessions", query, { keep: true });
  const count = counted.data?.count;
  const all =
    count === undefined ? undefined : `${count.exact ? "" : "about "}${whole(count.value)}`;
  return (
    <p className="soft small explorer-count" aria-live="polite">
      {all === undefined ? `${whole(shown)}${more ? " and more" : ""}` : `${all} found`}
      {shown > 0 && more ? `, ${whole(shown)} read so far` : ""}
    </p>
  );
}

interface NothingProps {
  readonly filter: Filter;
  readonly onClear: () => void;
}

function Nothing({ filter, onClear }: NothingProps) {
  const narrowed = Object.keys(filter).length > 0;
  return (
    <Empty title={narrowed ? "No session is like that" : "Nobody is signed in yet"}>
      <p>
        {narrowed
          ? "Widen the filter, or look among those that have ended: choose “any” as the state."
          : "The first session appears here the moment your application opens it."}
      </p>
      {narrowed ? <Button onClick={onClear}>Clear the filter</Button> : null}
    </Empty>
  );
}
