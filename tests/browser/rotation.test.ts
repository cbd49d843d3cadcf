/** Token rotation as a browser lives through it, and what gives a copied cookie away. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "./support/certificate.ts";
import { launchChromium, soon } from "./support/chromium.ts";
import { APP, startSite } from "./support/site.ts";
import type { Site } from "./support/site.ts";

const MINUTE_MS = 60_000;
/** The `saas` policy rotates every hour. */
const ROTATION_MS = 60 * MINUTE_MS;
/** Longer than a grace and the minute in which a lost cookie is forgiven. */
const NOTICED_MS = 3 * MINUTE_MS;
const ROUNDS = 4;

const certificate = makeCertificate();
let browser: Browser;
let site: Site;
let owner: BrowserContext;
/** How far the application's clock is ahead: hours pass in no time. */
let aheadMs = 0;
const forks: unknown[] = [];
let rotations: string[] = [];

beforeAll(async () => {
  browser = await launchChromium({ trustedKey: certificate.trustedKey });
});

beforeEach(async () => {
  aheadMs = 0;
  forks.length = 0;
  rotations = [];
  const clock = { now: () => Date.now() + aheadMs, learn: () => undefined };
  site = await startSite(certificate, { options: { clock } });
  site.sessions.events.on("token-fork", (event) => forks.push(event));
  site.sessions.events.on("session-rotated", ({ how }) => rotations.push(how));
  owner = await browser.newContext();
});

afterEach(async () => {
  await owner.close();
  await site.close();
});

afterAll(() => browser?.close());

async function open(context: BrowserContext, { login = false } = {}): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.url(APP));
  if (login) await page.evaluate(() => fetch("/login", { method: "POST" }).then(() => undefined));
  return page;
}

interface Answer {
  readonly subject: string | null;
  readonly state: string;
  readonly endedReason?: string;
}

/** `count` requests at the same time, from one page. */
function ask(page: Page, count = 1): Promise<Answer[]> {
  return page.evaluate(
    (count) =>
      Promise.all(
        Array.from({ length: count }, async () => (await (await fetch("/me")).json()) as Answer),
      ),
    count,
  );
}

async function tokenOf(context: BrowserContext): Promise<string | undefined> {
  return (await context.cookies())[0]?.value;
}

/** The owner goes on working past a rotation, its grace and a minute. */
async function workOn(page: Page): Promise<void> {
  aheadMs += ROTATION_MS;
  await ask(page); // is given the successor
  await ask(page); // confirms it
  aheadMs += NOTICED_MS;
  const seenAt = Date.now() + aheadMs;
  await ask(page); // is activity long after the confirmation, written a moment later
  const list = () => site.sessions.subject("alice").list();
  await soon(async () => (await list()).items[0]?.seenAt).toBeGreaterThanOrEqual(seenAt);
}

describe("rotation in Chromium", () => {
  it("raises no alarm when two tabs send requests in parallel", async () => {
    const first = await open(owner, { login: true });
    const second = await open(owner);
    const tokens = new Set([await tokenOf(owner)]);
    for (let round = 0; round < ROUNDS; round += 1) {
      aheadMs += ROTATION_MS;
      const answers = await Promise.all([ask(first, 10), ask(second, 10)]);
      expect(answers.flat().every(({ subject }) => subject === "alice")).toBe(true);
      tokens.add(await tokenOf(owner));
      await Promise.all([ask(first, 3), ask(second, 3)]);
    }
    expect(tokens.size).toBe(ROUNDS + 1);
    expect(rotations.filter((how) => how === "sealed")).toHaveLength(ROUNDS);
    expect(rotations.filter((how) => how === "confirmed")).toHaveLength(ROUNDS);
    expect(forks).toEqual([]);
  });

  it("notices a cookie copied to another browser, and ends the session", async () => {
    const page = await open(owner, { login: true });
    const thief = await browser.newContext({ userAgent: "Mozilla/5.0 (X11) Other/1.0" });
    await thief.addCookies(await owner.cookies());
    const copy = await open(thief);
    expect(await ask(copy)).toMatchObject([{ subject: "alice" }]);
    await workOn(page);
    const ended = { subject: null, endedReason: "reuse_detected" };
    expect(await ask(copy)).toMatchObject([ended]);
    expect(forks).toMatchObject([{ reaction: "revoke", sameContext: false }]);
    expect(await ask(page)).toMatchObject([ended]);
    await thief.close();
  });

  it("notices a cookie copied to a twin of the browser, and asks for a factor", async () => {
    const page = await open(owner, { login: true });
    const twin = await browser.newContext();
    await twin.addCookies(await owner.cookies());
    const copy = await open(twin);
    await workOn(page);
    expect(await ask(copy)).toMatchObject([{ subject: null, state: "locked" }]);
    expect(forks).toMatchObject([{ reaction: "step-up", sameContext: true }]);
    expect(await ask(page)).toMatchObject([{ subject: null, state: "locked" }]);
    await twin.close();
  });
});
