/** One stream of what happens for all pages; what they show is read anew, at most once a second. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import { useConsole } from "../api/console.ts";
import { useLive } from "../api/live.ts";
import type { LiveState } from "../api/live.ts";
import type { AuditEntry } from "../api/types.ts";

const RECENT_MAX = 50;
const REREAD_MS = 1_000;
/** Entries are told at once, and in the trail and its figures a little later. */
const COUNTED_MS = 3_000;
/** Rules and registers do not change with every sign-in. */
const MOVING = /^\/(?:overview|sessions|subjects|audit|devices|locks|analytics|search)/;

export interface Heard {
  readonly state: LiveState;
  /** Newest first. */
  readonly recent: readonly AuditEntry[];
}

const HeardContext = createContext<Heard>({ state: "connecting", recent: [] });

export function useHeard(): Heard {
  return useContext(HeardContext);
}

function useReread(): () => void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const counted = useRef<ReturnType<typeof setTimeout>>(undefined);
  const last = useRef(0);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      clearTimeout(counted.current);
    },
    [],
  );
  const read = (): void => {
    last.current = Date.now();
    void client.invalidateQueries({
      predicate: ({ queryKey: [, path] }) => typeof path === "string" && MOVING.test(path),
    });
  };
  return () => {
    if (timer.current !== undefined) return;
    const wait = Math.max(0, last.current + REREAD_MS - Date.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      read();
      clearTimeout(counted.current);
      counted.current = setTimeout(read, COUNTED_MS);
    }, wait);
  };
}

export function HeardProvider({ children }: { readonly children: ReactNode }) {
  const { tenant } = useConsole();
  const [recent, setRecent] = useState<readonly AuditEntry[]>([]);
  const reread = useReread();
  const state = useLive(tenant, {
    onEntry: (entry) => {
      setRecent((all) => [entry, ...all].slice(0, RECENT_MAX));
      reread();
    },
    onGap: reread,
  });
  useEffect(() => setRecent([]), [tenant]);
  const heard = useMemo(() => ({ state, recent }), [state, recent]);
  return <HeardContext value={heard}>{children}</HeardContext>;
}
