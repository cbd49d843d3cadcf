/**
 * A module and everything it imports as plain JavaScript files that need no resolution: for
 * runtimes that know nothing of the packages here. With the web platform in place of Node's.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const LIBRARY = "packages/sojourn";
/** The optional peer, and an independent client: what they export where there is no Node. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["jose", "node_modules/jose/dist/webapi/index.js"],
  ["dpop", "node_modules/dpop/build/index.js"],
]);

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly imports: { readonly "#platform": { readonly node: string; readonly default: string } };
}

export interface FlatModule {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** @param entry Path of a TypeScript file, from the repository's root. */
export function flatModules(entry: string): readonly FlatModule[] {
  const manifest = JSON.parse(
    readFileSync(join(root, LIBRARY, "package.json"), "utf8"),
  ) as Manifest;
  const seen = new Set([entry]);
  const modules: FlatModule[] = [];
  for (const file of seen) {
    const written = readFileSync(join(root, file), "utf8");
    const source = file.endsWith(".ts") ? stripTypeScriptTypes(written) : written;
    const text = source.replace(
      /(\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\n]+)["']/g,
      (whole, before: string, specifier: string) => {
        const target = targetOf(manifest, file, specifier);
        if (target === undefined) return whole;
        seen.add(target);
        const way = posix.relative(posix.dirname(file), target);
        return `${before}"${way.startsWith(".") ? way : `./${way}`}"`.replace(/\.ts"$/, '.js"');
      },
    );
    modules.push({ path: file.replace(/\.ts$/, ".js"), text });
  }
  return modules;
}

export function writeModules(modules: readonly FlatModule[], folder: string): void {
  for (const { path, text } of modules) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
}

/** @returns the file, or `undefined` for what the runtime is to find. */
function targetOf(manifest: Manifest, file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(file), specifier);
  if (specifier === "#platform") return sourceOf(manifest.imports["#platform"].default);
  if (!/^sojourn(?:\/|$)/.test(specifier)) return PACKAGES.get(specifier);
  const target = manifest.exports[`.${specifier.slice("sojourn".length)}`];
  return typeof target === "object" ? sourceOf(target.default) : undefined;
}

function sourceOf(built: string): string {
  const path = relative(root, join(root, LIBRARY, built))
    .split(sep)
    .join("/");
  return path.replace("/dist/", "/src/").replace(/\.js$/, ".ts");
}
