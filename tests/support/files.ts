/** What lies on a disk, for whoever steals it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** All files below a folder, one after the other. */
export function filesBelow(folder: string): Buffer {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const paths = names.map((name) => join(folder, name));
  return Buffer.concat(paths.filter((path) => statSync(path).isFile()).map((p) => readFileSync(p)));
}

/** The same as text, a character for each byte. */
export function textBelow(folder: string): string {
  return filesBelow(folder).toString("latin1");
}
