/**
 * Check the packages as they would be published: publint reads the manifest, attw resolves every
 * subpath of the packed library, and a program outside the repository compiles against it and
 * imports it, with nothing else installed than types; what is for a framework, with the framework.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { node, root, run } from "./setup.mjs";

/** Every published package; only a library has types that a program resolves. */
const packages = [
  { folder: "packages/sojourn", library: true },
  { folder: "packages/sojourn-client", library: true },
  { folder: "packages/sojourn-server", library: false },
];

/** Subpaths whose types are their framework's, with the peers they need. */
const FRAMEWORKS = {
  "./fastify": ["fastify"],
  "./hono": ["hono"],
  "./nestjs": ["@nestjs/common", "reflect-metadata", "rxjs"],
};

const ATTW = "node_modules/@arethetypeswrong/cli/dist/index.js";

/**
 * @param {string} folder
 * @returns {Promise<boolean>} true when publint has nothing to say.
 */
async function lintManifest(folder) {
  const pkgDir = join(root, folder);
  const pkg = JSON.parse(readFileSync(join(pkgDir, "package.json"), "utf8"));
  const { messages } = await publint({ pkgDir, pack: "npm", strict: true });
  for (const message of messages) console.log(`${folder}: ${formatMessage(message, pkg)}`);
  return messages.length === 0;
}

/**
 * @param {string} folder
 * @returns {Promise<boolean>} true when every subpath resolves, compiles and loads.
 */
async function checkImports(folder) {
  const target = mkdtempSync(join(tmpdir(), "sojourn-pack-"));
  try {
    const pack = ["pack", "--silent", "--pack-destination", target];
    if ((await run("npm", pack, { cwd: join(root, folder) })) !== 0) return false;
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const tarball = `${manifest.name}-${manifest.version}.tgz`;
    const attw = [join(root, ATTW), tarball, "--profile", "esm-only", "--no-emoji"];
    if ((await run(node, attw, { cwd: target })) !== 0) return false;
    return await importFrom(target, tarball, manifest);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/**
 * Be an importer: a folder with the unpacked library, types, and one program; then with frameworks.
 *
 * @param {string} folder An empty folder but for the tarball.
 * @param {string} tarball
 * @param {{ name: string, files: string[], exports: Record<string, unknown> }} manifest
 */
async function importFrom(folder, tarball, manifest) {
  mkdirSync(join(folder, "node_modules"));
  execFileSync("tar", ["-xzf", tarball], { cwd: folder });
  renameSync(join(folder, "package"), join(folder, "node_modules", manifest.name));
  const shipsPages = manifest.files.includes("docs");
  if (shipsPages && !hasPages(folder, join(folder, "node_modules", manifest.name, "dist"))) {
    return false;
  }
  link(folder, "@types");
  const subpaths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
  const plain = subpaths.filter((path) => !Object.hasOwn(FRAMEWORKS, path));
  const names = (paths) => paths.map((path) => manifest.name + path.slice(1));
  if (!(await importAll(folder, names(plain)))) return false;
  if (plain.length === subpaths.length) return true;
  for (const peer of Object.values(FRAMEWORKS).flat()) link(folder, peer);
  return importAll(folder, names(subpaths));
}

const PAGE = /sojourn\/docs\/[\w/-]+\.md/g;

/**
 * Are the pages there that warnings name? Who has installed the package has no checkout.
 *
 * @param {string} folder
 * @param {string} built
 */
function hasPages(folder, built) {
  const sources = readdirSync(built, { recursive: true, encoding: "utf8" });
  const named = sources
    .filter((path) => path.endsWith(".js"))
    .flatMap((path) => readFileSync(join(built, path), "utf8").match(PAGE) ?? []);
  const missing = [...new Set(named)].filter(
    (page) => !existsSync(join(folder, "node_modules", page)),
  );
  for (const page of missing) console.log(`a warning names ${page}, which is not in the package`);
  return named.length > 0 && missing.length === 0;
}

/** @param {string} folder @param {string} name A package that is installed here. */
function link(folder, name) {
  const target = join(folder, "node_modules", name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, "node_modules", name), target, "dir");
}

/**
 * @param {string} folder
 * @param {string[]} names Modules that one program takes everything from.
 */
async function importAll(folder, names) {
  const lines = names.map((name, index) => `export * as part${index} from "${name}";`);
  writeFileSync(join(folder, "program.mts"), `${lines.join("\n")}\n`);
  const strict = ["--strict", "--target", "ES2023", "--types", "node", "--skipLibCheck", "false"];
  const options = ["--module", "NodeNext", "--outDir", "built", ...strict, "program.mts"];
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  if ((await run(node, [tsc, ...options], { cwd: folder })) !== 0) return false;
  return (await run(node, [join("built", "program.mjs")], { cwd: folder })) === 0;
}

for (const { folder, library } of packages) {
  const manifest = await lintManifest(folder);
  const imports = library ? await checkImports(folder) : true;
  if (!manifest || !imports) process.exitCode = 1;
}
