/**
 * `node tools/manifests.mjs`: write deploy/kubernetes from the chart and its standard values.
 *
 * The chart keeps to two expressions, so that no Helm is needed for it: a value as JSON, and a
 * whole file under a switch. Whatever else a template says is refused.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { argv } from "node:process";
import { parse } from "yaml";
import { root } from "./setup.mjs";

export const chart = join(root, "deploy", "helm", "sojourn");
export const manifests = join(root, "deploy", "kubernetes");

const VALUE = /\{\{ \.Values\.([A-Za-z.]+) \| toJson \}\}/g;
const SWITCH = /^\{\{- if \.Values\.([A-Za-z.]+) \}\}\n([\s\S]*)\{\{- end \}\}\n$/;

/**
 * @param {string} template
 * @param {unknown} values
 * @returns {{ text: string | undefined, used: string[] }} No text: it is switched off.
 */
export function substitute(template, values) {
  /** @type {string[]} */
  const used = [];
  /** @param {string} path */
  const valueAt = (path) => {
    used.push(path);
    /** @type {unknown} */
    let here = values;
    for (const name of path.split(".")) {
      here = /** @type {Record<string, unknown> | undefined} */ (here)?.[name];
    }
    if (here === undefined) throw new Error(`.Values.${path} is not in values.yaml`);
    return here;
  };
  const [, condition, body] = SWITCH.exec(template) ?? [];
  const on = condition === undefined || valueAt(condition) === true;
  const text = (body ?? template).replace(VALUE, (_, path) => JSON.stringify(valueAt(path)));
  const left = /\{\{.*/.exec(text);
  if (left !== null) throw new Error(`an expression of another kind: ${left[0]}`);
  return { text: on ? text : undefined, used };
}

/** @returns {{ name: string, text: string | undefined, used: string[] }[]} */
export function standardManifests() {
  /** @type {unknown} */
  const values = parse(readFileSync(join(chart, "values.yaml"), "utf8"));
  const folder = join(chart, "templates");
  return readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, ...substitute(readFileSync(join(folder, name), "utf8"), values) }));
}

if (basename(argv[1] ?? "") === "manifests.mjs") {
  for (const { name, text } of standardManifests()) {
    if (text !== undefined) writeFileSync(join(manifests, name), text);
  }
}
