/** Debian's Chromium, started with an empty profile and without anything that calls home. */
import type { Browser, BrowserContext } from "playwright-core";
import { chromium } from "playwright-core";
import { expect } from "vitest";
import { findProgram } from "../../../tools/system-packages.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

interface LaunchOptions {
  /** Base64 SHA-256 of a key whose certificates are believed. */
  readonly trustedKey?: string;
  /** Playwright turns the back/forward cache off; a test of the back button wants it on. */
  readonly backForwardCache?: boolean;
}

/** Every host name leads to loopback, so that sites can have names. */
export function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const executablePath = findProgram("chromium");
  if (executablePath === undefined) throw new Error("chromium is missing: npm test says how");
  const { trustedKey, backForwardCache = false } = options;
  const args = [...FLAGS, "--host-resolver-rules=MAP * 127.0.0.1"];
  if (trustedKey !== undefined) args.push(`--ignore-certificate-errors-spki-list=${trustedKey}`);
  const ignoreDefaultArgs = backForwardCache ? ["--disable-back-forward-cache"] : [];
  return chromium.launch({ executablePath, args, ignoreDefaultArgs });
}

/** Device-bound sessions with keys in software: off by default on Linux, and no TPM is needed. */
const BOUND = "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting";

/** A profile on disk, kept across restarts, in which sessions can be bound to the device. */
export function launchProfile(folder: string, trustedKey: string): Promise<BrowserContext> {
  const executablePath = findProgram("chromium");
  if (executablePath === undefined) throw new Error("chromium is missing: npm test says how");
  const args = [
    ...FLAGS,
    "--host-resolver-rules=MAP * 127.0.0.1",
    `--ignore-certificate-errors-spki-list=${trustedKey}`,
    `--enable-features=${BOUND}`,
  ];
  return chromium.launchPersistentContext(folder, { executablePath, args });
}

const SOON_MS = 10_000;

/** What becomes true in a browser, a moment later and later still on a busy machine. */
export function soon<Value>(read: () => Value | Promise<Value>): ReturnType<typeof expect.poll> {
  return expect.poll(read, { timeout: SOON_MS });
}
