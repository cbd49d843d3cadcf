/**
 * Valkey for a Debian whose own suites do not have it: its packages are fetched from the backports
 * of the mirror that the machine already uses, with the keyring it already trusts, and unpacked
 * into the cache folder of `node_modules`. The system's own configuration is not touched, so this
 * needs no root. The libraries are those of Debian's Redis. About 1 MB, 2 s.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { env, platform } from "node:process";
import { promisify } from "node:util";
import { root } from "./setup.mjs";

const FETCH_WITHIN_MS = 120_000;
const OLDEST_MAJOR = 8;
/** The server is in the tools: its own package has a link to it. */
const PACKAGES = ["valkey-server", "valkey-tools"];
const home = join(root, "node_modules", ".cache", "sojourn", "valkey");

/** Where the server is once it was fetched. */
export const fetchedValkey = join(home, "usr", "bin", "valkey-server");

const runProgram = promisify(execFile);

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} [cwd]
 */
async function output(program, args, cwd = root) {
  const options = { cwd, timeout: FETCH_WITHIN_MS, env: { ...env, LC_ALL: "C" } };
  return (await runProgram(program, args, options)).stdout;
}

/** @returns {string} such as `bookworm`. */
function release() {
  const facts = readFileSync("/etc/os-release", "utf8");
  return /^VERSION_CODENAME=(.+)$/m.exec(facts)?.[1] ?? "";
}

/**
 * @param {string} mirror
 * @returns {string} the keyring that the machine's sources name for it, as an option of a source;
 *   empty when it is one of those for all sources.
 */
function keyring(mirror) {
  const folder = "/etc/apt/sources.list.d";
  const parts = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const files = ["/etc/apt/sources.list", ...parts].filter(existsSync);
  const entries = files.flatMap((file) =>
    readFileSync(file, "utf8")
      .replace(/^#.*\n/gm, "")
      .split(file.endsWith(".sources") ? /\n\s*\n/ : "\n"),
  );
  const entry = entries.find((one) => one.includes(mirror)) ?? "";
  const named = /signed-by\s*[:=]\s*(\/[^\s\],]+)/i.exec(entry);
  return named === null ? "" : `[signed-by=${named[1]}] `;
}

/**
 * @param {string} folder Empty: what apt downloaded before does not count.
 * @returns {Promise<string[]>} sources of suites that may have Valkey, the likeliest first.
 */
async function sources(folder) {
  const own = ["-o", `Dir::State::lists=${folder}`, "-o", "Debug::NoLocking=1"];
  const said = await output("apt-get", [...own, "update", "--print-uris"], folder);
  const suite = release();
  const pattern = new RegExp(`^'(.+)/dists/${suite}/([^/]+)/binary-`, "gm");
  const found = [...said.matchAll(pattern)];
  const [, mirror] = found[0] ?? [];
  if (mirror === undefined) throw new Error(`apt has no source of ${suite}`);
  const components = [...new Set(found.map(([, , component]) => component))].join(" ");
  return [`${suite}-backports`, suite].map(
    (name) => `deb ${keyring(mirror)}${mirror} ${name} ${components}`,
  );
}

/**
 * Fetch and unpack the packages of one source.
 *
 * @param {string} source
 * @param {string} folder Empty.
 */
async function unpack(source, folder) {
  const list = join(folder, "sources.list");
  const lists = join(folder, "lists");
  const own = {
    "Dir::Etc::sourcelist": list,
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": lists,
    "Dir::Cache": folder,
    "Acquire::Languages": "none",
    // The account apt would change to may not reach this folder.
    "APT::Sandbox::User": "",
    // Otherwise a source it cannot reach is a warning.
    "APT::Update::Error-Mode": "any",
  };
  const options = Object.entries(own).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  mkdirSync(lists, { recursive: true });
  writeFileSync(list, `${source}\n`);
  await output("apt-get", [...options, "-qq", "update"], folder);
  await output("apt-get", [...options, "-qq", "download", ...PACKAGES], folder);
  const files = readdirSync(folder).filter((name) => name.endsWith(".deb"));
  const target = join(folder, "unpacked");
  for (const file of files) await output("dpkg-deb", ["-x", file, target], folder);
  const server = join(target, "usr", "bin", "valkey-server");
  const version = await output(server, ["--version"], folder);
  if (Number(/v=(\d+)/.exec(version)?.[1] ?? 0) < OLDEST_MAJOR) {
    throw new Error(`older than ${OLDEST_MAJOR}: ${version.trim()}`);
  }
  return target;
}

/** @param {unknown} error */
function reason(error) {
  const { stderr } = /** @type {{ stderr?: string }} */ (error);
  return (stderr || String(error)).trim().split("\n").slice(-1)[0] ?? "";
}

/**
 * Fetch Valkey, unless it was.
 *
 * @returns {Promise<string | undefined>} why it could not be fetched, in one line.
 */
export async function fetchValkey() {
  if (existsSync(fetchedValkey)) return undefined;
  if (platform !== "linux" || !existsSync("/etc/debian_version")) return "this is not Debian";
  mkdirSync(dirname(home), { recursive: true });
  const work = mkdtempSync(`${home}-`);
  try {
    const unpacked = await firstOf(await sources(work), work);
    rmSync(home, { recursive: true, force: true });
    renameSync(unpacked, home);
    return undefined;
  } catch (error) {
    return reason(error);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} candidates
 * @param {string} work
 * @returns {Promise<string>} where the packages of the first source that has them were unpacked.
 */
async function firstOf(candidates, work) {
  /** @type {unknown[]} */
  const troubles = [];
  for (const source of candidates) {
    const folder = mkdtempSync(join(work, "source-"));
    try {
      return await unpack(source, folder);
    } catch (error) {
      troubles.push(error);
    }
  }
  throw troubles[0];
}
