/** Runs `sojourn doctor` in this process, on shops, with the password in a file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { Check, Result } from "../../packages/sojourn-server/src/cli/doctor/findings.ts";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { PASSWORD } from "./doctor-shop.ts";
import type { Shop } from "./doctor-shop.ts";

const place = mkdtempSync(join(tmpdir(), "sojourn-doctor-"));
const passwordFile = join(place, "password");

beforeAll(() => writeFileSync(passwordFile, `${PASSWORD}\n`));
afterAll(() => rmSync(place, { recursive: true, force: true }));

export interface Said {
  readonly check: Check;
  readonly result: Result;
  readonly says: string;
  readonly fix?: string;
  readonly link: string;
}

export interface Seen {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function doctor(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Seen> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv: ["doctor", ...args],
    env,
    out: { write: (text) => void (out += text) },
    err: { write: (text) => void (err += text) },
  });
  return { code, out, err };
}

export const LOGIN: readonly string[] = [
  "--login-path",
  "/login",
  "--field",
  "name=alice",
  "--whoami-path",
  "/me",
];
export const PATHS: readonly string[] = [
  ...LOGIN,
  "--logout-path",
  "/logout",
  "--write-path",
  "/cart",
  "--write-body",
  "n=1",
];

export function withPassword(): string[] {
  return [...PATHS, "--field", `password=@${passwordFile}`];
}

export interface Examined extends Seen {
  readonly findings: readonly Said[];
  /** `check result` of what is neither passed nor skipped. */
  readonly found: readonly string[];
}

/** Examine a shop, as JSON and for people; no secret may show in either. */
export async function examined(shop: Shop, more: readonly string[] = []): Promise<Examined> {
  const seen = await doctor([shop.url, ...withPassword(), ...more, "--json"]);
  const view = JSON.parse(seen.out) as { findings: Said[]; summary: Record<Result, number> };
  expect(view.summary).toEqual(countsOf(view.findings));
  for (const value of [PASSWORD, ...shop.values]) {
    expect(`${seen.out}${seen.err}`).not.toContain(value);
  }
  const found = view.findings
    .filter(({ result }) => result === "warn" || result === "fail")
    .map(({ check, result }) => `${check} ${result}`);
  return { ...seen, findings: view.findings, found: found.toSorted() };
}

function countsOf(findings: readonly Said[]): Record<Result, number> {
  const count = (wanted: Result): number =>
    findings.filter(({ result }) => result === wanted).length;
  return {
    pass: count("pass"),
    warn: count("warn"),
    fail: count("fail"),
    skipped: count("skipped"),
  };
}

export function skippedIn(findings: readonly Said[]): string[] {
  return findings.filter(({ result }) => result === "skipped").map(({ check }) => check);
}
