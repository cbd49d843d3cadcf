/** A browser profile on disk that binds sessions, and what the browser itself tells of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import type { TestCertificate } from "./certificate.ts";
import { launchProfile } from "./chromium.ts";

export interface BoundProfile {
  readonly context: BrowserContext;
  readonly page: Page;
  /** `created: RESULT`, results of refreshes, and reasons of ends, in their order. */
  readonly told: readonly string[];
  close(): Promise<void>;
}

interface Told {
  readonly creationEventDetails?: { readonly fetchResult: string };
  readonly refreshEventDetails?: { readonly refreshResult: string };
  readonly terminationEventDetails?: { readonly deletionReason: string };
}

export async function openBoundProfile({ trustedKey }: TestCertificate): Promise<BoundProfile> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bound-"));
  const context = await launchProfile(folder, trustedKey);
  const page = context.pages()[0] ?? (await context.newPage());
  const told: string[] = [];
  const cdp = (await context.newCDPSession(page)) as unknown as {
    send(method: string, parameters?: object): Promise<unknown>;
    on(name: string, listener: (event: Told) => void): unknown;
  };
  await cdp.send("Network.enable");
  await cdp.send("Network.enableDeviceBoundSessions", { enable: true });
  cdp.on("Network.deviceBoundSessionEventOccurred", (event) => {
    const { creationEventDetails, refreshEventDetails, terminationEventDetails } = event;
    if (creationEventDetails !== undefined) {
      told.push(`created: ${creationEventDetails.fetchResult}`);
    }
    if (refreshEventDetails !== undefined) told.push(refreshEventDetails.refreshResult);
    if (terminationEventDetails !== undefined) told.push(terminationEventDetails.deletionReason);
  });
  const close = async (): Promise<void> => {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { context, page, told, close };
}
