/**
 * A site whose sessions are bound to the device, and browser profiles on disk. What the browser
 * does is read from its own events, what the server saw from the requests.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Express, Request, Response } from "express";
import type { BrowserContext, Page } from "playwright-core";
import type { SessionsOptions } from "sojourn";
import { dbscMiddleware } from "sojourn/dbsc";
import { makeCertificate } from "./certificate.ts";
import { launchProfile, soon } from "./chromium.ts";
import { APP, sessionOf, startSite } from "./site.ts";
import type { Site } from "./site.ts";

const certificate = makeCertificate();
export const BOUND = "__Host-session-bound";

/** One request to an endpoint, and what was answered. */
interface Call {
  readonly path: string;
  readonly proof: boolean;
  readonly status: number;
  readonly body: string;
}

interface BrowserEvent {
  readonly succeeded: boolean;
  readonly creationEventDetails?: { readonly fetchResult: string };
  readonly refreshEventDetails?: { readonly refreshResult: string; readonly fetchResult?: string };
  readonly terminationEventDetails?: { readonly deletionReason: string };
  readonly challengeEventDetails?: { readonly challengeResult: string };
}

export interface World {
  readonly site: Site;
  readonly folder: string;
  readonly calls: Call[];
  readonly skipped: string[];
  readonly unproven: object[];
  readonly bound: object[];
  /** Cut the connection after this many more answers were made. */
  cut: number;
  skewMs: number;
}

const open: { worlds: World[]; contexts: BrowserContext[]; folders: string[] } = {
  worlds: [],
  contexts: [],
  folders: [],
};

/** For `afterEach`. */
export async function closeWorlds(): Promise<void> {
  await Promise.all(open.contexts.splice(0).map((context) => context.close()));
  await Promise.all(open.worlds.splice(0).map(({ site }) => site.close()));
  for (const folder of open.folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-profile-"));
  open.folders.push(folder);
  return folder;
}

/** Keep what leaves, and let some of it be lost on the way. */
function watch(world: World, req: Request, res: Response): void {
  const { writeHead, end } = res;
  const { "secure-session-response": own, dpop } = req.headers;
  const proof = own !== undefined || dpop !== undefined;
  let status = 0;
  res.writeHead = ((code: number, ...rest: unknown[]) => {
    status = code;
    return (writeHead as (...args: unknown[]) => Response).call(res, code, ...rest);
  }) as typeof writeHead;
  res.end = ((body: string) => {
    world.calls.push({ path: req.path, proof, status, body });
    if (world.cut > 0 && proof) {
      world.cut -= 1;
      req.socket.destroy();
      return res;
    }
    return (end as (...args: unknown[]) => Response).call(res, body);
  }) as typeof end;
}

const CLIENT = new URL("../../../packages/sojourn-client/src/", import.meta.url);

const APPLICATION = `<!doctype html><title>app</title><script type="module">
import { createClient } from "/client/index.ts";
globalThis.client = createClient();
</script>`;
/** Renews before a page is asked for, too. */
const WORKER = `import { createClient } from "/client/index.ts";
const client = createClient();
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate") event.respondWith(client.fetch(event.request));
});`;

/** `sojourn-client` as it is written, without its types, and a page and a worker that use it. */
function serveClient(app: Express): void {
  app.get("/client/:file", (req, res) => {
    const file = new URL(basename(req.params.file), CLIENT);
    res.type("text/javascript").send(stripTypeScriptTypes(readFileSync(file, "utf8")));
  });
  app.get("/app", (_req, res) => void res.type("html").send(APPLICATION));
  app.get("/worker.js", (_req, res) => void res.type("text/javascript").send(WORKER));
}

export async function startWorld(options: Partial<SessionsOptions> = {}): Promise<World> {
  const parts = { calls: [], skipped: [], unproven: [], bound: [], cut: 0, skewMs: 0 };
  const world = { ...parts, folder: newFolder() } as unknown as World & { site: Site };
  world.site = await startSite(certificate, {
    options: {
      dbsc: {},
      clock: { now: () => Date.now() + world.skewMs, learn: () => undefined },
      ...options,
    },
    first: (app: Express, sessions) => {
      const endpoints = dbscMiddleware(sessions);
      app.use((req, res, next) => {
        const skipped = req.headers["secure-session-skipped"];
        if (typeof skipped === "string") world.skipped.push(skipped);
        if (req.path.startsWith("/dbsc/")) watch(world, req, res);
        void endpoints(req, res, next);
      });
      sessions.events.on("binding-unproven", (event) => world.unproven.push(event));
      sessions.events.on("session-bound", (event) => world.bound.push(event));
    },
    routes: (app) => {
      serveClient(app);
      app.get("/form", (_req, res) => {
        res
          .type("html")
          .send('<form method="post" action="/login"><button>Sign in</button></form>');
      });
      app.post("/quiet-login", async (req, res) => {
        await sessionOf(req).login("alice", { amr: ["pwd"], remember: true });
        res.json({});
      });
    },
  });
  open.worlds.push(world);
  return world;
}

export interface Profile {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly events: BrowserEvent[];
}

/** A profile of a browser without DBSC. */
export async function openPlain(
  world: World,
  folder: string = world.folder,
): Promise<Omit<Profile, "events">> {
  const context = await launchProfile(folder, certificate.trustedKey, false);
  open.contexts.push(context);
  const page = context.pages()[0] ?? (await context.newPage());
  await page.goto(world.site.url(APP, "/app"));
  return { context, page };
}

export async function openProfile(world: World, folder: string = world.folder): Promise<Profile> {
  const context = await launchProfile(folder, certificate.trustedKey);
  open.contexts.push(context);
  const page = context.pages()[0] ?? (await context.newPage());
  const events: BrowserEvent[] = [];
  const cdp = (await context.newCDPSession(page)) as unknown as {
    send(method: string, parameters?: object): Promise<unknown>;
    on(name: string, listener: (event: BrowserEvent) => void): unknown;
  };
  await cdp.send("Network.enable");
  await cdp.send("Network.enableDeviceBoundSessions", { enable: true });
  cdp.on("Network.deviceBoundSessionEventOccurred", (event) => events.push(event));
  await page.goto(world.site.url(APP));
  return { context, page, events };
}

export interface Me {
  readonly subject: string | null;
  readonly state: string;
}

export function me(page: Page): Promise<Me | number> {
  return page.evaluate(async () => {
    const response = await fetch("/me");
    return response.ok ? ((await response.json()) as Me) : response.status;
  });
}

export function post(page: Page, path: string): Promise<number> {
  return page.evaluate(async (path) => (await fetch(path, { method: "POST" })).status, path);
}

export const names = async (context: BrowserContext): Promise<string[]> =>
  (await context.cookies()).map(({ name }) => name).toSorted();

/** Sign in, and wait until the browser has bound the session. */
export async function signIn(profile: Profile): Promise<void> {
  await post(profile.page, "/quiet-login");
  await soon(() => names(profile.context)).toContain(BOUND);
}

export async function loseBoundCookie({ context }: Profile): Promise<void> {
  await context.clearCookies({ name: BOUND });
}

export const refreshes = ({ calls }: World): Call[] =>
  calls.filter(({ path }) => path === "/dbsc/refresh");
export const ALICE = { subject: "alice", state: "active" };
/** The past of every binding: requests under way when it began had no cookie to bring. */
export const GRACE_MS = 11_000;
