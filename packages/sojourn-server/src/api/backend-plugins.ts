/** Every group of operations of back ends. One that is added here is in both mounts. */
import { accessCheckRoute } from "./routes/access-check.ts";
import { analyticsRoutes } from "./routes/analytics.ts";
import { auditRoutes } from "./routes/audit.ts";
import { actionRoutes } from "./routes/backend-actions.ts";
import { openRoutes } from "./routes/backend-open.ts";
import { sessionRoutes } from "./routes/backend-sessions.ts";
import { subjectRoutes } from "./routes/backend-subjects.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { explainRoutes } from "./routes/explain.ts";
import { bindingRoutes } from "./routes/device-bindings.ts";
import { healthRoutes } from "./routes/health.ts";
import { keyRoutes } from "./routes/keys.ts";
import { lockRoutes } from "./routes/locks.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { policyRoutes } from "./routes/policy.ts";
import { privacyRoutes } from "./routes/privacy.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import type { App, House } from "./types.ts";

type Plugin = (app: App, house: House) => void;

/** Make, take or judge tokens, which is a back end's business alone. */
const WITH_TOKENS: readonly Plugin[] = [openRoutes, tokenRoutes, bindingRoutes, accessCheckRoute];

/** Asked by service keys under /v1, and by people at the console under /console/api/v1. */
const SHARED: readonly Plugin[] = [
  sessionRoutes,
  actionRoutes,
  subjectRoutes,
  auditRoutes,
  explainRoutes,
  overviewRoutes,
  healthRoutes,
  keyRoutes,
  policyRoutes,
  privacyRoutes,
  tenantRoutes,
  lockRoutes,
  bulkRoutes,
  webhookRoutes,
  analyticsRoutes,
];

export function backend(app: App, house: House): void {
  for (const plugin of [...WITH_TOKENS, ...SHARED]) plugin(app, house);
}

export function consoleBackend(app: App, house: House): void {
  for (const plugin of SHARED) plugin(app, house);
}
