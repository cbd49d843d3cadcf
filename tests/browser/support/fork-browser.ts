/** One person's Chromium on a profile on disk: it can crash, and come back as it was. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { launchAlone, launchPerson } from "./chromium.ts";

export interface Answer {
  readonly subject: string | null;
  readonly state: string;
  readonly endedReason?: string;
}

/** `count` requests at the same time, from one page. */
export function ask(page: Page, count = 1): Promise<Answer[]> {
  return page.evaluate(
    (count) =>
      Promise.all(
        Array.from({ length: count }, async () => (await (await fetch("/me")).json()) as Answer),
      ),
    count,
  );
}

/** POST without a body. @returns what was answered in the end. */
export function post(page: Page, path: string): Promise<unknown> {
  return page.evaluate(async (path) => (await fetch(path, { method: "POST" })).json(), path);
}

/** Go through `count` pages and stay on the last one. */
export async function walk(page: Page, origin: string, count: number): Promise<void> {
  await page.goto(new URL(`/walk?left=${count - 1}`, origin).href, { waitUntil: "commit" });
  await page.waitForURL("**/walk?left=0");
}

/** As people close it: a signal ends it before its cookies are on the disk. */
async function askToClose(folder: string): Promise<void> {
  const [port, path] = readFileSync(join(folder, "DevToolsActivePort"), "utf8").split("\n");
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.send(JSON.stringify({ id: 1, method: "Browser.close" }));
}

export class Person {
  readonly folder: string = mkdtempSync(join(tmpdir(), "sojourn-person-"));
  readonly #trustedKey: string;
  #context: BrowserContext | undefined;

  constructor(trustedKey: string) {
    this.#trustedKey = trustedKey;
  }

  get context(): BrowserContext {
    if (this.#context === undefined) throw new Error("the browser is not running");
    return this.#context;
  }

  /** Start it, with the tabs it had. */
  async start(): Promise<void> {
    this.#context = await launchPerson(this.folder, this.#trustedKey);
  }

  /** Close it, with all it knows on disk, and start it again. */
  async restart(): Promise<void> {
    await this.#context?.close();
    await this.start();
  }

  /**
   * Close it, and open a page of its profile with nobody who drives it.
   *
   * @returns what ends it again.
   */
  async startAlone(url: string): Promise<() => Promise<void>> {
    await this.#context?.close();
    this.#context = undefined;
    const alone = launchAlone(this.folder, this.#trustedKey, url);
    const gone = once(alone, "exit");
    return async () => {
      await askToClose(this.folder);
      await gone;
    };
  }

  /** As the system does when memory runs out: what is not on disk is lost. */
  async crash(): Promise<void> {
    const { context } = this;
    const devtools = await context.browser()?.newBrowserCDPSession();
    const processes = (await devtools?.send("SystemInfo.getProcessInfo"))?.processInfo ?? [];
    const pid = processes.find(({ type }) => type === "browser")?.id;
    if (pid === undefined) throw new Error("the browser does not tell its process");
    const gone = new Promise((resolve) => context.once("close", resolve));
    process.kill(pid, "SIGKILL");
    await gone;
    this.#context = undefined;
  }

  async stop(): Promise<void> {
    await this.#context?.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
