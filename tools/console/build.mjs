/**
 * Build the web console into the service's package, and hold it to its budget: what a browser has
 * to fetch before anything can be seen, and the script of all pages together.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exit } from "node:process";
import { gzipSync } from "node:zlib";
import { cleanEnvironment, node, root } from "../setup.mjs";
import { spawnSync } from "node:child_process";

const SCRIPT_BYTES_MAX = 200_000;
const folder = join(root, "packages", "sojourn-server", "console");
const vite = join(root, "node_modules", "vite", "bin", "vite.js");

function run() {
  return spawnSync(node, [vite, "build", "--logLevel", "warn"], {
    cwd: join(root, "console"),
    env: { ...cleanEnvironment(), NODE_ENV: "production" },
    stdio: "inherit",
  });
}

/** @returns {string[]} what is wrong with what was built. */
function problems() {
  const index = join(folder, "index.html");
  if (!existsSync(index)) return ["there is no index.html"];
  const page = readFileSync(index, "utf8");
  const names = ['rel="stylesheet"', 'type="module"', "__CSP_NONCE__"];
  const missing = names.filter((name) => !page.includes(name)).map((name) => `no ${name}`);
  const assets = join(folder, "assets");
  const scripts = readdirSync(assets).filter((name) => name.endsWith(".js"));
  const bytes = scripts.reduce(
    (sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length,
    0,
  );
  if (bytes > SCRIPT_BYTES_MAX) {
    missing.push(`${bytes} bytes of script, compressed; the budget is ${SCRIPT_BYTES_MAX}`);
  }
  return missing;
}

/** Ends the program with code 1 when it cannot be built, or is too large. */
export function buildConsole() {
  if (run().status !== 0) exit(1);
  const found = problems();
  if (found.length === 0) return;
  console.error(`The console was built, and is not right: ${found.join("; ")}.`);
  exit(1);
}

if (import.meta.main) buildConsole();
