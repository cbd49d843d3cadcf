/** The frame around every page: where one is, for which tenant, as whom, and what is heard live. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { call, wiring } from "../api/client.ts";
import { ConsoleProvider, routeKey } from "../api/console.ts";
import type { ConsoleState, RouteRow } from "../api/console.ts";
import type { Me } from "../api/types.ts";
import { Trouble } from "../ui/blocks.tsx";
import { IconButton } from "../ui/button.tsx";
import { Deadline } from "./deadline.tsx";
import { HeardProvider } from "./heard.tsx";
import { Jump, JumpButton } from "./jump.tsx";
import { Mark } from "./mark.tsx";
import { PersonMenu } from "./person-menu.tsx";
import { Routes } from "./routes.tsx";
import { Shortcuts, useKeys } from "./shortcuts.tsx";
import { Sidebar } from "./sidebar.tsx";
import { StepUp } from "./step-up.tsx";
import { TenantSwitch } from "./tenant-switch.tsx";

const TENANT_KEY = "sojourn-tenant";

function firstTenant(me: Me): string {
  const kept = localStorage.getItem(TENANT_KEY);
  return me.tenants.find((each) => each === kept) ?? me.tenants[0] ?? "default";
}

function useConsoleState(me: Me, rows: readonly RouteRow[]): ConsoleState {
  const [tenant, setTenant] = useState(() => firstTenant(me));
  // Before the first request of a page that is rendered below.
  wiring.tenant = tenant;
  return useMemo(() => {
    const known = new Map(rows.map((row) => [routeKey(row.method, row.path), row]));
    const rowOf = (route: string): RouteRow | undefined => {
      const [method = "", path = ""] = route.split(" ");
      return known.get(routeKey(method, path));
    };
    return {
      me,
      tenant,
      setTenant: (next) => {
        localStorage.setItem(TENANT_KEY, next);
        wiring.tenant = next;
        setTenant(next);
      },
      has: (route) => rowOf(route) !== undefined,
      may: (route) => rowOf(route)?.allowed === true,
      fourEyes: (route) => rowOf(route)?.fourEyes === true,
    };
  }, [me, tenant, rows]);
}

const NO_ROWS: readonly RouteRow[] = [];

export function Shell({ me }: { readonly me: Me }) {
  const routes = useQuery({
    queryKey: ["routes", me.user.id, me.user.role],
    queryFn: ({ signal }) => call<{ items: RouteRow[] }>("/api/routes", { signal }),
    staleTime: Infinity,
  });
  const state = useConsoleState(me, routes.data?.items ?? NO_ROWS);
  if (routes.isError) {
    return (
      <main className="splash">
        <Trouble error={routes.error} onRetry={() => void routes.refetch()} />
      </main>
    );
  }
  if (routes.data === undefined) return <div className="splash" aria-busy="true" />;
  return (
    <ConsoleProvider value={state}>
      <HeardProvider>
        <Frame />
      </HeardProvider>
    </ConsoleProvider>
  );
}

type Open = "jump" | "keys" | "menu" | undefined;

function Frame() {
  const [open, setOpen] = useState<Open>();
  const [location] = useLocation();
  const close = (): void => setOpen(undefined);
  useKeys({ onJump: () => setOpen("jump"), onHelp: () => setOpen("keys") });
  useEffect(() => setOpen(undefined), [location]);
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to the page
      </a>
      <Sidebar open={open === "menu"} onClose={close} />
      <div className="frame-main">
        <header className="topbar">
          <span className="topbar-menu">
            <IconButton icon="menu" label="Menu" onClick={() => setOpen("menu")} />
            <Mark />
          </span>
          <TenantSwitch />
          <JumpButton onClick={() => setOpen("jump")} />
          <PersonMenu onKeys={() => setOpen("keys")} />
        </header>
        <Deadline />
        <main id="content" className="content" tabIndex={-1}>
          <Routes />
        </main>
      </div>
      {open === "jump" ? <Jump onClose={close} /> : null}
      {open === "keys" ? <Shortcuts onClose={close} /> : null}
      <StepUp />
    </div>
  );
}
