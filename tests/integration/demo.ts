/** The notes demo as a process of its own, with a folder and a port of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "..", "..");
const READY_WITHIN_MS = 20_000;

export interface DemoFolder {
  readonly secretFile: string;
  readonly database: string;
  readonly secret: string;
  remove(): void;
}

export interface Demo {
  readonly url: string;
  readonly child: ChildProcess;
  /** End it the way Ctrl-C does. @returns the exit code, or the signal that ended it. */
  stop(signal?: "SIGTERM" | "SIGINT"): Promise<number | string>;
}

/** What `npm start` keeps in `.sojourn/`: a secret and a database. */
export function demoFolder(): DemoFolder {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-demo-"));
  const secretFile = join(folder, "secret");
  writeFileSync(secretFile, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  return {
    secretFile,
    database: join(folder, "sojourn.db"),
    secret: readFileSync(secretFile, "utf8").trim(),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Starts it and waits until it says where it listens. @throws with its output when it ends. */
export async function startDemo(
  folder: DemoFolder,
  environment: Record<string, string> = {},
): Promise<Demo> {
  const child = spawn(process.execPath, [join(ROOT, "examples/notes/server.mjs")], {
    cwd: ROOT,
    env: {
      ...process.env,
      NODE_ENV: "development",
      SOJOURN_SECRET_FILE: folder.secretFile,
      SOJOURN_STORE: `sqlite:${folder.database}`,
      SOJOURN_HOST: "127.0.0.1",
      SOJOURN_PORT: "0",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | string>((resolve) => {
    child.on("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  const url = await address(child, exited);
  return {
    url,
    child,
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return exited;
    },
  };
}

function address(child: ChildProcess, exited: Promise<number | string>): Promise<string> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the demo did not start: ${said}`));
    }, READY_WITHIN_MS);
    void exited.then((how) => {
      clearTimeout(timer);
      reject(new Error(`the demo ended (${how}): ${said}`));
    });
    if (child.stdout === null) return;
    createInterface(child.stdout).on("line", (line) => {
      const found = /^listening on (http:\S+)$/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}
