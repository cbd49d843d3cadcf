/**
 * A small application of the test's own on the library's Express adapter, over HTTPS on loopback
 * under any host name. `sojourn` is the source here, as in all tests.
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Express, Request } from "express";
import { createSessions } from "sojourn";
import type { Session, Sessions, SessionsOptions } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/express";
import type { TestCertificate } from "./certificate.ts";

export interface SiteData {
  readonly count?: number;
  readonly [key: `key${number}`]: string;
}

export interface Site {
  readonly sessions: Sessions<SiteData>;
  readonly port: number;
  url(host: string, path?: string): string;
  close(): Promise<void>;
}

export const APP = "app.example.test";
const SECRET = randomBytes(32).toString("base64url");

export function sessionOf(req: Request): Session<SiteData> {
  return (req as Request & { session: Session<SiteData> }).session;
}

export interface SiteParts {
  /** Over what a site has anyway. */
  readonly options?: Partial<SessionsOptions>;
  /** Before the session middleware. */
  readonly first?: (app: Express, sessions: Sessions<SiteData>) => void;
  /** Behind it, before the common routes. */
  readonly routes?: (app: Express, sessions: Sessions<SiteData>) => void;
}

export async function startSite(
  certificate: TestCertificate,
  { options = {}, first, routes }: SiteParts = {},
): Promise<Site> {
  const app = express();
  const server = createServer(certificate, app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sessions = createSessions<SiteData>({
    secrets: [SECRET],
    production: true,
    csrf: { origins: [`https://${APP}:${port}`] },
    warn: () => undefined,
    ...options,
  });
  first?.(app, sessions);
  // Pages of other sites have no session; only the application's host has the middleware.
  const middleware = sessionMiddleware(sessions);
  app.use((req, res, next) => (req.hostname === APP ? middleware(req, res, next) : next()));
  app.use(express.urlencoded({ extended: false }));
  routes?.(app, sessions);
  commonRoutes(app);
  return {
    sessions,
    port,
    url: (host, path = "/") => `https://${host}:${port}${path}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await sessions.close();
    },
  };
}

function commonRoutes(app: Express): void {
  app.post("/login", async (req, res) => {
    await sessionOf(req).login("alice", { amr: ["pwd"] });
    res.redirect(303, "/me");
  });
  app.post("/logout", async (req, res) => {
    await sessionOf(req).logout();
    res.redirect(303, "/me");
  });
  app.get("/me", (req, res) => {
    const { subject, state, endedReason } = sessionOf(req);
    res.json({ subject, state, endedReason });
  });
  app.get("/", (_req, res) => void res.type("html").send("<!doctype html><title>page</title>"));
}
