/**
 * What every command of the repository needs before it can begin: the packages of the lock file,
 * and the project's own Node. Built-ins only, and nothing newer than Node 20: this file runs on a
 * fresh clone, on whatever Node the machine has.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { argv, env, execPath, exit, platform, version } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const OLDEST_NODE_MAJOR = 20;
const stampPath = join(root, "node_modules", ".sojourn-lock");
const ownNode = join(
  root,
  "node_modules",
  "node",
  "bin",
  platform === "win32" ? "node.exe" : "node",
);

/** Environment names that would let a machine's habits decide what a test run does. */
const FOREIGN =
  /^(.*_proxy|ci|continuous_integration|github_.*|gitlab_.*|node_.*|npm_.*|sojourn_.*|vitest.*)$/i;

/** @returns the environment without proxies, CI markers and options meant for another Node. */
export function cleanEnvironment() {
  const kept = Object.entries(env).filter(([name]) => !FOREIGN.test(name));
  return { ...Object.fromEntries(kept), PATH: withOwnNode(env.PATH ?? "") };
}

/** @param {string} path */
function withoutRepositoryBins(path) {
  const parts = path.split(delimiter).filter((part) => !part.includes("node_modules"));
  return parts.join(delimiter);
}

/** @param {string} path */
function withOwnNode(path) {
  return [join(root, "node_modules", ".bin"), withoutRepositoryBins(path)].join(delimiter);
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function installed() {
  return (
    existsSync(ownNode) && existsSync(stampPath) && readFileSync(stampPath, "utf8") === lockHash()
  );
}

/** Remember which lock file `node_modules` was made from. npm runs this after every install. */
function stampInstall() {
  mkdirSync(dirname(stampPath), { recursive: true });
  writeFileSync(stampPath, lockHash());
}

/**
 * Run one program and wait for it. Signals sent to this process are passed on, so that whoever
 * stops the outer command stops the inner one too.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<number>} the exit code; 128 + n when ended by signal n.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", forward).on("SIGTERM", forward);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", forward).off("SIGTERM", forward);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

async function install() {
  const began = Date.now();
  console.log("Installing the packages of package-lock.json (the first time about a minute) …");
  // npm must not run on the Node it is about to delete together with node_modules.
  const machine = { ...env, PATH: withoutRepositoryBins(env.PATH ?? "") };
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const code = await run("npm", args, { env: machine, shell: platform === "win32" });
  if (code !== 0) {
    console.error(`npm ci failed with code ${code}; what npm said is above.`);
    exit(1);
  }
  stampInstall();
  console.log(`Installed in ${Math.round((Date.now() - began) / 1000)} s.`);
}

const PARENT_POLL_MS = 200;

/**
 * `npm` passes a signal to the shell it runs a script in, and a plain `sh` then ends without
 * telling the program. So a program that npm started ends itself once that shell is gone.
 */
function endWithParent() {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PARENT_POLL_MS);
  timer.unref();
}

/**
 * Install what is missing, then make sure the calling script runs on the Node the project brings:
 * on any other Node it is started again there, and this call does not return.
 */
export async function prepare() {
  if (Number.parseInt(version.slice(1), 10) < OLDEST_NODE_MAJOR) {
    console.error(`Node ${OLDEST_NODE_MAJOR} or newer is needed to begin; this is ${version}.`);
    exit(1);
  }
  endWithParent();
  if (!installed()) await install();
  const wanted = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.node;
  if (version === `v${wanted}`) return;
  if (env.SOJOURN_REEXEC === "1") {
    console.error(`node_modules/node is ${version}, package.json says ${wanted}: run npm ci.`);
    exit(1);
  }
  exit(await run(ownNode, argv.slice(1), { env: { ...env, SOJOURN_REEXEC: "1" } }));
}

/**
 * @param {string} moduleUrl The caller's `import.meta.url`.
 * @returns {boolean} true when that file is the program, false when it was imported.
 */
export function isProgram(moduleUrl) {
  return argv[1] !== undefined && moduleUrl === pathToFileURL(argv[1]).href;
}

/** The Node this process runs on: child processes of a prepared script use the same one. */
export const node = execPath;

/** The oldest Node the library promises to run on, for the second lane of its tests. */
export const oldestNode = join(root, "node_modules", "node22", "bin", "node");

if (isProgram(import.meta.url) && argv.includes("--stamp")) stampInstall();
