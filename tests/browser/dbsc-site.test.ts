/** A whole site bound to the device from one of its subdomains, in Chromium, over HTTPS. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Request } from "express";
import type { Page } from "playwright-core";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { dbscMiddleware } from "sojourn/dbsc";
import { sessions as sessionMiddleware } from "sojourn/express";
import { afterEach, describe, expect, it } from "vitest";
import { openBoundProfile } from "./support/bound-profile.ts";
import type { BoundProfile } from "./support/bound-profile.ts";
import { makeCertificate } from "./support/certificate.ts";
import { soon } from "./support/chromium.ts";

const APEX = "example.test";
const LOGIN = "login.example.test";
const SHOP = "shop.example.test";
const BOUND = "__Secure-session-bound";
const WELL_KNOWN = "/.well-known/device-bound-sessions";
const certificate = makeCertificate(`DNS:${APEX},DNS:*.${APEX}`);
const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Seen {
  readonly host: string;
  readonly path: string;
  readonly status: number;
}

/**
 * One application under all names of a site.
 *
 * @param wellKnown What the site's own origin says instead; `""`: nothing.
 */
async function startSite(wellKnown?: string) {
  const app = express();
  const server = createServer(certificate, app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const at = (host: string, path = "") => `https://${host}:${port}${path}`;
  let skewMs = 0;
  const sessions = createSessions({
    secrets: [randomBytes(32)],
    production: true,
    cookie: { prefix: "__Secure-", domain: APEX },
    csrf: { origins: [at(LOGIN), at(SHOP)] },
    dbsc: { site: at(APEX), registeringOrigins: [at(LOGIN)] },
    clock: { now: () => Date.now() + skewMs, learn: () => undefined },
    warn: () => undefined,
  });
  const seen: Seen[] = [];
  const endpoints = dbscMiddleware(sessions);
  app.use((req, res, next) => {
    const { hostname: host, path } = req;
    if (path.startsWith("/dbsc/") || path === WELL_KNOWN) {
      res.on("finish", () => seen.push({ host, path, status: res.statusCode }));
    }
    if (path !== WELL_KNOWN || wellKnown === undefined) void endpoints(req, res, next);
    else if (wellKnown === "") res.status(404).end();
    else res.type("json").send(wellKnown);
  });
  app.use(sessionMiddleware(sessions));
  const sessionOf = (req: Request) => (req as Request & { session: Session }).session;
  app.post("/login", async (req, res) => {
    await sessionOf(req).login("alice", { amr: ["pwd"] });
    res.json({});
  });
  app.get("/me", (req, res) => {
    const { subject, state } = sessionOf(req);
    res.json({ subject, state });
  });
  app.get("/", (_req, res) => void res.type("html").send("<!doctype html><title>page</title>"));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await sessions.close();
  });
  return { at, seen, pass: (ms: number) => (skewMs += ms) };
}

async function opened(): Promise<BoundProfile> {
  const profile = await openBoundProfile(certificate);
  closing.push(() => profile.close());
  return profile;
}

const visit = (page: Page, path: string, method = "GET") =>
  page.evaluate(
    async ([path, method]) => (await (await fetch(path, { method })).json()) as object,
    [path, method] as const,
  );

describe("a whole site bound to the device", () => {
  it("[DB-10] is bound from a subdomain that the site's own origin names, on all of its hosts", async () => {
    const site = await startSite();
    const { context, page, told } = await opened();
    await page.goto(site.at(LOGIN, "/"));
    await visit(page, "/login", "POST");
    await soon(() => told).toContain("created: Success");
    expect(site.seen).toEqual([
      { host: LOGIN, path: "/dbsc/register", status: 200 },
      { host: APEX, path: WELL_KNOWN, status: 200 },
    ]);
    const [cookie] = (await context.cookies()).filter(({ name }) => name === BOUND);
    expect(cookie).toMatchObject({ domain: `.${APEX}`, secure: true, httpOnly: true });
    site.pass(11_000);
    await context.clearCookies({ name: BOUND });
    await page.goto(site.at(SHOP, "/"));
    expect(await visit(page, "/me")).toEqual({ subject: "alice", state: "active" });
    expect(told).toContain("Refreshed");
    expect(site.seen.at(-1)).toEqual({ host: LOGIN, path: "/dbsc/refresh", status: 200 });
  });

  it.each([
    [
      "names other origins",
      '{"registering_origins":["https://other.example.test"]}',
      "Unauthorized",
    ],
    ["says nothing", "", "WellKnownUnavailable"],
  ])("[DB-10] is not bound where the site's own origin %s", async (_what, wellKnown, why) => {
    const site = await startSite(wellKnown);
    const { page, told } = await opened();
    await page.goto(site.at(LOGIN, "/"));
    await visit(page, "/login", "POST");
    await soon(() => told).toEqual([`created: SubdomainRegistration${why}`]);
  });

  it("[DB-10] is bound by no server from an origin that its settings do not name", async () => {
    const site = await startSite();
    const { page, told } = await opened();
    await page.goto(site.at(SHOP, "/"));
    await visit(page, "/login", "POST");
    await soon(() => site.seen).toContainEqual({ host: SHOP, path: "/dbsc/register", status: 403 });
    site.pass(11_000);
    expect(await visit(page, "/me")).toEqual({ subject: "alice", state: "active" });
    expect(told).not.toContain("created: Success");
  });
});
