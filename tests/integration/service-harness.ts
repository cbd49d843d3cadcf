/** A service on loopback for tests: in this process, or as the built command in its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../packages/sojourn-server/src/api/log.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import type { ServerConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { SCOPES } from "../../packages/sojourn-server/src/control/key-table.ts";
import type { Scope } from "../../packages/sojourn-server/src/control/key-table.ts";
import { startService } from "../../packages/sojourn-server/src/main/service.ts";
import type { RunningService } from "../../packages/sojourn-server/src/main/service.ts";

export const SECRET = "c29qb3Vybi10ZXN0LXNlY3JldC0wMTIzNDU2Nzg5QUJDREVG";

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `{}` when the body is no JSON object. */
  readonly json: Json;
}

export interface Sent {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own; headers go out exactly as given. */
export function send(url: string, method: string, sent: Sent = {}): Promise<Answer> {
  const text = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
  const headers: Record<string, string> = { ...sent.headers };
  if (text !== undefined) {
    headers["content-type"] ??= "application/json";
    headers["content-length"] = String(Buffer.byteLength(text));
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: body,
          json: objectOf(body),
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

function objectOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** A folder that is gone after the test. */
export function folder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "sojourn-service-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface TestService {
  readonly service: RunningService;
  readonly config: ServerConfig;
  /** Everything that was logged, as JSON lines. */
  readonly logs: string[];
  /** With a service key of the tenant `default`, all scopes. */
  api(method: string, path: string, sent?: Sent): Promise<Answer>;
  /** With whatever headers are given, and no others. */
  bare(method: string, path: string, sent?: Sent): Promise<Answer>;
  /** Another key. */
  key(tenant: string, scopes?: readonly Scope[]): Promise<string>;
  /** A session of `subject`: its handle and its token. */
  open(subject: string, more?: Json): Promise<{ readonly id: string; readonly token: string }>;
}

export interface Setup {
  readonly env?: Readonly<Record<string, string>>;
  readonly library?: Partial<ServerConfig["library"]>;
}

let keys = 0;

/** In this process, on a free port; memory store unless the environment says otherwise. */
export async function startTestService(setup: Setup = {}): Promise<TestService> {
  const env: Record<string, string> & { SOJOURN_STORE: string } = {
    SOJOURN_SECRETS: SECRET,
    SOJOURN_STORE: "memory:",
    SOJOURN_PORT: "0",
    ...setup.env,
  };
  const control = env["SOJOURN_CONTROL"] ?? env.SOJOURN_STORE;
  // Else it would lie in the folder that the tests run in.
  if (!control.startsWith("sqlite:"))
    env["SOJOURN_AUDIT_SPOOL"] ??= join(tmpdir(), "sojourn-spool");
  const read = readConfig({ flags: {}, env });
  const config: ServerConfig = { ...read, library: { ...read.library, ...setup.library } };
  const logs: string[] = [];
  const log = createLog("debug", { write: (line) => void logs.push(line) });
  const service = await startService(config, log);
  const key = async (tenant: string, scopes: readonly Scope[] = SCOPES): Promise<string> => {
    keys += 1;
    return (await service.keys.create({ name: `test-${keys}`, tenant, scopes })).text;
  };
  const own = await key("default");
  const bare = (method: string, path: string, sent?: Sent): Promise<Answer> =>
    send(service.url + path, method, sent);
  const api = (method: string, path: string, sent: Sent = {}): Promise<Answer> =>
    bare(method, path, { ...sent, headers: { authorization: `Bearer ${own}`, ...sent.headers } });
  const open = async (subject: string, more: Json = {}): Promise<{ id: string; token: string }> => {
    const answer = await api("POST", "/v1/sessions", { body: { subject, amr: ["pwd"], ...more } });
    const { session, token } = answer.json as { session: { id: string }; token: string };
    return { id: session.id, token };
  };
  return { service, config, logs, api, bare, key, open };
}

/** Headers of a page of the service's own, on loopback, that carries the session cookie. */
export function cookie(token: string, more: Readonly<Record<string, string>> = {}): Sent {
  return { headers: { cookie: `session=${token}`, "sec-fetch-site": "same-origin", ...more } };
}

export function bearer(token: string): Sent {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** Every member of a path: `at(json, "session.assurance.acr")`. */
export function at(value: unknown, path: string): unknown {
  let here = value;
  for (const name of path.split(".")) {
    here = typeof here === "object" && here !== null ? (here as Json)[name] : undefined;
  }
  return here;
}

const root = join(import.meta.dirname, "..", "..");
const command = join(root, "packages", "sojourn-server", "dist", "cli", "main.js");

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The built command, as a process of its own. */
export function sojourn(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = startCommand(args, env);
  return new Promise((resolve, reject) => {
    let out = "";
    let err = "";
    child.stdout?.on("data", (chunk: Buffer) => void (out += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => void (err += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }));
  });
}

function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  if (!existsSync(command)) throw new Error(`${command} is missing: run npm run build`);
  return spawn(process.execPath, [command, ...args], {
    cwd: tmpdir(),
    env: { ...surroundings(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** What a program has of the environment of the tests: no setting that anybody made here. */
export function surroundings(): Record<string, string> {
  const kept = ["PATH", "NODE_COMPILE_CACHE"].map((name) => [name, process.env[name]]);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

export interface ServedProcess {
  readonly url: string;
  readonly metricsUrl: string;
  /** Standard output and error so far. */
  readonly said: () => string;
  readonly child: ChildProcess;
  /** Ends it with a signal. @returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Three start at once, on a machine that does other things, too. */
const READY_MS = 60_000;

/** `sojourn serve` as a process of its own; ready when it says that it listens. */
export async function serveProcess(env: Readonly<Record<string, string>>): Promise<ServedProcess> {
  const child = startCommand(["serve"], { SOJOURN_PORT: "0", SOJOURN_DRAIN: "0s", ...env });
  let said = "";
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("close", (code) => {
      // It would have stood there for ever.
      if (said.includes("something was left open")) reject(new Error(said));
      resolve(code);
    });
  });
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready; it said: ${said}`)), READY_MS);
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (!said.includes("metrics on ")) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    void ended.then((code) => reject(new Error(`ended with ${code}; it said: ${said}`)));
  });
  try {
    await ready;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const [, url = ""] = /listening on (\S+)/.exec(said) ?? [];
  const [, metricsUrl = ""] = /metrics on (\S+)\/metrics/.exec(said) ?? [];
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  return { url, metricsUrl, said: () => said, child, stop };
}
