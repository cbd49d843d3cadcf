/** Requests that run at the same time, as browsers send them: PEERS' acts on a small site. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium } from "./support/chromium.ts";
import { APP, sessionOf, startSite } from "./support/site.ts";
import type { Site } from "./support/site.ts";

const certificate = makeCertificate();
let browser: Browser;
let site: Site;
let context: BrowserContext;
let page: Page;

/** A request that has begun, and the word that lets it go on to its write. */
let begun: Promise<void>;
let sayBegun: () => void = () => undefined;
let goOn: () => void = () => undefined;
let released: Promise<void>;

beforeAll(async () => {
  browser = await launchChromium({ trustedKey: certificate.trustedKey });
  site = await startSite(certificate, {
    routes: (app) => {
      app.post("/set/:key", async (req, res) => {
        await sessionOf(req).set(`key${Number(req.params.key)}`, "kept");
        res.end();
      });
      app.post("/count", async (req, res) => {
        await sessionOf(req).update((data) =>
          Object.assign(data, { count: (data.count ?? 0) + 1 }),
        );
        res.end();
      });
      app.post("/slow", async (req, res) => {
        sayBegun();
        await released;
        try {
          await sessionOf(req).set("count", 99);
          res.end("written");
        } catch (error) {
          res.status(401).end((error as { code?: string }).code);
        }
      });
      app.get("/data", (req, res) => void res.json(sessionOf(req).data));
    },
  });
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(site.url(APP));
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function login(): Promise<void> {
  await page.evaluate(() => fetch("/login", { method: "POST" }).then(() => undefined));
}

function read(path: string): Promise<unknown> {
  return page.evaluate(async (path) => (await (await fetch(path)).json()) as unknown, path);
}

describe("writes at the same time", () => {
  it("keeps all of five parallel writes to different keys (I4)", async () => {
    await login();
    await page.evaluate(() =>
      Promise.all([1, 2, 3, 4, 5].map((key) => fetch(`/set/${key}`, { method: "POST" }))).then(
        () => undefined,
      ),
    );
    const kept = "kept";
    expect(await read("/data")).toEqual({
      key1: kept,
      key2: kept,
      key3: kept,
      key4: kept,
      key5: kept,
    });
  });

  it("counts every one of twenty parallel updates of one key (I4)", async () => {
    await login();
    await page.evaluate(() =>
      Promise.all(Array.from({ length: 20 }, () => fetch("/count", { method: "POST" }))).then(
        () => undefined,
      ),
    );
    expect(await read("/data")).toMatchObject({ count: 20 });
  });

  it("[TE-01] stays signed out when a write was in flight at the logout (I1)", async () => {
    begun = new Promise((resolve) => (sayBegun = resolve));
    released = new Promise((resolve) => (goOn = resolve));
    await login();
    const cookies = await context.cookies();
    const slow = page.evaluate(async () => {
      const response = await fetch("/slow", { method: "POST" });
      return { status: response.status, text: await response.text() };
    });
    await begun;
    await page.evaluate(() => fetch("/logout", { method: "POST" }).then(() => undefined));
    goOn();
    expect(await slow).toEqual({ status: 401, text: "ERR_SESSION_ENDED" });
    expect(await context.cookies()).toEqual([]);
    expect(await read("/me")).toMatchObject({ subject: null });

    // The cookie from before, put back by hand, is refused as well.
    await context.addCookies(cookies);
    const signedOut = { subject: null, state: "anonymous", endedReason: "logout" };
    expect(await read("/me")).toEqual(signedOut);
    expect(await read("/data")).toEqual({});
  });
});
