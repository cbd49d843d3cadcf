/** The version of this package, as its manifest says. */
import { readFileSync } from "node:fs";

const manifest: unknown = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

export const VERSION: string = (manifest as { readonly version: string }).version;
