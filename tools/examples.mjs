/**
 * The framework examples. They are no workspaces, so that `npm ci` of the repository stays small
 * and strict: each is installed and built when it is first needed, and again when its lock file,
 * its sources or the library changed. `sojourn` is found in the repository's own `node_modules`.
 *
 *   npm run example nextjs     install one and start its development server
 *   npm run examples           install and build all, as their tests do
 *
 * One needs neither: `gateway` is programs of the system, started together.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { argv, env, exit, platform } from "node:process";
import { build as buildLibrary } from "./build.mjs";
import { cleanEnvironment, isProgram, node, prepare, root, run } from "./setup.mjs";
import { openState } from "./state.mjs";

export const EXAMPLES = ["h3", "nextjs", "react-router", "sveltekit"];
const GATEWAY = "gateway";

/** Not sources: what installing, building and running leave behind. */
const MADE =
  /^(?:node_modules|\.next|\.nitro|\.output|\.svelte-kit|\.react-router|\.data|build|next-env\.d\.ts|tsconfig\.tsbuildinfo)(?:\/|$)/;
const TRANSCRIPT_CHARS = 100_000;
const QUIET = { NEXT_TELEMETRY_DISABLED: "1" };

/**
 * What npm tells the scripts it runs about the package they belong to, and what would leave out
 * development dependencies. Settings of npm, proxies and certificates may stay.
 */
const OF_THE_CALLER = /^(?:npm_(?!config_)|npm_config_(?:local_prefix|prefix|workspace)|NODE_ENV$)/;

/** @param {string} name */
export function folderOf(name) {
  if (!EXAMPLES.includes(name)) {
    throw new Error(`No example is called ${name}. There are: ${EXAMPLES.join(", ")}.`);
  }
  return join(root, "examples", name);
}

/** @param {readonly string[]} files */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file));
  return hash.digest("hex");
}

/**
 * @param {string} folder
 * @param {(path: string) => boolean} wanted By path below the folder, with slashes.
 */
function filesBelow(folder, wanted) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => wanted(path.slice(folder.length + 1).replaceAll("\\", "/")))
    .toSorted();
}

/**
 * Do `work` unless it has been done for the same files.
 *
 * @param {string} stamp
 * @param {string} now
 * @param {() => Promise<void>} work
 */
async function once(stamp, now, work) {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return;
  await work();
  writeFileSync(stamp, now);
}

/**
 * Run a program in an example's folder, silently unless it fails.
 *
 * @param {string} folder
 * @param {readonly [program: string, ...args: string[]]} command
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Promise<void>}
 */
function work(folder, [program, ...args], environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      shell: platform === "win32",
    });
    let output = "";
    const collect = (/** @type {Buffer} */ chunk) => {
      if (output.length < TRANSCRIPT_CHARS) output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(" ")} in ${folder} failed:\n${output}`));
    });
  });
}

/**
 * Install the packages of an example's lock file; none runs a script meanwhile. Not by `npm ci`,
 * which refuses a lock file without every platform's binaries, and registries do not have them all.
 *
 * @param {string} name
 * @returns {Promise<string>} its folder.
 */
export async function installExample(name) {
  const folder = folderOf(name);
  const machine = Object.entries(env).filter(([key]) => !OF_THE_CALLER.test(key));
  const PATH = [dirname(node), env.PATH ?? ""].join(delimiter);
  await once(
    join(folder, "node_modules", ".sojourn-install"),
    hashOf(["package.json", "package-lock.json"].map((file) => join(folder, file))),
    () =>
      work(folder, ["npm", "install", "--no-save", "--ignore-scripts", "--loglevel=error"], {
        ...Object.fromEntries(machine),
        PATH,
      }),
  );
  return folder;
}

/** For `npm test`, whose tests do not see what the machine's npm needs to reach its registry. */
export async function installExamples() {
  await Promise.all(EXAMPLES.map(installExample));
}

/**
 * Install and build an example for production. The library must be built.
 *
 * @param {string} name
 * @returns {Promise<string>} its folder.
 */
export async function buildExample(name) {
  const folder = await installExample(name);
  const library = join(root, "packages", "sojourn", "dist");
  const sources = filesBelow(folder, (path) => !MADE.test(path) && !path.endsWith(".md"));
  const parts = filesBelow(library, (path) => path.endsWith(".js") || path.endsWith(".d.ts"));
  await once(join(folder, "node_modules", ".sojourn-build"), hashOf([...sources, ...parts]), () =>
    work(folder, ["npm", "run", "build"], { ...cleanEnvironment(), ...QUIET }),
  );
  return folder;
}

async function main() {
  await prepare();
  const [name] = argv.slice(2);
  const names = [GATEWAY, ...EXAMPLES];
  if (name !== undefined && !names.includes(name)) {
    console.error(`npm run example takes one of: ${names.join(", ")}`);
    exit(2);
  }
  await buildLibrary();
  if (name === GATEWAY) exit(await run(node, [join(root, "examples", GATEWAY, "start.mjs")]));
  if (name === undefined) {
    for (const one of EXAMPLES) {
      console.log(`Installing and building ${one} …`);
      await buildExample(one);
    }
    return;
  }
  console.log(`Installing ${name} …`);
  const folder = await installExample(name);
  const SOJOURN_SECRET = readFileSync(openState().secretFile, "utf8").trim();
  const environment = { ...cleanEnvironment(), ...QUIET, SOJOURN_SECRET };
  exit(await run("npm", ["run", "dev"], { cwd: folder, env: environment }));
}

if (isProgram(import.meta.url)) await main();
