import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Page } from "../api/types.ts";
import { Bones, Panel, Trouble } from "./blocks.tsx";
import { Button } from "./button.tsx";

interface PagedProps<Item> {
  readonly of: UseInfiniteQueryResult<InfiniteData<Page<Item>>>;
  readonly title?: string;
  readonly actions?: ReactNode;
  /** Of the button that reads on. */
  readonly more: string;
  readonly empty: ReactNode;
  readonly children: (items: readonly Item[]) => ReactNode;
}

/** A panel of what comes by pages: on its way, in trouble, empty, or there. */
export function Paged<Item>({ of, title, actions, more, empty, children }: PagedProps<Item>) {
  const items = of.data?.pages.flatMap((page) => page.items) ?? [];
  const next = (
    <Button small busy={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
      {more}
    </Button>
  );
  return (
    <Panel
      {...(title === undefined ? {} : { title })}
      flush
      actions={actions}
      foot={of.hasNextPage ? next : undefined}
    >
      {of.isPending ? (
        <div aria-busy="true">
          <span className="hidden-text">Loading</span>
          <Bones />
        </div>
      ) : null}
      {of.isError && items.length === 0 ? (
        <Trouble error={of.error} onRetry={() => void of.refetch()} />
      ) : null}
      {of.isSuccess && items.length === 0 ? empty : null}
      {items.length === 0 ? null : children(items)}
    </Panel>
  );
}
