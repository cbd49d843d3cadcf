/** The built front end: one page whose scripts carry a nonce, and files that never change. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { App } from "../api/types.ts";
import type { ConsoleHouse } from "./house.ts";
import { isAddress, originAt } from "./origin.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "console");
/** A page is no answer to a question of the API. */
const NO_PAGE = /^\/console\/(?:api|assets|session|passkeys|users|approvals)(?:[/?]|$)/;
const NONCE = "__CSP_NONCE__";
const NONCE_BYTES = 16;
const YEAR_SECONDS = 31_536_000;

/** On every answer below /console. OWASP ASVS 5.0 3.4; TR-05, TR-07. */
const HEADERS: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "permissions-policy":
    "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), " +
    "microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
};
const HSTS = `max-age=${YEAR_SECONDS}; includeSubDomains`;

function policyOf(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sojourn console</title></head>
<body>
<h1>The console is not built</h1>
<p>In a clone of the repository: <code>npm run build --workspace console</code>, then load this
page again. The published package has it built in.</p>
<p>Its API answers all the same, below <code>/console/api</code>.</p>
</body>
</html>
`;

/** Before anything else below /console, so that refusals have them, too. */
export function consoleHeaders(app: App, { settings }: ConsoleHouse): void {
  const https = settings.origin?.startsWith("https:") === true;
  app.addHook("onRequest", async (_request, reply) => {
    void reply.headers(HEADERS);
    if (https) void reply.header("strict-transport-security", HSTS);
  });
}

/** @param folder Of the built front end. */
export function pageRoutes(app: App, console: ConsoleHouse, folder: string = FOLDER): void {
  const built = existsSync(join(folder, "index.html"));
  if (built) {
    void app.register(fastifyStatic, {
      root: join(folder, "assets"),
      prefix: "/assets/",
      decorateReply: false,
      index: false,
      preCompressed: true,
      immutable: true,
      maxAge: YEAR_SECONDS * 1_000,
      schemaHide: true,
    });
  }
  const page = built ? readFileSync(join(folder, "index.html"), "utf8") : NOT_BUILT;
  app.get("/*", { schema: { hide: true } }, (request, reply) => {
    if (NO_PAGE.test(request.url)) return reply.callNotFound();
    if (console.settings.origin === undefined && isAddress(request)) {
      return reply.redirect(originAt(console, request).origin + request.url, 307);
    }
    const nonce = randomBytes(NONCE_BYTES).toString("base64");
    return reply
      .headers({ "content-type": "text/html; charset=utf-8" })
      .header("content-security-policy", policyOf(nonce))
      .send(page.replaceAll(NONCE, nonce));
  });
}
