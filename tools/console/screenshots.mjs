/**
 * `npm run screenshots`: every page of the console in both themes, into `docs/console/`, from a
 * service that really runs, with a day of a small shop in it.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { root } from "../setup.mjs";
import { findProgram } from "../system-packages.mjs";
import { seedNeighbours } from "./neighbours.mjs";
import { seedDay } from "./seed.mjs";
import { startWorld } from "./world.mjs";

const folder = join(root, "docs", "console");
const WIDE = { width: 1_360, height: 700 };
const PHONE = { width: 390, height: 780 };
const BYTES_MAX = 150_000;
const THEMES = /** @type {const} */ (["light", "dark"]);
const FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * 127.0.0.1"];

/** @typedef {import("playwright-core").Page} Page */

/** What is shown, by the name of its picture. @type {Record<string, string>} */
const PAGES = {
  overview: "/",
  incidents: "/incidents",
  sessions: "/sessions",
  subject: "/subjects/alice",
  device: "/devices/dev_alice1",
  bulk: "/bulk",
  locks: "/locks",
  audit: "/audit",
  policy: "/policies",
  health: "/health",
  keys: "/keys",
  tenants: "/tenants",
  tenant: "/tenants/acme",
  webhooks: "/webhooks",
  users: "/team",
  passkeys: "/account",
};

/** @param {Page} page */
async function settle(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
  await page.waitForLoadState("networkidle");
}

/** @param {Page} page @param {string} name */
async function shoot(page, name) {
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > BYTES_MAX) console.warn(`${name}.png has ${size} bytes`);
}

/**
 * @param {Page} page
 * @param {string} origin
 * @param {string} theme
 */
async function everyPage(page, origin, theme) {
  const offered = await page.$$eval(".sidebar a", (links) =>
    links.map((link) => link.getAttribute("href")),
  );
  for (const [name, path] of Object.entries(PAGES)) {
    const own = ["subject", "device", "passkeys", "tenant"].includes(name);
    if (!own && !offered.includes(`/console${path}`)) continue;
    await page.goto(`${origin}/console${path}`);
    await settle(page);
    if (name === "policy") await simulate(page);
    await shoot(page, `${name}-${theme}`);
  }
  await page.goto(`${origin}/console/webhooks`);
  await page
    .getByRole("row", { name: /Fraud desk/ })
    .getByRole("link")
    .click();
  await settle(page);
  await shoot(page, `webhook-${theme}`);
  await page.goto(`${origin}/console/sessions`);
  await page.locator("[role=table] a[href*='/sessions/']").nth(1).click();
  await settle(page);
  await shoot(page, `session-${theme}`);
  await page.getByRole("button", { name: "End session" }).click();
  await shoot(page, `end-session-${theme}`);
}

/** @param {Page} page */
async function simulate(page) {
  await page.getByLabel("Idle time").fill("30m");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.locator(".outcome").waitFor();
}

/** @param {Page} page @param {string} origin @param {string} theme */
async function phone(page, origin, theme) {
  await page.setViewportSize(PHONE);
  for (const name of ["overview", "sessions"]) {
    await page.goto(`${origin}/console${PAGES[name]}`);
    await settle(page);
    await shoot(page, `phone-${name}-${theme}`);
  }
}

async function main() {
  const executablePath = findProgram("chromium");
  if (executablePath === undefined) throw new Error("chromium is missing: npm test says how");
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(".png")) rmSync(join(folder, name));
  const env = { SOJOURN_RATE_LIMIT: "0", SOJOURN_WEBHOOK_NETWORKS: "127.0.0.0/8" };
  const world = await startWorld({ env });
  console.log("A day goes by in the shop …");
  const shop = await seedDay(world);
  const neighbours = await seedNeighbours(world, shop);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    for (const theme of THEMES) {
      const page = await browser.newPage({
        viewport: WIDE,
        colorScheme: theme,
        reducedMotion: "reduce",
      });
      await page.goto(`${world.origin}/console/`);
      await settle(page);
      await shoot(page, `sign-in-${theme}`);
      await page.goto(await world.invite("ada", "admin"));
      await page.locator("#content h1").waitFor();
      await everyPage(page, world.origin, theme);
      await phone(page, world.origin, theme);
      await page.close();
    }
  } finally {
    await browser.close();
    await world.close();
    neighbours.close();
  }
}

await main();
