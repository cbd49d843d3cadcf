import { Links, Meta, Outlet, Scripts, ScrollRestoration } from "react-router";
import { sessions as withSessions } from "sojourn/fetch";
import type { Route } from "./+types/root";
import { connectionContext, sessionContext } from "./contexts.ts";
import { sessions } from "./sessions.server.ts";
import style from "./style.css?url";

export const middleware: Route.MiddlewareFunction[] = [
  ({ request, context }, next) =>
    withSessions(sessions, (_request, { session }) => {
      context.set(sessionContext, session);
      return next();
    })(request, context.get(connectionContext)),
];

export const links: Route.LinksFunction = () => [{ rel: "stylesheet", href: style }];

export default function Root() {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Notes</title>
        <Meta />
        <Links />
      </head>
      <body>
        <main>
          <Outlet />
        </main>
        <ScrollRestoration />
        <Scripts />
      </body>
    </html>
  );
}
