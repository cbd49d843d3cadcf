/** Reading with TanStack Query, and doing. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import type { QueryClient, QueryKey, UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import { useSay } from "../ui/toasts.tsx";
import { api, AwaitsApproval, ProblemError } from "./client.ts";
import type { CallOptions } from "./client.ts";
import { useConsole } from "./console.ts";
import type { Page } from "./types.ts";

export interface ReadOptions {
  /** Milliseconds between polls. */
  readonly every?: number;
  readonly enabled?: boolean;
  /** The last answer stays while another one is fetched. */
  readonly keep?: boolean;
}

/** Whether it is read again by itself, and so no act of the person. */
export function isRefetch(client: QueryClient, key: QueryKey): boolean {
  return (client.getQueryState(key)?.dataUpdateCount ?? 0) > 0;
}

export function useRead<Reply>(
  path: string,
  query: CallOptions["query"] = {},
  { every, enabled = true, keep = false }: ReadOptions = {},
): UseQueryResult<Reply> {
  const { tenant } = useConsole();
  return useQuery({
    queryKey: [tenant, path, query],
    queryFn: ({ signal, client, queryKey }) =>
      api<Reply>(path, { query, signal, background: isRefetch(client, queryKey) }),
    enabled,
    ...(every === undefined ? {} : { refetchInterval: every }),
    ...(keep ? { placeholderData: keepPreviousData } : {}),
  });
}

/** A list that comes by pages. */
export function usePages<Item>(
  path: string,
  query: CallOptions["query"] = {},
  { every }: Pick<ReadOptions, "every"> = {},
) {
  const { tenant } = useConsole();
  return useInfiniteQuery({
    queryKey: [tenant, path, "pages", query],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam, client, queryKey }) =>
      api<Page<Item>>(path, {
        query: { ...query, cursor: pageParam },
        signal,
        background: pageParam === undefined && isRefetch(client, queryKey),
      }),
    getNextPageParam: (last) => last.nextCursor,
    ...(every === undefined ? {} : { refetchInterval: every }),
  });
}

export interface Act {
  readonly busy: boolean;
  readonly error: unknown;
  /** @returns whether it was done. */
  run: (work: () => Promise<unknown>, done?: string) => Promise<boolean>;
  clear: () => void;
}

const SHOWN_CHARS_MAX = 200;

/** Something the person does: one at a time, told when it is done, everything read anew. */
export function useAct(): Act {
  const client = useQueryClient();
  const say = useSay();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run: Act["run"] = async (work, done) => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      if (done !== undefined) say(done);
      return true;
    } catch (caught) {
      if (caught instanceof AwaitsApproval) {
        say(caught.message);
        return true;
      }
      setError(caught);
      const words = caught instanceof ProblemError ? caught.detail : String(caught);
      say(words.slice(0, SHOWN_CHARS_MAX), true);
      return false;
    } finally {
      setBusy(false);
      void client.invalidateQueries();
    }
  };
  return { busy, error, run, clear: () => setError(undefined) };
}
