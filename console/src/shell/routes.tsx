/** Each page is a file of its own that comes when it is gone to. */
import { lazy, Suspense, useEffect, useRef } from "react";
import type { ComponentType, LazyExoticComponent } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { Bones, PageHead } from "../ui/blocks.tsx";
import { Failsafe } from "./failsafe.tsx";

type Page = LazyExoticComponent<ComponentType>;

const PAGES: readonly (readonly [path: string, page: Page])[] = [
  ["/", lazy(async () => ({ default: (await import("../pages/overview.tsx")).Overview }))],
  [
    "/incidents",
    lazy(async () => ({ default: (await import("../pages/incidents.tsx")).Incidents })),
  ],
  ["/sessions", lazy(async () => ({ default: (await import("../pages/explorer.tsx")).Explorer }))],
  [
    "/sessions/:id",
    lazy(async () => ({ default: (await import("../pages/session.tsx")).SessionPage })),
  ],
  [
    "/subjects/:subject",
    lazy(async () => ({ default: (await import("../pages/subject.tsx")).SubjectPage })),
  ],
  [
    "/devices/:id",
    lazy(async () => ({ default: (await import("../pages/device.tsx")).DevicePage })),
  ],
  ["/bulk", lazy(async () => ({ default: (await import("../pages/bulk.tsx")).Bulk }))],
  ["/locks", lazy(async () => ({ default: (await import("../pages/locks.tsx")).Locks }))],
  ["/audit", lazy(async () => ({ default: (await import("../pages/audit.tsx")).Audit }))],
  ["/policies", lazy(async () => ({ default: (await import("../pages/policies.tsx")).Policies }))],
  ["/health", lazy(async () => ({ default: (await import("../pages/health.tsx")).HealthPage }))],
  ["/keys", lazy(async () => ({ default: (await import("../pages/keys.tsx")).Keys }))],
  ["/webhooks", lazy(async () => ({ default: (await import("../pages/webhooks.tsx")).Webhooks }))],
  [
    "/webhooks/:id",
    lazy(async () => ({ default: (await import("../pages/webhook.tsx")).WebhookPage })),
  ],
  ["/tenants", lazy(async () => ({ default: (await import("../pages/tenants.tsx")).Tenants }))],
  [
    "/tenants/:id",
    lazy(async () => ({ default: (await import("../pages/tenant.tsx")).TenantPage })),
  ],
  ["/team", lazy(async () => ({ default: (await import("../pages/users.tsx")).Users }))],
  ["/reviews", lazy(async () => ({ default: (await import("../pages/approvals.tsx")).Approvals }))],
  ["/account", lazy(async () => ({ default: (await import("../pages/account.tsx")).Account }))],
];

export function Routes() {
  const [location] = useLocation();
  const before = useRef(location);
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    // Whoever reads by ear, or moves by keyboard, begins at the top of the new page.
    document.getElementById("content")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);
  return (
    <Failsafe key={location}>
      <Suspense fallback={<Bones />}>
        <Switch>
          {PAGES.map(([path, Page]) => (
            <Route key={path} path={path}>
              <Page />
            </Route>
          ))}
          <Route>
            <PageHead
              title="There is no such page"
              lead={
                <>
                  The address may be mistyped. <Link href="/">The overview</Link> leads everywhere.
                </>
              }
            />
          </Route>
        </Switch>
      </Suspense>
    </Failsafe>
  );
}
