/**
 * Before the library is packed: its warnings name pages of the documents, and whoever installed it
 * has no checkout to look them up in.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const pages = join(root, "docs");
const inside = join(root, "packages", "sojourn", "docs");

rmSync(inside, { recursive: true, force: true });
cpSync(pages, inside, { recursive: true, filter: (path) => path !== join(pages, "api") });
