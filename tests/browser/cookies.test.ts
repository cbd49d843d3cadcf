/** What Chromium makes of the session cookie, in every form it can have. */
import type { Express } from "express";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { SessionsOptions } from "sojourn";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium, soon } from "./support/chromium.ts";
import { APP, sessionOf, startSite } from "./support/site.ts";
import type { Site } from "./support/site.ts";

const certificate = makeCertificate();
let browser: Browser;
let site: Site;
let context: BrowserContext;

beforeAll(async () => {
  const { trustedKey } = certificate;
  browser = await launchChromium({ trustedKey, backForwardCache: true });
});

afterEach(async () => {
  await context.close();
  await site.close();
});

afterAll(() => browser?.close());

function pages(app: Express): void {
  app.get("/secret", (req, res) => {
    const { subject } = sessionOf(req);
    res.type("html").send(`<h1>${subject === null ? "Sign in" : "The secret of alice"}</h1>`);
  });
  app.get("/embed", (_req, res) => {
    res.type("html").send(`<!doctype html><iframe src="${site.url(APP)}"></iframe>`);
  });
}

/** `Clear-Site-Data` deletes cookies by itself, and would hide a deletion that does not match. */
function withoutClearSiteData(app: Express): void {
  app.use((_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = ((...args: Parameters<typeof writeHead>) => {
      res.removeHeader("clear-site-data");
      return writeHead.apply(res, args);
    }) as typeof writeHead;
    next();
  });
}

async function openApp(
  cookie: SessionsOptions["cookie"] = {},
  first: (app: Express) => void = () => undefined,
): Promise<Page> {
  site = await startSite(certificate, { options: { cookie }, first, routes: pages });
  context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(site.url(APP));
  return page;
}

type Frame = Pick<Page, "evaluate">;

/** POST from the page itself. @returns what `/me` says in the end. */
function post(page: Frame, path: string): Promise<{ subject: string | null }> {
  return page.evaluate(async (path) => {
    const response = await fetch(path, { method: "POST" });
    return (await response.json()) as { subject: string | null };
  }, path);
}

function me(page: Frame): Promise<{ subject: string | null }> {
  return page.evaluate(async () => (await (await fetch("/me")).json()) as { subject: null });
}

describe("the session cookie in Chromium", () => {
  it("[CK-03] [CK-04] is out of reach of scripts and says SameSite itself", async () => {
    const page = await openApp();
    const answer = page.waitForResponse((response) => response.url().endsWith("/login"));
    expect(await post(page, "/login")).toMatchObject({ subject: "alice" });
    expect(await page.evaluate(() => document.cookie)).toBe("");
    const [cookie, ...others] = await context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({
      name: "__Host-session",
      domain: APP,
      path: "/",
      httpOnly: true,
      secure: true,
      sameSite: "Lax",
      expires: -1,
    });
    expect(await (await answer).headerValue("set-cookie")).toContain("; SameSite=Lax");
  });

  const MODES: Readonly<Record<string, readonly [string, SessionsOptions["cookie"]]>> = {
    "__Host-": ["__Host-session", {}],
    "__Host-Http-": ["__Host-Http-session", { prefix: "__Host-Http-" }],
    "shared by a domain": ["__Secure-session", { prefix: "__Secure-", domain: "example.test" }],
    "SameSite=Strict": ["__Host-id", { name: "id", sameSite: "Strict" }],
    partitioned: ["__Host-session", { partitioned: true }],
  };

  it.each(Object.keys(MODES))("[CK-13] is really gone after logout: %s", async (mode) => {
    const [name, cookie] = MODES[mode] ?? [];
    const page = await openApp(cookie, withoutClearSiteData);
    expect(await post(page, "/login")).toMatchObject({ subject: "alice" });
    expect((await context.cookies()).map((one) => one.name)).toEqual([name]);
    expect(await post(page, "/logout")).toMatchObject({ subject: null });
    expect(await context.cookies()).toEqual([]);
  });

  it("[CK-10] as __Host-Http- cannot be planted by a script", async () => {
    const page = await openApp({ prefix: "__Host-Http-" });
    await page.evaluate(() => {
      document.cookie = "__Host-Http-session=planted; Path=/; Secure; SameSite=Lax";
    });
    expect(await context.cookies()).toEqual([]);
    expect(await post(page, "/login")).toMatchObject({ subject: "alice" });
    await page.evaluate(() => {
      document.cookie = "__Host-Http-session=planted; Path=/; Secure; SameSite=Lax";
    });
    expect(await me(page)).toMatchObject({ subject: "alice" });
  });

  it("[CK-12] partitioned, is one session for each embedding site", async () => {
    await openApp({ partitioned: true }, withoutClearSiteData);
    const page = await context.newPage();
    const embedded = async (host: string) => {
      await page.goto(site.url(host, "/embed"));
      const frame = page.frames()[1];
      if (frame === undefined) throw new Error("no frame");
      await frame.waitForLoadState();
      return frame;
    };
    const inShop = await embedded("shop.test");
    expect(await post(inShop, "/login")).toMatchObject({ subject: "alice" });
    expect(await me(inShop)).toMatchObject({ subject: "alice" });
    expect(await me(await embedded("news.test"))).toMatchObject({ subject: null });
    const again = await embedded("shop.test");
    expect(await me(again)).toMatchObject({ subject: "alice" });
    expect(await post(again, "/logout")).toMatchObject({ subject: null });
    expect(await context.cookies()).toEqual([]);
  });
});

describe("logout in Chromium", () => {
  it("[CK-14] clears what the application kept in the browser", async () => {
    const page = await openApp();
    await post(page, "/login");
    await page.evaluate(() => {
      localStorage.setItem("draft", "text");
      document.cookie = "theme=dark";
    });
    const answer = page.waitForResponse((response) => response.url().endsWith("/logout"));
    await post(page, "/logout");
    const header = await (await answer).headerValue("clear-site-data");
    expect(header).toBe('"cache", "cookies", "storage"');
    const left = () => page.evaluate(() => `${localStorage.length}${document.cookie}`);
    await soon(left).toBe("0");
    expect(await context.cookies()).toEqual([]);
  });

  it("[CK-15] [TO-15] leaves nothing for the back button to show", async () => {
    const page = await openApp();
    await post(page, "/login");
    await page.goto(site.url(APP, "/secret"));
    expect(await page.textContent("h1")).toBe("The secret of alice");
    await post(page, "/logout");
    await page.goto(site.url(APP));
    await page.goBack();
    expect(page.url()).toBe(site.url(APP, "/secret"));
    expect(await page.textContent("h1")).toBe("Sign in");
  });

  it("[TE-01] refuses the old cookie when it is put back", async () => {
    const page = await openApp();
    await post(page, "/login");
    const cookies = await context.cookies();
    await post(page, "/logout");
    await context.addCookies(cookies);
    expect(await me(page)).toEqual({ subject: null, state: "anonymous", endedReason: "logout" });
  });
});
