/** Everything below /console, in one place. */
import { consoleBackend } from "../api/backend-plugins.ts";
import type { App, House } from "../api/types.ts";
import { approvalRoutes, askForSecond } from "./approvals.ts";
import { eventRoute } from "./event-route.ts";
import { redact } from "./redaction.ts";
import { listRoutes } from "./route-list.ts";
import { requireConsoleUser, requirePasskeyForGrave } from "./guard.ts";
import type { ConsoleHouse } from "./house.ts";
import { consoleHeaders, pageRoutes } from "./pages.ts";
import { passkeyRoutes } from "./passkey-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { userRoutes } from "./user-routes.ts";

export function mountConsole(app: App, house: House, console: ConsoleHouse): void {
  app.get("/console", { schema: { hide: true } }, (_request, reply) =>
    reply.redirect("/console/", 308),
  );
  app.register(
    async (scope) => {
      consoleHeaders(scope, console);
      hide(scope);
      scope.register(async (inner) => sessionRoutes(inner, house, console));
      scope.register(async (inner) => passkeyRoutes(inner, house, console));
      scope.register(async (inner) => userRoutes(inner, house, console));
      scope.register(async (inner) => approvalRoutes(inner, house, console));
      scope.register(
        async (inner) => {
          requireConsoleUser(inner, house, console);
          requirePasskeyForGrave(inner, house);
          askForSecond(inner, house, console);
          redact(inner);
          listRoutes(inner);
          consoleBackend(inner, house);
          eventRoute(inner, house, console);
        },
        { prefix: "/api" },
      );
      pageRoutes(scope, console);
    },
    { prefix: "/console" },
  );
}

/** The public document tells of the Backend group once; its second mount is the console's own. */
function hide(app: App): void {
  app.addHook("onRoute", (route) => {
    route.schema = { ...route.schema, hide: true };
  });
}
