/** What the audit trail tells of one session or subject, newest first. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import type { AuditEntry, Page } from "../api/types.ts";
import { Bones, Empty, Panel, Trouble } from "../ui/blocks.tsx";
import { Button } from "../ui/button.tsx";
import { Detail, EntryName, SessionLink, toneOf } from "../ui/entry.tsx";
import { Stamp } from "../ui/time.tsx";
import "./timeline.css";

const PAGE_ROWS = 25;

interface TimelineProps {
  readonly of: { readonly session: string } | { readonly subject: string };
  readonly title?: string;
}

function useTimeline(of: TimelineProps["of"]) {
  const { tenant } = useConsole();
  const oneSession = "session" in of;
  const path = oneSession ? `/sessions/${encodeURIComponent(of.session)}/timeline` : "/audit";
  return useInfiniteQuery({
    queryKey: [tenant, path, of],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam }) =>
      api<Page<AuditEntry>>(path, {
        query: { ...(oneSession ? {} : of), limit: PAGE_ROWS, cursor: pageParam },
        signal,
        background: pageParam === undefined,
      }),
    getNextPageParam: (last) => last.nextCursor,
  });
}

export function Timeline({ of, title = "What happened" }: TimelineProps) {
  const told = useTimeline(of);
  const entries = told.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <Panel
      title={title}
      flush
      foot={
        told.hasNextPage ? (
          <Button small busy={told.isFetchingNextPage} onClick={() => void told.fetchNextPage()}>
            Earlier
          </Button>
        ) : undefined
      }
    >
      {told.isPending ? <Bones rows={4} /> : null}
      {told.isError && entries.length === 0 ? (
        <Trouble error={told.error} onRetry={() => void told.refetch()} />
      ) : null}
      {told.isSuccess && entries.length === 0 ? (
        <Empty title="The audit trail has nothing of it">
          <p>
            What an application does with the library itself is not told here. Else it is older than
            what is kept, or an entry is still on its way: a second.
          </p>
        </Empty>
      ) : null}
      <ol className="timeline">
        {entries.map((entry) => (
          <li key={entry.id} className={`tone-${toneOf(entry)}`}>
            <div className="timeline-words">
              <EntryName entry={entry} />
              <Detail of={entry.detail} />
              <span className="soft small timeline-by">
                {entry.actor === undefined ? null : <span>by {entry.actor}</span>}
                {entry.from?.agent === undefined ? null : <span>{entry.from.agent}</span>}
                {entry.from?.address === undefined ? null : <span>{entry.from.address}</span>}
                {"session" in of || entry.session === undefined ? null : (
                  <SessionLink id={entry.session} />
                )}
              </span>
            </div>
            <span className="soft small">
              <Stamp at={entry.at} />
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
