/**
 * Who may call the OAuth endpoints from a page: single-page applications of configured origins.
 * Never with cookies, which mean nothing there, and never what takes a service key.
 */
import type { FastifyReply } from "fastify";
import type { App } from "./types.ts";

/** What a client of RFC 6749 and 9449 sends; a form's own type is allowed without. */
const SENT = "content-type, dpop";
/** What it has to read: without the nonce it cannot make a proof that is taken. */
const READ = "dpop-nonce, retry-after, www-authenticate";
const PREFLIGHT_SECONDS = 600;

type Methods = Readonly<Record<string, "GET" | "POST">>;

/** Before the routes of the scope are added, so that refusals can be read, too. */
export function allowOrigins(app: App, origins: readonly string[], methods: Methods): void {
  if (origins.length === 0) return;
  const allowed = (origin: string | undefined, reply: FastifyReply): boolean => {
    void reply.header("vary", "Origin");
    if (origin === undefined || !origins.includes(origin)) return false;
    void reply.header("access-control-allow-origin", origin);
    return true;
  };
  app.addHook("onRequest", async (request, reply) => {
    const url = request.routeOptions.url ?? "";
    if (!Object.hasOwn(methods, url) || !allowed(request.headers.origin, reply)) return;
    void reply.header("access-control-expose-headers", READ);
  });
  for (const [path, method] of Object.entries(methods)) {
    app.options(path, { schema: { hide: true } }, async (request, reply) => {
      if (allowed(request.headers.origin, reply)) {
        void reply.headers({
          "access-control-allow-methods": method,
          "access-control-allow-headers": SENT,
          "access-control-max-age": String(PREFLIGHT_SECONDS),
        });
      }
      return reply.code(204).send();
    });
  }
}
