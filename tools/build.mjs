/** Build the packages when their sources changed since the last build that passed. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exit } from "node:process";
import { buildConsole } from "./console/build.mjs";
import { node, root, run } from "./setup.mjs";

const stamp = join(root, "node_modules", ".cache", "sojourn", "build");

/** Files whose absence means that somebody deleted the build. */
const RESULTS = [
  join(root, "packages", "sojourn", "dist", "index.js"),
  join(root, "packages", "sojourn-server", "console", "index.html"),
];
const SOURCE = /\.(?:tsx?|json|css|html|svg)$/;

/** Size and time of every source: cheaper than their contents, and a wrong guess only builds. */
function fingerprint() {
  const hash = createHash("sha256");
  for (const name of ["tsconfig.base.json", "tsconfig.json", "package-lock.json"]) {
    hash.update(readFileSync(join(root, name)));
  }
  const packages = readdirSync(join(root, "packages")).map((name) => join("packages", name));
  for (const name of [...packages, "console"]) {
    const folder = join(root, name);
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
      if (/^(?:dist|console|node_modules)\b/.test(entry) || !SOURCE.test(entry)) continue;
      const { size, mtimeMs } = statSync(join(folder, entry));
      hash.update(`${name}/${entry} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest("hex");
}

/** Ends the program with code 1 when the sources do not compile. */
export async function build() {
  const now = fingerprint();
  const there = [...RESULTS, stamp].every((file) => existsSync(file));
  if (there && readFileSync(stamp, "utf8") === now) return;
  console.log("Building …");
  if ((await run(node, ["node_modules/typescript/bin/tsc", "-b", "tsconfig.json"])) !== 0) exit(1);
  buildConsole();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}
