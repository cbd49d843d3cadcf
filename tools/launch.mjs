/** Child processes that serve HTTP: started, waited for, and stopped together. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { node, root } from "./setup.mjs";

const HOST = "127.0.0.1";
const PORTS_TRIED_MAX = 50;
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;
const POLL_MS = 50;
const TAIL_LINES = 20;

/** @param {number} port */
function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}

/**
 * @param {number} first
 * @returns {Promise<number>} the first port from `first` on that nobody listens on.
 */
export async function freePort(first) {
  for (let port = first; port < first + PORTS_TRIED_MAX; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${first} to ${first + PORTS_TRIED_MAX - 1} is free on ${HOST}`);
}

/**
 * @param {string} url
 * @returns {Promise<boolean>} true when it answers with a page.
 */
function answers(url) {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

/**
 * Start one process. It gets a process group of its own: Ctrl-C in a terminal then reaches only
 * the command that started it, which stops its children in order.
 *
 * @param {string} name
 * @param {readonly string[]} args Script and arguments for this Node.
 * @param {{ log: string, env: Record<string, string> }} options `log` is written anew.
 */
export function launch(name, args, { log, env }) {
  const output = openSync(log, "w", 0o600);
  const child = spawn(node, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  let running = true;
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(signal ?? `code ${code}`));
  });
  void ended.then(() => {
    running = false;
    return undefined;
  });
  const url = `http://${env["SOJOURN_HOST"] ?? HOST}:${env["SOJOURN_PORT"]}/`;

  return {
    name,
    url,
    ended,
    tail: () => readFileSync(log, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n"),

    /** Resolves once the process answers; a process that ended resolves too, see `ended`. */
    async ready() {
      const deadline = performance.now() + READY_WITHIN_MS;
      while (running && !(await answers(url))) {
        if (performance.now() > deadline) {
          console.error(`The ${name} does not answer at ${url} after ${READY_WITHIN_MS} ms.`);
          child.kill("SIGTERM");
          await ended;
          return;
        }
        await sleep(POLL_MS);
      }
    },

    /** Ask it to stop, and end it when it does not within 10 s. */
    async stop() {
      if (running) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
