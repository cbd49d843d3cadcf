/** The demo in a real browser, from signing in to being signed out from another device. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoFolder, startDemo } from "../integration/demo.ts";
import type { Demo } from "../integration/demo.ts";
import { launchChromium, soon } from "./support/chromium.ts";

/** Warned after 4 s, signed out after 8. */
const IDLE = "8s";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 " +
  "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

const folders = [demoFolder(), demoFolder()] as const;
/** With the usual limits, where no warning gets in the way, and with the short ones. */
let demo: Demo;
let hasty: Demo;
let browser: Browser;

beforeAll(async () => {
  [demo, hasty, browser] = await Promise.all([
    startDemo(folders[0]),
    startDemo(folders[1], { NOTES_IDLE: IDLE }),
    launchChromium(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await Promise.all([demo?.stop(), hasty?.stop()]);
  for (const folder of folders) folder.remove();
});

/** Open the demo and sign in; the page's script runs when this resolves, where scripts may run. */
async function signIn(
  context: BrowserContext,
  { who = "alice", scripts = true, at = demo } = {},
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(at.url);
  await page.getByLabel("Name").fill(who);
  await page.getByLabel("Password").fill(who === "alice" ? "correct horse" : "battery staple");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Notes", exact: true }).waitFor();
  if (scripts) await page.locator("#left", { hasText: ":" }).waitFor();
  return page;
}

async function cookieOf(context: BrowserContext): Promise<string> {
  const cookie = (await context.cookies()).find(({ name }) => name === "session");
  return `session=${cookie?.value}`;
}

/** What the cookie is worth outside the browser, without counting as activity. */
async function statusOf(cookie: string, at = demo): Promise<number> {
  const headers = { cookie, accept: "application/json" };
  return (await fetch(new URL("/session", at.url), { headers })).status;
}

/** Resolves with the instant at which the page said that it was signed out. */
async function signedOut(page: Page, words: string): Promise<number> {
  await page.getByRole("heading", { name: "You were signed out" }).waitFor({ timeout: 10_000 });
  expect(await page.getByText(words).count()).toBe(1);
  expect(await page.locator(".note, .top").count()).toBe(0);
  return performance.now();
}

describe("the demo in Chromium", () => {
  // These two wait for deadlines, so they wait at the same time: one is alice, one is bob.
  it.concurrent("[TE-01] warns, extends in all tabs, is ended from another device", async () => {
    const context = await browser.newContext();
    const errors: string[] = [];
    context.on("weberror", (error) => errors.push(error.error().message));
    const first = await signIn(context, { at: hasty });
    const second = await context.newPage();
    await second.goto(hasty.url);

    // Work: a note shows up in the other tab, and so does a pin.
    await first.getByLabel("New note").fill("Milk & <b>bread</b>");
    await first.getByRole("button", { name: "Add note" }).click();
    const shown = second.locator(".note", { hasText: "Milk & <b>bread</b>" });
    await shown.waitFor();
    await first
      .locator(".note", { hasText: "Milk &" })
      .getByRole("button", { name: "Pin" })
      .click();
    await second.locator(".note.pinned", { hasText: "Milk &" }).waitFor();

    // Both tabs warn; staying in one closes the warning of the other, and time is won.
    const [warning, other] = [first.getByRole("dialog"), second.getByRole("dialog")];
    await Promise.all([warning.waitFor(), other.waitFor()]);
    expect(await warning.locator(".clock").textContent()).toMatch(/^0:0[1-4]$/);
    const stay = warning.getByRole("button", { name: "Stay signed in" });
    expect(await stay.evaluate((button) => button === document.activeElement)).toBe(true);
    await stay.click();
    await Promise.all([warning, other].map((dialog) => dialog.waitFor({ state: "hidden" })));
    expect(await first.locator("#left").textContent()).toMatch(/^0:0[5-8]$/);

    // Another device ends this session: both open tabs say so at once.
    const replay = await cookieOf(context);
    expect(await statusOf(replay, hasty)).toBe(200);
    const phone = await browser.newContext({ userAgent: IPHONE });
    const devices = await signIn(phone, { at: hasty });
    await devices.goto(new URL("/devices", hasty.url).href);
    expect(await devices.locator(".device").allInnerTexts()).toEqual([
      expect.stringContaining("Safari on iPhone this device"),
      expect.stringContaining("Chrome on Linux"),
    ]);
    await devices.getByLabel("End Chrome on Linux").click();
    const tabs = [first, second].map((tab) => signedOut(tab, "from another device"));
    const answered = devices.waitForResponse((answer) => answer.request().method() !== "GET");
    await devices.getByRole("button", { name: "End session" }).click();
    await answered;
    const ending = performance.now();
    expect(Math.max(...(await Promise.all(tabs))) - ending).toBeLessThan(1_000);

    expect(await statusOf(replay, hasty)).toBe(401);
    expect(errors).toEqual([]);
    await Promise.all([context.close(), phone.close()]);
  });

  it.concurrent("[TO-15] signs out when nobody answers; the cookie stays worthless", async () => {
    const context = await browser.newContext();
    const page = await signIn(context, { who: "bob", at: hasty });
    const replay = await cookieOf(context);
    await page.getByRole("dialog").waitFor();
    await signedOut(page, "There was no activity for a while.");
    expect(await statusOf(replay, hasty)).toBe(401);
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByText("There was no activity for a while.").waitFor();
    await context.close();
  });

  it("keeps all of five pins clicked at the same time (I4)", async () => {
    const context = await browser.newContext();
    const page = await signIn(context);
    let answers = 0;
    page.on("requestfinished", (request) => (answers += request.url().endsWith("/pin") ? 1 : 0));
    await page.locator(".note:not(.pinned) .pin").evaluateAll((buttons) => {
      for (const button of buttons.slice(0, 5)) (button as HTMLButtonElement).click();
    });
    await soon(() => answers).toBe(5);
    await page.reload();
    expect(await page.locator(".note.pinned").count()).toBe(5);
    await context.close();
  });

  it("tells of a lost connection and of trouble, and signs nobody out (I7)", async () => {
    const context = await browser.newContext();
    const page = await signIn(context);
    await context.setOffline(true);
    const lost = page.getByText("No connection. You are still signed in");
    await lost.waitFor();
    // An answer that was under way changes nothing.
    await page.route("**/draft", (route) => route.fulfill({ body: "{}" }));
    await page.locator("#write textarea").fill("Written without a connection");
    await page.getByText("Draft saved.").waitFor();
    expect(await lost.isVisible()).toBe(true);
    await context.setOffline(false);
    await page.getByText("No connection").waitFor({ state: "hidden" });

    await page.route("**/pin", (route) => route.fulfill({ status: 503, body: "{}" }));
    await page.locator(".pin").first().click();
    await page.getByText("We have some trouble. You are still signed in").waitFor();
    expect(await page.locator(".note").count()).toBeGreaterThan(0);
    await context.close();
  });

  it("asks for the password to change it, and then ends every other device", async () => {
    const bob = { who: "bob" };
    const [here, there] = [await browser.newContext(), await browser.newContext()];
    const [page, elsewhere] = [await signIn(here, bob), await signIn(there, bob)];
    const before = await cookieOf(here);
    await page.getByRole("link", { name: "Password" }).click();
    await page.getByLabel("Password").fill("battery staple");
    await page.getByRole("button", { name: "Continue" }).click();
    const told = signedOut(elsewhere, "The password was changed on another device.");
    await page.getByLabel("New password").fill("battery staples");
    await page.getByRole("button", { name: "Change it" }).click();
    await page.getByText("Every other device is signed out.").waitFor();
    await told;
    expect(await cookieOf(here)).not.toBe(before);
    expect(await statusOf(await cookieOf(here))).toBe(200);
    await Promise.all([here.close(), there.close()]);
  });

  it("needs no scripts to sign in, pin, end another session, sign out", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    await (await signIn(await browser.newContext({ userAgent: IPHONE }))).close();
    const page = await signIn(context, { scripts: false });
    await page.locator(".note:not(.pinned) .pin").first().click();
    expect(await page.locator(".note.pinned").count()).toBe(1);
    await page.getByRole("link", { name: "Your devices" }).click();
    await page.getByText("Sign out everywhere else…").click();
    await page.getByRole("button", { name: "Sign out everywhere else" }).click();
    expect(await page.locator(".device").count()).toBe(1);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Password").waitFor();
    await context.close();
  });
});
