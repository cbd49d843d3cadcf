/** Build the packages when their sources changed since the last build that passed. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { exit } from "node:process";
import { node, root, run } from "./setup.mjs";

const stamp = join(root, "node_modules", ".cache", "sojourn", "build");

/** A file whose absence means that somebody deleted the build. */
const RESULT = join(root, "packages", "sojourn", "dist", "index.js");

/** Size and time of every source: cheaper than their contents, and a wrong guess only builds. */
function fingerprint() {
  const hash = createHash("sha256");
  for (const name of ["tsconfig.base.json", "tsconfig.json", "package-lock.json"]) {
    hash.update(readFileSync(join(root, name)));
  }
  for (const name of readdirSync(join(root, "packages"))) {
    const folder = join(root, "packages", name);
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
      if (/^(?:dist|node_modules)\b/.test(entry) || !/\.(?:ts|json)$/.test(entry)) continue;
      const { size, mtimeMs } = statSync(join(folder, entry));
      hash.update(`${name}/${entry} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest("hex");
}

/** Ends the program with code 1 when the sources do not compile. */
export async function build() {
  const now = fingerprint();
  if (existsSync(RESULT) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return;
  console.log("Building …");
  if ((await run(node, ["node_modules/typescript/bin/tsc", "-b", "tsconfig.json"])) !== 0) exit(1);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, now);
}
