/** Who is there decides what is shown: the sign-in, or the console. */
import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Router, useLocation } from "wouter";
import { call, ProblemError, wiring } from "./api/client.ts";
import { isRefetch } from "./api/hooks.ts";
import type { Me } from "./api/types.ts";
import { Connection } from "./shell/connection.tsx";
import { Shell } from "./shell/shell.tsx";
import { SignIn } from "./shell/sign-in.tsx";
import { Trouble } from "./ui/blocks.tsx";
import { learnServerTime } from "./ui/time.tsx";
import { Toasts } from "./ui/toasts.tsx";

const ME_EVERY_MS = 60_000;
const RETRIES_MAX = 2;
const STALE_MS = 2_000;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      retry: (count, error) =>
        count < RETRIES_MAX && error instanceof ProblemError && error.retryable,
      // Whether the browser has a network says nothing about a service on this machine.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export function App() {
  return (
    <QueryClientProvider client={client}>
      <Router base="/console">
        <Toasts>
          <Connection />
          <Gate />
        </Toasts>
      </Router>
    </QueryClientProvider>
  );
}

function Gate() {
  const client = useQueryClient();
  const [location] = useLocation();
  const [why, setWhy] = useState<string>();
  const [leaving, setLeaving] = useState(false);
  const me = useQuery({
    queryKey: ["me"],
    queryFn: async ({ client, queryKey, signal }) => {
      const told = await call<Me>("/session", { background: isRefetch(client, queryKey), signal });
      learnServerTime(told.serverTime);
      return told;
    },
    refetchInterval: ME_EVERY_MS,
    // There somebody is about to become known; until then nobody is.
    enabled: location !== "/sign-in",
  });
  const refused =
    me.error instanceof ProblemError && me.error.status === 401 ? me.error : undefined;
  const signedOut = leaving ? undefined : refused;
  useEffect(() => {
    wiring.leaving = setLeaving;
    wiring.signedOut = (reason) => {
      if (leaving) return;
      setWhy(reason);
      void client.resetQueries({ queryKey: ["me"] });
    };
  }, [client, leaving]);
  useEffect(() => {
    if (signedOut !== undefined) client.removeQueries({ predicate: (q) => q.queryKey[0] !== "me" });
  }, [client, signedOut]);
  if (location === "/sign-in" || signedOut !== undefined) {
    return <SignIn reason={signedOut?.reason ?? why} />;
  }
  if (me.data !== undefined) return <Shell me={me.data} />;
  if (!me.isError) return <div className="splash" aria-busy="true" />;
  return (
    <main className="splash">
      <Trouble error={me.error} onRetry={() => void me.refetch()} />
    </main>
  );
}
