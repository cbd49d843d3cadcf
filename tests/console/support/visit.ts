/** A person at the console: a browser context, a passkey in software, and what the browser said. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page did against its policy, and what broke in it. */
  readonly trouble: readonly string[];
  go(path: string): Promise<void>;
}

export interface VisitOptions {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  /** Somebody who has signed in already. */
  readonly storageState?: StorageState;
}

export type StorageState = Awaited<ReturnType<BrowserContext["storageState"]>>;

const HEIGHT = 900;
const WIDTH = 1_440;
const SOON_MS = 30_000;
/** Answers that the browser itself reports, though pages know what to do with them. */
const EXPECTED = /Failed to load resource/;

export async function visit(
  browser: Browser,
  origin: string,
  { colorScheme = "light", width = WIDTH, storageState }: VisitOptions = {},
): Promise<Visit> {
  const viewport = { width, height: HEIGHT };
  const context = await browser.newContext({
    colorScheme,
    viewport,
    reducedMotion: "reduce",
    ...(storageState === undefined ? {} : { storageState }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(SOON_MS);
  const trouble: string[] = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) trouble.push(message.text());
  });
  return {
    context,
    page,
    trouble,
    go: async (path) => {
      await page.goto(`${origin}/console${path}`);
    },
  };
}

/** By a one-time link, as the command line prints it. */
export async function signIn({ page }: Visit, link: string): Promise<void> {
  await page.goto(link);
  await page.locator("#content h1").waitFor();
}

/** An authenticator in software that says yes. */
export async function giveAuthenticator({ context, page }: Visit): Promise<void> {
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

export async function makePasskey({ page, go }: Visit): Promise<void> {
  await go("/account");
  await page.getByRole("button", { name: "Make a passkey" }).click();
  await page.getByText("The passkey is kept").waitFor();
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** Every rule of axe, best practices as well. */
export async function expectAccessible({ page }: Visit): Promise<void> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResult> } }).axe.run(),
  );
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
  expect(told).toEqual([]);
}

/** Nothing is under way any more, and nothing stands for what is to come. */
export async function settled({ page }: Visit): Promise<void> {
  await page.locator("h1").first().waitFor();
  await expect.poll(() => page.locator("[aria-busy=true]").count(), { timeout: SOON_MS }).toBe(0);
}
