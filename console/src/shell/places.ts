/** Where one can go. A place whose route the service lacks, or forbids, is not offered. */
import type { IconName } from "../ui/icon.tsx";

export interface Place {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
  /** After `g`. */
  readonly key: string;
  readonly needs: `${string} /${string}`;
}

export interface PlaceGroup {
  readonly title: string;
  readonly places: readonly Place[];
}

export const GROUPS: readonly PlaceGroup[] = [
  {
    title: "Now",
    places: [
      { path: "/", title: "Overview", icon: "overview", key: "o", needs: "GET /v1/overview" },
      {
        path: "/incidents",
        title: "Incidents",
        icon: "incidents",
        key: "i",
        needs: "GET /v1/audit",
      },
    ],
  },
  {
    title: "Sessions",
    places: [
      {
        path: "/sessions",
        title: "Sessions",
        icon: "explorer",
        key: "s",
        needs: "GET /v1/sessions",
      },
      { path: "/bulk", title: "Bulk end", icon: "bulk", key: "b", needs: "POST /v1/bulk" },
      { path: "/locks", title: "Locks", icon: "locks", key: "l", needs: "GET /v1/locks" },
    ],
  },
  {
    title: "Record and rules",
    places: [
      { path: "/audit", title: "Audit trail", icon: "audit", key: "a", needs: "GET /v1/audit" },
      { path: "/policies", title: "Policy", icon: "policies", key: "p", needs: "GET /v1/policy" },
    ],
  },
  {
    title: "Service",
    places: [
      { path: "/health", title: "Health", icon: "health", key: "h", needs: "GET /v1/health/nodes" },
      { path: "/keys", title: "Keys", icon: "keys", key: "k", needs: "GET /v1/keys" },
      {
        path: "/webhooks",
        title: "Webhooks",
        icon: "webhooks",
        key: "w",
        needs: "GET /v1/webhooks",
      },
      { path: "/tenants", title: "Tenants", icon: "tenants", key: "t", needs: "GET /v1/tenants" },
    ],
  },
];
