/**
 * The service, the guest book, its sign-in and nginx in front of them, until Ctrl-C. Sessions are
 * kept in memory alone.
 *
 *   node start.mjs
 *
 * Needs nginx and python3 on the PATH, and the command `sojourn` of `sojourn-server`.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const HOST = "127.0.0.1";
const READY_WITHIN_MS = 30_000;
const here = import.meta.dirname;
const sojourn = fileURLToPath(import.meta.resolve("sojourn-server/dist/cli/main.js"));
/** Settings that were meant for another service would change this one. */
const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith("SOJOURN_"));
const environment = { ...Object.fromEntries(foreign), PATH: `${process.env["PATH"]}:/usr/sbin` };

/** @type {(() => Promise<void>)[]} */
const ends = [];

/** @param {number} port 0: any. @returns {Promise<number>} a port that is free. */
function freePort(port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => (port === 0 ? reject(error) : resolve(freePort(0))));
    probe.listen(port, HOST, () => {
      const { port: found } = /** @type {import("node:net").AddressInfo} */ (probe.address());
      probe.close(() => resolve(found));
    });
  });
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, until?: RegExp }} [options] `until` it says this.
 * @returns {Promise<string>} what it said so far.
 */
function run(program, args, { env = {}, until } = {}) {
  const child = spawn(program, args, {
    env: { ...environment, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C reaches this process alone, which ends the others in order.
    detached: true,
  });
  let said = "";
  const ended = new Promise((resolve) => child.once("close", resolve));
  ends.push(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return new Promise((resolve, reject) => {
    const fail = (/** @type {string} */ why) => reject(new Error(`${program} ${why}:\n${said}`));
    const timer = setTimeout(() => fail("is not ready"), READY_WITHIN_MS);
    const look = () => {
      if (until !== undefined && !until.test(said)) return;
      clearTimeout(timer);
      resolve(said);
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (/** @type {Buffer} */ chunk) => {
        said += chunk.toString();
        look();
      });
    }
    child.once("spawn", () => until ?? look());
    child.once("error", () => fail("cannot be started: is it installed?"));
    child.once("close", () => fail("ended"));
  });
}

/** @param {string} text @param {RegExp} pattern */
function found(text, pattern) {
  const [, part] = pattern.exec(text) ?? [];
  if (part === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return part;
}

async function start() {
  const port = await freePort(8080);
  const service = await run(process.execPath, [sojourn, "serve"], {
    env: {
      SOJOURN_SECRETS: randomBytes(32).toString("base64url"),
      SOJOURN_STORE: "memory:",
      SOJOURN_PORT: "0",
      SOJOURN_METRICS_PORT: "off",
      SOJOURN_PROXIES: "loopback",
      SOJOURN_DRAIN: "0s",
    },
    until: /(?=[\s\S]*listening on \S+\n)[\s\S]*sj1k_[\w-]+\n/,
  });
  const url = found(service, /listening on (\S+)/);
  const key = found(service, /(sj1k_[\w-]+)/);
  const until = /on http:\/\/\S+\n/;
  const backend = await run("python3", [join(here, "backend.py"), "0"], { until });
  const env = { SOJOURN_URL: url, SOJOURN_KEY: key };
  const signin = await run("python3", [join(here, "signin.py"), "0"], { env, until });
  const address = /http:\/\/(\S+)/;
  const folder = mkdtempSync(join(tmpdir(), "sojourn-gateway-"));
  const file = join(folder, "nginx.conf");
  const text = readFileSync(join(here, "nginx.conf"), "utf8")
    .replaceAll("127.0.0.1:8080", `${HOST}:${port}`)
    .replaceAll("127.0.0.1:7380", found(url, address))
    .replaceAll("127.0.0.1:9000", found(backend, address))
    .replaceAll("127.0.0.1:9001", found(signin, address));
  writeFileSync(file, text);
  ends.unshift(async () => rmSync(folder, { recursive: true, force: true }));
  // One process in the foreground, which looks into this folder as whoever started it.
  const mode = "daemon off; master_process off;";
  await run("nginx", ["-p", folder, "-c", file, "-e", "stderr", "-g", mode]);
  await answers(`http://${HOST}:${port}/sign-in`);
  return `http://${HOST}:${port}`;
}

/** @param {string} url */
async function answers(url) {
  for (const began = performance.now(); performance.now() - began < READY_WITHIN_MS;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(50);
  }
  throw new Error(`${url} does not answer`);
}

async function stop() {
  for (const end of ends.splice(0).toReversed()) await end();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => void stop().then(() => process.exit(0)));
}
try {
  const url = await start();
  console.log(`
  Guest book   ${url}
    Sign in as alice with "correct horse". Ctrl-C stops everything.
`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await stop();
  process.exit(1);
}
