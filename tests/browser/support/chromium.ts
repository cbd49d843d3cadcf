/** Debian's Chromium, started with an empty profile and without anything that calls home. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
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

function programPath(): string {
  const path = findProgram("chromium");
  if (path === undefined) throw new Error("chromium is missing: npm test says how");
  return path;
}

interface LaunchOptions {
  /** Base64 SHA-256 of a key whose certificates are believed. */
  readonly trustedKey?: string;
  /** Playwright turns the back/forward cache off; a test of the back button wants it on. */
  readonly backForwardCache?: boolean;
}

/** Every host name leads to loopback, so that sites can have names. */
export function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const executablePath = programPath();
  const { trustedKey, backForwardCache = false } = options;
  const args = [...FLAGS, "--host-resolver-rules=MAP * 127.0.0.1"];
  if (trustedKey !== undefined) args.push(`--ignore-certificate-errors-spki-list=${trustedKey}`);
  const ignoreDefaultArgs = backForwardCache ? ["--disable-back-forward-cache"] : [];
  return chromium.launch({ executablePath, args, ignoreDefaultArgs });
}

/** Device-bound sessions with keys in software: off by default on Linux, and no TPM is needed. */
const BOUND = "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting";

/**
 * A profile on disk, kept across restarts.
 * @param dbsc Whether the browser binds sessions to the device by itself.
 */
export function launchProfile(
  folder: string,
  trustedKey: string,
  dbsc: boolean = true,
): Promise<BrowserContext> {
  const executablePath = programPath();
  const args = [
    ...FLAGS,
    "--host-resolver-rules=MAP * 127.0.0.1",
    `--ignore-certificate-errors-spki-list=${trustedKey}`,
    ...(dbsc ? [`--enable-features=${BOUND}`] : []),
  ];
  return chromium.launchPersistentContext(folder, { executablePath, args });
}

function personal(trustedKey: string): readonly string[] {
  return [
    ...FLAGS,
    "--restore-last-session",
    "--host-resolver-rules=MAP * 127.0.0.1",
    `--ignore-certificate-errors-spki-list=${trustedKey}`,
  ];
}

/** A profile on disk that comes back with the tabs and cookies it had, as people have it. */
export function launchPerson(folder: string, trustedKey: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    executablePath: programPath(),
    args: [...personal(trustedKey)],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
}

/** The same without anybody who drives it; it may be asked to close. */
export function launchAlone(folder: string, trustedKey: string, url: string): ChildProcess {
  const place = [`--user-data-dir=${folder}`, "--remote-debugging-port=0"];
  const args = ["--headless", "--no-first-run", ...place];
  return spawn(programPath(), [...args, ...personal(trustedKey), url], { stdio: "ignore" });
}

const SOON_MS = 30_000;

/** What becomes true in a browser, a moment later and later still on a busy machine. */
export function soon<Value>(read: () => Value | Promise<Value>): ReturnType<typeof expect.poll> {
  return expect.poll(read, { timeout: SOON_MS });
}
