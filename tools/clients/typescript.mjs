/** TypeScript of the Backend group. */
import { choicesOf, hasMembers, nameOf, told } from "./plan.mjs";

const DOC_COLUMNS = 90;
const HEAD = "/* Written by npm run clients from the OpenAPI document of the service. */\n";

/** @param {import("./plan.mjs").Plan} plan */
export function renderTypes({ shapes }) {
  const all = [...shapes].map(([name, schema]) => {
    const { description } = schema;
    const says = docOf(description);
    return hasMembers(schema)
      ? `${says}export interface ${name} ${typeOf(schema)}`
      : `${says}export type ${name} = ${typeOf(schema)};`;
  });
  return `${HEAD}\n${all.join("\n\n")}\n`;
}

/** @param {import("./plan.mjs").Plan} plan */
export function renderOperations({ operations }) {
  const used = operations.flatMap(({ query, body, reply }) => [query, body?.shape, reply]);
  const names = [...new Set(used.filter((name) => name !== undefined))].toSorted();
  const wanted = operations.some(({ ifMatch, once }) => !ifMatch && !once);
  const options = ["MatchOptions", "OnceOptions", ...(wanted ? ["CallOptions"] : [])].toSorted();
  return [
    HEAD,
    'import { Caller } from "./caller.ts";',
    `import type { ${options.join(", ")} } from "./caller.ts";`,
    `import type { ${names.join(", ")} } from "./types.ts";`,
    "",
    "/** One method per operation; each rejects with a `SojournError`. */",
    "export class Operations extends Caller {",
    operations.map(methodOf).join("\n\n"),
    "}",
    "",
  ].join("\n");
}

/** @param {import("./plan.mjs").Operation} operation */
function methodOf(operation) {
  const { id, summary, method, path, params, query, body, reply, once } = operation;
  const options = once ? "OnceOptions" : operation.ifMatch ? "MatchOptions" : "CallOptions";
  const given = [
    ...params.map((name) => `${name}: string`),
    ...told([
      [`body?: ${body?.shape}`, body?.optional],
      [`body: ${body?.shape}`, body?.optional === false],
      [`query?: ${query}`, query],
    ]),
    `options?: ${options}`,
  ];
  const address = path.replaceAll(/\{(\w+)\}/g, "${encodeURIComponent($1)}");
  const quote = params.length > 0 ? "`" : '"';
  const request = [
    `method: "${method}"`,
    `path: ${quote}${address}${quote}`,
    ...told([
      ["query", query],
      ["body", body],
      ["once: true", once],
      ["repeatable: true", operation.repeatable],
      ["text: true", reply === undefined],
    ]),
  ];
  return `  /**
   * ${summary}.
   *
   * \`${method} ${path}\`
   */
  ${id}(${given.join(", ")}): Promise<${reply ?? "string"}> {
    return this.call({ ${request.join(", ")} }, options);
  }`;
}

/** @type {Record<string, (schema: import("./plan.mjs").Schema) => string>} */
const TYPES = {
  string: () => "string",
  boolean: () => "boolean",
  null: () => "null",
  integer: () => "number",
  number: () => "number",
  array: ({ items = {} }) => `readonly ${grouped(typeOf(items))}[]`,
  object: objectOf,
};

/**
 * @param {import("./plan.mjs").Schema} schema
 * @returns {string}
 */
function typeOf(schema) {
  const { $ref: ref, type } = schema;
  if (typeof ref === "string") return nameOf(ref);
  // `items: false`: no more than the first ones.
  if (typeof schema === "boolean") return schema ? "unknown" : "never";
  const values = schema["enum"] ?? ("const" in schema ? [schema["const"]] : undefined);
  if (values !== undefined) return values.map((one) => JSON.stringify(one)).join(" | ");
  const some = choicesOf(schema);
  if (some !== undefined) return some.map(typeOf).join(" | ");
  return TYPES[type]?.(schema) ?? "unknown";
}

/**
 * In several lines where one would be too long; members stand two columns in.
 *
 * @param {string | undefined} description
 */
function docOf(description) {
  if (description === undefined) return "";
  if (description.length <= DOC_COLUMNS) return `/** ${description} */\n`;
  const lines = [""];
  for (const word of description.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length < DOC_COLUMNS) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(` ${word}`);
  }
  return `/**\n${lines.map((line) => ` *${line}`).join("\n")}\n */\n`;
}

/** @param {string} text */
function grouped(text) {
  return / \| /.test(text) ? `(${text})` : text;
}

/** @param {import("./plan.mjs").Schema} schema */
function objectOf({ properties, required = [], additionalProperties: more = false }) {
  const fields = Object.entries(properties ?? {});
  const free = more !== false && more !== undefined;
  if (fields.length === 0 && free) return `Readonly<Record<string, ${typeOf(more)}>>`;
  const lines = fields.map(([name, schema]) => {
    const { description } = schema;
    const says = docOf(description);
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    const mark = required.includes(name) ? "" : "?";
    const orNothing = mark === "" ? "" : " | undefined";
    return `${says}readonly ${key}${mark}: ${typeOf(schema)}${orNothing};`;
  });
  if (free) lines.push("readonly [name: string]: unknown;");
  return `{\n${lines.join("\n")}\n}`;
}
