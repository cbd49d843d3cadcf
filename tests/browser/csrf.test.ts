/** Requests that other sites' pages make Chromium send, against a site with a live session. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium, soon } from "./support/chromium.ts";
import { APP, sessionOf, startSite } from "./support/site.ts";
import type { Site } from "./support/site.ts";

/** What arrived at the application's `/change` or `/login`. */
interface Arrival {
  readonly fetchSite: string | undefined;
  readonly origin: string | undefined;
  /** The browser sent the session cookie along: only the judgement of origins is in the way. */
  readonly cookie: boolean;
  readonly status: number;
}

const SIBLING = "sib.example.test";
const EVIL = "evil.test";

const certificate = makeCertificate();
const arrivals: Arrival[] = [];
let changes = 0;
let browser: Browser;
let site: Site;
let context: BrowserContext;

beforeAll(async () => {
  browser = await launchChromium({ trustedKey: certificate.trustedKey });
  site = await startSite(certificate, {
    options: { cookie: { sameSite: "Strict" } },
    first: (app) =>
      app.use((req, res, next) => {
        const { origin, cookie, "sec-fetch-site": fetchSite } = req.headers;
        res.on("finish", () => {
          if (req.method !== "POST") return;
          const site = typeof fetchSite === "string" ? fetchSite : undefined;
          const { statusCode: status } = res;
          arrivals.push({ fetchSite: site, origin, cookie: cookie !== undefined, status });
        });
        next();
      }),
    routes: (app) => {
      app.post("/change", (req, res) => {
        changes += sessionOf(req).subject === "alice" ? 1 : 0;
        res.type("html").send("<h1>changed</h1>");
      });
      app.get("/no-referrer", (_req, res) => {
        const form = `<form method="post" action="/change"><button>Go</button></form>`;
        res.set("referrer-policy", "no-referrer").type("html").send(`<!doctype html>${form}`);
      });
    },
  });
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

beforeEach(async () => {
  await context?.close();
  context = await browser.newContext();
  arrivals.length = 0;
  changes = 0;
});

/** A page of `host`, in a browser where alice is signed in to the application. */
async function pageOn(host: string, { signedIn = true } = {}): Promise<Page> {
  const page = await context.newPage();
  if (signedIn) {
    await page.goto(site.url(APP));
    await page.evaluate(() => fetch("/login", { method: "POST" }).then(() => undefined));
    arrivals.length = 0;
  }
  await page.goto(site.url(host));
  return page;
}

/** A form that sends itself, as an attacker's page has it. */
async function sendForm(page: Page, path: string): Promise<void> {
  const arrived = page.waitForResponse((response) => response.url() === site.url(APP, path));
  await page.evaluate(
    (action) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = action;
      document.body.append(form);
      form.submit();
    },
    site.url(APP, path),
  );
  await arrived;
}

const SIMPLE_TYPES = ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"];

/** Requests that need no preflight: what a page may send anywhere without asking. */
async function sendSimple(page: Page, path: string): Promise<void> {
  await page.evaluate(
    async ({ url, types }) => {
      for (const type of types) {
        const headers = { "content-type": type };
        const body = type.startsWith("multipart") ? new FormData() : "a=1";
        await fetch(url, {
          method: "POST",
          mode: "no-cors",
          credentials: "include",
          body,
          ...(typeof body === "string" ? { headers } : {}),
        }).catch(() => undefined);
      }
      navigator.sendBeacon(url, new Blob(["a=1"], { type: "text/plain" }));
    },
    { url: site.url(APP, path), types: SIMPLE_TYPES },
  );
  await soon(() => arrivals.length).toBe(SIMPLE_TYPES.length + 1);
}

describe("a page of another site", () => {
  it("[CS-01] [CS-04] cannot change anything with a form", async () => {
    const page = await pageOn(EVIL);
    await sendForm(page, "/change");
    await soon(() => arrivals).toMatchObject([{ fetchSite: "cross-site", status: 403 }]);
    expect(changes).toBe(0);
  });

  it("[CS-02] cannot change anything with requests that need no preflight", async () => {
    const page = await pageOn(EVIL);
    await sendSimple(page, "/change");
    expect(arrivals.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(changes).toBe(0);
  });

  it("[CS-09] cannot sign the person in to somebody else's account", async () => {
    const page = await pageOn(EVIL, { signedIn: false });
    await sendForm(page, "/login");
    await soon(() => arrivals).toMatchObject([{ fetchSite: "cross-site", status: 403 }]);
    expect(await context.cookies()).toEqual([]);
  });
});

describe("a page of a sibling subdomain", () => {
  it("[CS-04] cannot change anything, though even SameSite=Strict cookies come along", async () => {
    const page = await pageOn(SIBLING);
    await sendSimple(page, "/change");
    const arrived = { fetchSite: "same-site", cookie: true, status: 403 };
    expect(arrivals).toMatchObject([arrived, arrived, arrived, arrived]);
    await sendForm(page, "/change");
    await soon(() => arrivals.length).toBe(5);
    expect(arrivals.at(-1)).toMatchObject(arrived);
    expect(changes).toBe(0);
  });

  it("[CS-09] cannot sign the person in to somebody else's account", async () => {
    const page = await pageOn(SIBLING, { signedIn: false });
    await sendForm(page, "/login");
    await soon(() => arrivals).toMatchObject([{ fetchSite: "same-site", status: 403 }]);
    expect(await context.cookies()).toEqual([]);
  });
});

describe("a page of the application itself", () => {
  it("[CS-06] changes things from a no-referrer page, whose form says Origin: null", async () => {
    const page = await pageOn(APP);
    await page.goto(site.url(APP, "/no-referrer"));
    await page.getByRole("button").click();
    await page.getByRole("heading", { name: "changed" }).waitFor();
    const arrived = { fetchSite: "same-origin", origin: "null", cookie: true, status: 200 };
    expect(arrivals).toEqual([arrived]);
    expect(changes).toBe(1);
  });

  it("[CS-01] changes things with fetch and forms", async () => {
    const page = await pageOn(APP);
    await page.evaluate(() => fetch("/change", { method: "POST" }).then(() => undefined));
    await sendForm(page, "/change");
    await soon(() => arrivals.map(({ status }) => status)).toEqual([200, 200]);
    expect(changes).toBe(2);
  });
});
