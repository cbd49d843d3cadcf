/**
 * Programs the tests use that npm cannot bring, in one list. Add a row here and nothing else:
 * `npm test` installs it on Debian as root and names it elsewhere.
 */
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { env, getuid, platform } from "node:process";
import { run } from "./setup.mjs";
import { fetchedValkey, fetchValkey } from "./valkey.mjs";

/**
 * @typedef {object} SystemProgram
 * @property {string} name What it is called in messages.
 * @property {readonly string[]} runners The runners of `npm test` that cannot do without it.
 * @property {readonly string[]} commands Any of these on the PATH will do; the first found is used.
 * @property {readonly string[]} paths Looked at after the PATH, for systems that install elsewhere.
 * @property {readonly string[]} debian Packages that bring it on Debian.
 * @property {string} elsewhere How to get it on other systems.
 * @property {() => Promise<string | undefined>} [fetch] Brings it where the system's own packages
 *   lack it, without changing the system; after those of the other rows. Answers why it could not.
 */

/** Runners whose tests start real servers, see `engines.mjs`. */
const SERVER_RUNNERS = ["contract", "faults", "differential", "integration", "examples"];

/** @type {readonly SystemProgram[]} */
const programs = [
  {
    name: "chromium",
    runners: ["browser", "console", "examples"],
    commands: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
    paths: [
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    debian: ["chromium"],
    elsewhere: "install Chromium or Chrome (macOS: brew install --cask chromium)",
  },
  {
    name: "redis-server",
    runners: SERVER_RUNNERS,
    commands: ["redis-server"],
    paths: [],
    debian: ["redis-server"],
    elsewhere: "install Redis 7 or newer (macOS: brew install redis)",
  },
  {
    name: "valkey-server",
    runners: ["contract", "integration", "oldest-node"],
    commands: ["valkey-server"],
    paths: [fetchedValkey],
    debian: ["valkey-server"],
    elsewhere: "install Valkey 8 or newer (macOS: brew install valkey)",
    fetch: fetchValkey,
  },
  {
    name: "postgres",
    runners: SERVER_RUNNERS,
    commands: ["postgres"],
    // Debian keeps it off the PATH, in a folder for each version.
    paths: [18, 17, 16, 15].map((major) => `/usr/lib/postgresql/${major}/bin/postgres`),
    debian: ["postgresql"],
    elsewhere: "install PostgreSQL 15 or newer (macOS: brew install postgresql@17)",
  },
  {
    name: "pgbouncer",
    runners: ["contract", "faults", "integration"],
    commands: ["pgbouncer"],
    // Debian keeps it where a user's PATH does not lead.
    paths: ["/usr/sbin/pgbouncer"],
    debian: ["pgbouncer"],
    elsewhere: "install PgBouncer 1.18 or newer (macOS: brew install pgbouncer)",
  },
  {
    name: "memcached",
    runners: ["contract", "integration"],
    commands: ["memcached"],
    paths: [],
    debian: ["memcached"],
    elsewhere: "install Memcached 1.6 (macOS: brew install memcached)",
  },
  {
    name: "haproxy",
    runners: ["integration"],
    commands: ["haproxy"],
    paths: ["/usr/sbin/haproxy"],
    debian: ["haproxy"],
    elsewhere: "install HAProxy 2.6 or newer (macOS: brew install haproxy)",
  },
  {
    name: "nginx",
    runners: ["integration", "examples"],
    commands: ["nginx"],
    paths: ["/usr/sbin/nginx"],
    debian: ["nginx-light"],
    elsewhere: "install nginx 1.22 or newer (macOS: brew install nginx)",
  },
  {
    name: "caddy",
    runners: ["integration"],
    commands: ["caddy"],
    paths: [],
    debian: ["caddy"],
    elsewhere: "install Caddy 2.6 or newer (macOS: brew install caddy)",
  },
  {
    name: "prometheus",
    runners: ["integration"],
    commands: ["prometheus"],
    paths: [],
    debian: ["prometheus"],
    elsewhere: "install Prometheus 2.42 or newer (macOS: brew install prometheus)",
  },
  {
    name: "python3",
    runners: ["integration", "examples"],
    commands: ["python3"],
    paths: [],
    debian: ["python3"],
    elsewhere: "install Python 3.9 or newer (macOS: brew install python)",
  },
  {
    name: "curl",
    runners: ["integration"],
    commands: ["curl"],
    paths: [],
    debian: ["curl"],
    elsewhere: "install curl 7.76 or newer (macOS has it)",
  },
  {
    name: "jq",
    runners: ["integration"],
    commands: ["jq"],
    paths: [],
    debian: ["jq"],
    elsewhere: "install jq 1.6 or newer (macOS: brew install jq)",
  },
];

/** @param {string} path */
function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} name A name of the list above.
 * @returns {string | undefined} the absolute path of the program, when the machine has it.
 */
export function findProgram(name) {
  const program = programs.find((one) => one.name === name);
  if (program === undefined) throw new Error(`${name} is not in tools/system-packages.mjs`);
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const candidates = program.commands.flatMap((command) => folders.map((f) => join(f, command)));
  return [...candidates, ...program.paths].find(executable);
}

function debianAsRoot() {
  return platform === "linux" && existsSync("/etc/debian_version") && getuid?.() === 0;
}

/** Debian's package would make a cluster and start it; the tests start their own. */
function makeNoCluster() {
  const folder = "/etc/postgresql-common/createcluster.d";
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "no-main-cluster.conf"), "create_main_cluster = false\n");
}

/** @param {readonly SystemProgram[]} missing */
async function installOnDebian(missing) {
  const packages = missing.flatMap((program) => program.debian);
  console.log(`Installing with apt-get: ${packages.join(" ")} …`);
  const environment = { ...env, DEBIAN_FRONTEND: "noninteractive" };
  /** @type {import("node:child_process").SpawnOptions} */
  const options = { env: environment, stdio: ["ignore", "ignore", "inherit"] };
  if ((await run("apt-get", ["update", "-qq"], options)) !== 0) return;
  makeNoCluster();
  await run("apt-get", ["install", "-qq", "-y", "--no-install-recommends", ...packages], options);
}

/**
 * See to it that every program the named runners use is there.
 *
 * @param {readonly string[]} runners
 * @returns {Promise<{ name: string, runners: readonly string[], help: string }[]>} what is still
 *   missing, whom it stops, and one line saying how to get it.
 */
export async function ensurePrograms(runners) {
  const needed = programs.filter((one) => one.runners.some((name) => runners.includes(name)));
  /** @param {readonly SystemProgram[]} rows */
  const absent = (rows) => rows.filter((one) => findProgram(one.name) === undefined);
  const packaged = absent(needed.filter((one) => one.fetch === undefined));
  if (packaged.length > 0 && debianAsRoot()) await installOnDebian(packaged);
  /** @type {Map<string, string>} */
  const troubles = new Map();
  for (const one of absent(needed)) {
    if (one.fetch !== undefined) troubles.set(one.name, (await one.fetch()) ?? "");
  }
  return absent(needed).map((one) => {
    const debian = `sudo apt-get install --no-install-recommends ${one.debian.join(" ")}`;
    const trouble = troubles.get(one.name);
    const why = trouble === undefined ? "" : ` Fetching it failed: ${trouble}.`;
    const help = `${one.name} is missing.${why} Debian: ${debian}. Elsewhere: ${one.elsewhere}.`;
    return { name: one.name, runners: one.runners, help };
  });
}
