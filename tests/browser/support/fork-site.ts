/**
 * The application of the fork tests: real pages on the Express adapter and a SQLite file, behind a
 * network that can lose answers, with a clock that the test moves.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Express } from "express";
import type { EventName, SessionEvent, SessionsOptions } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { startTcpProxy } from "../../../tools/engines/proxy.mjs";
import type { TestCertificate } from "./certificate.ts";
import { APP, sessionOf, startSite } from "./site.ts";
import type { Site } from "./site.ts";

const SECOND = 1_000;
const MINUTE: number = 60 * SECOND;
/** `saas` with a shorter interval: G is 20 s, T is 5 s, activity is written once a minute. */
type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>;

export const POLICY = {
  extends: "saas",
  rotateEveryMs: 5 * MINUTE,
  idleMs: 24 * 60 * MINUTE,
  absoluteMs: 30 * 24 * 60 * MINUTE,
  sudoMs: MINUTE,
} as const;
export const ROTATION_MS: number = POLICY.rotateEveryMs;
export const GRACE_MS: number = 20 * SECOND;
export const TRANSIT_MS: number = 5 * SECOND;
/** A browser that crashed may have lost what is younger than this. */
export const FLUSH_MS: number = MINUTE;

/** Prime to what it is taken modulo: one request soon, the next one late. */
const JITTER_STEP_MS = 37;

export interface Counts {
  /** Documents that were asked for. */
  loads: number;
  /** Requests of pages before anybody went there. */
  prerendered: number;
  /** Requests of such a page when somebody did; a busy browser loads it only then. */
  activated: number;
  arrived: number;
  /** Requests of pages that came back from the back/forward cache. */
  restored: number;
  /** Requests that were answered, whether the answer arrived or not. */
  answered: number;
}

export interface ForkSite {
  readonly sessions: Site["sessions"];
  /** By the application's clock. */
  readonly now: number;
  readonly events: SessionEvent[];
  readonly counts: Readonly<Counts>;
  url(path?: string): string;
  named<Name extends EventName>(name: Name): SessionEvent<Name>[];
  /** From now on the network breaks, or no longer, before an answer gets through. */
  loseAnswers(lose: boolean): void;
  /** What the page `/speculate`, which nobody drives, has to do next. */
  tell(what: "wait" | "prerender" | "go there"): void;
  /** From now on each request takes so much of the application's time. */
  pace(ms: number): void;
  /** From now on requests overtake each other: each is judged up to so much later than it came. */
  jitter(ms: number): void;
  /** Let time pass, once nothing is under way any more. */
  later(ms: number): Promise<void>;
  close(): Promise<void>;
}

const HEAD = `<!doctype html><link rel="icon" href="data:,"><title>page</title>`;
/** A tab that is brought back as it was asks anew. */
const BACK = `<script>addEventListener("pageshow", (event) => {
  if (event.persisted) for (let count = 0; count < 3; count += 1) fetch("/me?restored");
});</script>`;

/** Prerenders `/page`, and goes there, when it is told to. */
async function speculate(): Promise<void> {
  const told = async (what: string): Promise<void> => {
    while ((await (await fetch("/told")).json()) !== what)
      await new Promise((resolve) => setTimeout(resolve, 30));
  };
  await told("prerender");
  const script = document.createElement("script");
  script.type = "speculationrules";
  const rules = { prerender: [{ urls: ["/prerendered"], eagerness: "immediate" }] };
  script.textContent = JSON.stringify(rules);
  document.head.append(script);
  await told("go there");
  location.href = "/prerendered";
}

/** Asks before anybody has come, and then. */
const PRERENDERED = `<script>if (document.prerendering) {
  fetch("/me");
  document.addEventListener("prerenderingchange", () => fetch("/me?activated"));
} else fetch("/me?arrived");</script>`;

function pages(app: Express): void {
  app.get("/page", (req, res) => {
    res.type("html").send(`${HEAD}<h1>${sessionOf(req).subject}</h1>`);
  });
  // What a browser may keep for its back button: nothing of the session is in it.
  app.get("/plain", (_req, res) => void res.type("html").send(HEAD + BACK));
  // Goes on by itself, as people do who click through pages.
  app.get("/walk", (req, res) => {
    const left = Number(req.query["left"]);
    const next = left > 0 ? `location.replace("/walk?left=${left - 1}")` : "";
    res.type("html").send(`${HEAD}<h1>${sessionOf(req).subject}</h1><script>${next}</script>`);
  });
  app.get("/speculate", (_req, res) => {
    res.type("html").send(`${HEAD}<script>(${String(speculate)})();</script>`);
  });
  app.get("/prerendered", (req, res) => {
    res.type("html").send(`${HEAD}<h1>${sessionOf(req).subject}</h1>${PRERENDERED}`);
  });
  app.post("/step-up", async (req, res) => {
    await sessionOf(req).stepUp({ amr: ["otp"] });
    res.json({ acr: sessionOf(req).assurance?.acr });
  });
}

export async function startForkSite(
  certificate: TestCertificate,
  policy: SessionsOptions["policy"] = POLICY,
): Promise<ForkSite> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-fork-"));
  const store = new SqliteStore({ path: join(folder, "sessions.db") });
  let aheadMs = 0;
  let [came, underWay] = [0, 0];
  let losing = false;
  let paceMs = 0;
  let jitterMs = 0;
  const counts: Counts = {
    loads: 0,
    prerendered: 0,
    activated: 0,
    arrived: 0,
    restored: 0,
    answered: 0,
  };
  let told = "wait";
  const clock = { now: () => Date.now() + aheadMs, learn: () => undefined };
  const first = (app: Express): void => {
    app.get("/told", (_req, res) => void res.json(told));
    app.use((req, res, next) => {
      underWay += 1;
      came += 1;
      aheadMs += paceMs;
      if (req.headers["sec-fetch-dest"] === "document") counts.loads += 1;
      if (String(req.headers["sec-purpose"]).includes("prerender")) counts.prerendered += 1;
      if (req.originalUrl.endsWith("?restored")) counts.restored += 1;
      if (req.originalUrl.endsWith("?activated")) counts.activated += 1;
      if (/\?(activated|arrived)$/.test(req.originalUrl)) counts.arrived += 1;
      res.on("finish", () => (counts.answered += 1));
      res.on("close", () => (underWay -= 1));
      if (losing) {
        proxy.cut({ toClient: true });
        res.on("finish", () => {
          proxy.reset();
          void proxy.heal();
        });
      }
      if (jitterMs === 0) next();
      else setTimeout(next, (came * JITTER_STEP_MS) % jitterMs);
    });
  };
  const options = { clock, store, policy };
  const site = await startSite(certificate, { options, first, routes: pages });
  const proxy: TcpProxy = await startTcpProxy(site.port);
  const events: SessionEvent[] = [];
  site.sessions.events.on("*", (event) => events.push(event));
  const named = <Name extends EventName>(name: Name): SessionEvent<Name>[] =>
    events.filter((event) => event.name === name) as unknown as SessionEvent<Name>[];
  return {
    sessions: site.sessions,
    get now() {
      return clock.now();
    },
    events,
    counts,
    url: (path = "/page") => `https://${APP}:${proxy.port}${path}`,
    named,
    loseAnswers: (lose) => void (losing = lose),
    pace: (ms) => void (paceMs = ms),
    jitter: (ms) => void (jitterMs = ms),
    tell: (what) => void (told = what),
    async later(ms) {
      while (underWay > 0) await sleep(5);
      aheadMs += ms;
    },
    async close() {
      proxy.stop();
      await site.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
