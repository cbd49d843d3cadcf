/**
 * A service of its own with a console, for screenshots and tests: a folder, a process, service
 * keys, sessions opened over HTTP, and one-time links. Nothing in it is made up: whatever a page
 * shows, the service said.
 */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../launch.mjs";
import { node, root } from "../setup.mjs";

const CLI = join(root, "packages", "sojourn-server", "dist", "cli", "main.js");
const CLOCK = join(root, "tools", "console", "earlier.mjs");
const READY_WITHIN_MS = 60_000;
const POLL_MS = 25;
const SECRET_BYTES = 32;
const PORTS_FROM = 17_400;
const PORTS_SPREAD = 2_000;
const SAID_CHARS = 4_000;
const run = promisify(execFile);

/**
 * @typedef {object} WorldOptions
 * @property {Record<string, string>} [env] Settings over those of the world.
 *
 * @typedef {Awaited<ReturnType<typeof startWorld>>} World
 */

/** @param {WorldOptions} [options] */
export async function startWorld({ env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-console-"));
  const secretFile = join(folder, "secret");
  writeFileSync(secretFile, `${randomBytes(SECRET_BYTES).toString("base64url")}\n`, {
    mode: 0o600,
  });
  mkdirSync(join(folder, "spool"));
  const port = await freePort(PORTS_FROM + Math.floor(Math.random() * PORTS_SPREAD));
  const settings = {
    ...process.env,
    SOJOURN_SECRET_FILE: secretFile,
    SOJOURN_STORE: `sqlite:${join(folder, "sojourn.db")}`,
    SOJOURN_HOST: "127.0.0.1",
    SOJOURN_PORT: String(port),
    ...env,
  };
  const service = `http://127.0.0.1:${port}`;
  const running = processOf(settings, `${service}/readyz`);

  /** @param {readonly string[]} args */
  const command = async (...args) => {
    const { stdout } = await run(node, [CLI, ...args, "--json"], { env: settings, cwd: root });
    return JSON.parse(stdout);
  };

  await running.start();
  return {
    folder,
    service,
    origin: `http://localhost:${port}`,
    command,
    start: running.start,
    stop: running.stop,
    /** @param {string} name @param {readonly string[]} [scopes] */
    async key(name, scopes = []) {
      const made = await command("keys", "create", "--name", name, ...scopes);
      return backend(service, made.key);
    },
    /** @param {string} name @param {string} role @returns {Promise<string>} a link. */
    async invite(name, role) {
      const made = await command("console", "invite", "--name", name, "--role", role);
      return made.link;
    },
    async close() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * One process at a time of the service, with these settings.
 *
 * @param {NodeJS.ProcessEnv} settings
 * @param {string} ready Answers when it serves.
 */
function processOf(settings, ready) {
  /** @type {{ stop: () => Promise<void> } | undefined} */
  let running;
  return {
    /** @param {number} [earlierMs] Let this run take place so long ago. */
    start: async (earlierMs = 0) => {
      const shift = earlierMs === 0 ? [] : ["--import", CLOCK];
      const child = spawn(node, [...shift, CLI, "serve"], {
        cwd: root,
        env: { ...settings, EARLIER_MS: String(earlierMs) },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk) => (said = (said + String(chunk)).slice(-SAID_CHARS)));
      }
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const onExit = () => child.kill("SIGKILL");
      process.once("exit", onExit);
      running = {
        async stop() {
          child.kill("SIGTERM");
          await ended;
          process.off("exit", onExit);
        },
      };
      const deadline = performance.now() + READY_WITHIN_MS;
      while (!(await answers(ready))) {
        if (child.exitCode !== null || performance.now() > deadline) {
          throw new Error(`the service does not start:\n${said}`);
        }
        await sleep(POLL_MS);
      }
    },
    stop: async () => {
      await running?.stop();
      running = undefined;
    },
  };
}

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/**
 * A back end of the service, with its key.
 *
 * @param {string} service
 * @param {string} key
 */
function backend(service, key) {
  /**
   * @param {string} path
   * @param {unknown} [body]
   * @param {string} [method]
   */
  return async function call(path, body, method = "POST") {
    const response = await fetch(`${service}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
}
