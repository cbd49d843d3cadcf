/** An installation that is backed up, loses its sessions, and gets them back. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { runCommandLine } from "../../packages/sojourn-server/src/cli/run.ts";
import { until } from "../../tools/engines/process.mjs";
import { cookie, SECRET, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

export type Env = Readonly<Record<string, string>>;

/** A command in this process. */
export async function command(
  env: Env,
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = "";
  let err = "";
  const code = await runCommandLine({
    argv,
    env: { SOJOURN_SECRETS: SECRET, ...env },
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

export interface Opened {
  readonly id: string;
  readonly token: string;
}

/** What verify says of each. */
export async function statesOf(
  s: TestService,
  sessions: readonly Opened[],
): Promise<readonly string[]> {
  const body = { tokens: sessions.map(({ token }) => token) };
  const { json } = await s.api("POST", "/v1/sessions/verify", { body });
  return (json["results"] as { state: string }[]).map(({ state }) => state);
}

/** A hundred sessions. */
export async function crowd(s: TestService): Promise<readonly Opened[]> {
  const one = (count: number): Promise<Opened> => {
    // Ten have somebody in common.
    const subject = count < 10 ? "alice" : `u${count}`;
    return s.open(subject, count >= 40 && count < 50 ? { roles: ["brief"] } : {});
  };
  const all: Opened[] = [];
  for (let from = 0; from < 100; from += 10) {
    all.push(...(await Promise.all(Array.from({ length: 10 }, (_, at) => one(from + at)))));
  }
  return all;
}

/** Ends sessions by every way there is. @returns what verify should say of each from now on. */
export async function endSome(
  s: TestService,
  all: readonly Opened[],
  pass: (ms: number) => void,
): Promise<readonly string[]> {
  const one = (index: number): Opened => all[index] as Opened;
  const post = async (path: string, body: object = {}): Promise<void> => {
    expect((await s.api("POST", path, { body })).status).toBe(200);
  };
  await post("/v1/subjects/alice/revoke", { except: one(9).id });
  for (let index = 10; index < 20; index += 1) await post(`/v1/sessions/${one(index).id}/revoke`);
  for (let index = 20; index < 25; index += 1) {
    const { status } = await s.bare("DELETE", "/v1/session", cookie(one(index).token));
    expect(status).toBe(200);
  }
  for (let index = 30; index < 33; index += 1) await post(`/v1/sessions/${one(index).id}/lock`);
  await post(`/v1/sessions/${one(32).id}/unlock`, { amr: ["otp"] });
  pass(BRIEF_MS + 1_000);
  const states = await statesOf(s, all.slice(40, 50));
  expect(new Set(states)).toEqual(new Set(["ended"]));
  await told(s, "idle_timeout", 10);
  return all.map((_, index) => {
    const ended = index < 9 || (index >= 10 && index < 25) || (index >= 40 && index < 50);
    return ended ? "ended" : index === 30 || index === 31 ? "locked" : "active";
  });
}

const BRIEF_MS = 60_000;
const SWEEP = { everyMs: 200, keepEndedMs: 86_400_000 } as const;

/** So many ends of a reason are in the trail. */
async function told(s: TestService, reason: string, count: number): Promise<void> {
  const key = await s.key("default", ["audit:read"]);
  await until(`${count} of ${reason}`, async () => {
    const headers = { authorization: `Bearer ${key}` };
    const { json } = await s.bare("GET", "/v1/audit?name=session-ended&limit=200", { headers });
    const items = json["items"] as { reason: string }[];
    return items.filter((item) => item.reason === reason).length >= count;
  });
}

export interface Moved {
  readonly s: TestService;
  /** Let the service believe that time has passed. */
  pass(ms: number): void;
}

/** A service that notices soon what is overdue. */
export async function moved(env: Env): Promise<Moved> {
  const skew = { ms: 0 };
  const clock = { now: () => Date.now() + skew.ms, learn: () => undefined };
  const tighten = { roles: { brief: { idleMs: BRIEF_MS } } };
  const s = await startTestService({ env, library: { clock, sweep: SWEEP, tighten } });
  return { s, pass: (ms) => void (skew.ms += ms) };
}

/** Every byte of a folder, and the rights of its files. */
export function contents(folder: string): { readonly bytes: string; readonly modes: number[] } {
  const names = readdirSync(folder);
  return {
    bytes: names.map((name) => readFileSync(join(folder, name), "latin1")).join("\n"),
    modes: names.map((name) => statSync(join(folder, name)).mode & 0o777),
  };
}
