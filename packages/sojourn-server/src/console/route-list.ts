/** Which operations there are at the console, and which of them somebody may ask for. */
import { InvariantError } from "sojourn";
import { callerOf } from "../api/guards.ts";
import type { App } from "../api/types.ts";
import type { Scope } from "../control/key-table.ts";
import { needsStepUp } from "./guard.ts";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly scope: Scope;
  readonly stepUp: boolean;
  readonly fourEyes: boolean;
}

const PREFIX = "/console/api";

/** Every route says what it takes, or the service does not start. */
export function listRoutes(app: App): void {
  const operations: Operation[] = [];
  app.addHook("onRoute", ({ method, url, config = {} }) => {
    const { scope, carriesToken, fourEyes = false } = config;
    if (carriesToken === true) return;
    if (scope === undefined) {
      throw new InvariantError(`${String(method)} ${url} declares no scope for the console`);
    }
    const path = url.slice(PREFIX.length);
    for (const one of [method].flat()) {
      if (one === "HEAD" || !path.startsWith("/v1/")) continue;
      operations.push({ method: one, path, scope, stepUp: needsStepUp(config, one), fourEyes });
    }
  });
  app.get(
    "/routes",
    { config: { scope: "sessions:read", activity: false }, schema: { hide: true } },
    (request) => {
      const { scopes } = callerOf(request);
      const items = operations.map((one) => ({ ...one, allowed: scopes.includes(one.scope) }));
      return { items };
    },
  );
}
