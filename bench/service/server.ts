/** Servers of a benchmark as processes of their own, and what they take of the processor. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync, spawn } from "node:child_process";

export interface Server {
  readonly url: string;
  readonly metricsUrl: string;
  /** Microseconds of CPU since it started, of all its threads. */
  cpuUs(): number;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "..", "..");
const COMMAND = join(root, "packages", "sojourn-server", "dist", "cli", "main.js");
const BARE = join(import.meta.dirname, "bare.ts");
const SECRET = "c29qb3Vybi10ZXN0LXNlY3JldC0wMTIzNDU2Nzg5QUJDREVG";
const TICK_US = 1e6 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
/** Places of utime and stime in `/proc/PID/stat`, behind the name in brackets. */
const [UTIME, STIME] = [11, 12];

export interface Service extends Server {
  /** A service key with every scope. */
  readonly key: string;
}

export async function startBare(): Promise<Server> {
  return started([BARE], {});
}

/** @param settings Besides those of every service here: no rate limit, no request lines. */
export async function startService(
  settings: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-"));
  const env = {
    SOJOURN_SECRETS: SECRET,
    SOJOURN_PORT: "0",
    SOJOURN_DRAIN: "0s",
    SOJOURN_RATE_LIMIT: "0",
    SOJOURN_LOG_LEVEL: "warn",
    SOJOURN_STORE: `sqlite:${folder}/sojourn.db`,
    ...settings,
  };
  const keys = ["keys", "create", "--name", "bench", "--json"];
  const made = execFileSync(process.execPath, [COMMAND, ...keys], { env, encoding: "utf8" });
  const { key } = JSON.parse(made) as { key: string };
  const server = await started([COMMAND, "serve"], env);
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, key, stop };
}

async function started(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const wanted = args.includes("serve") ? "metrics on " : "listening on ";
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes(wanted)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    void ended.then(() => reject(new Error(`it ended; it said: ${said}`)));
  });
  const [, url = ""] = /listening on (\S+)/.exec(said) ?? [];
  const [, metricsUrl = ""] = /metrics on (\S+)\/metrics/.exec(said) ?? [];
  const cpuUs = (): number => {
    const [, rest = ""] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ");
    const fields = rest.split(" ");
    return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_US;
  };
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, metricsUrl, cpuUs, stop };
}
