/** Python of the Backend group. */
import { choicesOf, hasMembers, nameOf, told } from "./plan.mjs";

const BEGIN =
  "# Written by npm run clients from the OpenAPI document of the service, up to the next line like it.\n";
const END = "# End of what is written by npm run clients.\n";
const LINE_MAX = 100;

/**
 * @param {import("./plan.mjs").Plan} plan
 * @param {string} file What stands around it is kept.
 */
export function renderPython({ operations, shapes }, file) {
  const [before = ""] = file.split(BEGIN);
  const [, after = ""] = file.split(END);
  const types = [...shapes].map(([name, schema]) => shapeOf(name, schema));
  const methods = operations.map(methodOf);
  const head =
    'class _Operations(_Caller):\n    """One method per operation; each raises `SojournError`."""';
  return [
    before,
    BEGIN,
    types.join(""),
    `\n${head}\n\n`,
    methods.join("\n"),
    "\n\n",
    END,
    after,
  ].join("");
}

/**
 * Members that must be there and members that may be, for checkers of types.
 *
 * @param {string} name
 * @param {import("./plan.mjs").Schema} schema
 */
function shapeOf(name, schema) {
  const { properties, required = [], description } = schema;
  if (!hasMembers(schema)) return `${name} = ${typeOf(schema)}\n\n\n`;
  const fields = Object.entries(properties);
  const must = fields.filter(([key]) => required.includes(key));
  const may = fields.filter(([key]) => !required.includes(key));
  const says = description === undefined ? "    pass" : `    """${description}"""`;
  return (
    `_${name}Must = TypedDict("_${name}Must", ${membersOf(must)})\n` +
    `_${name}May = TypedDict("_${name}May", ${membersOf(may)}, total=False)\n\n\n` +
    `class ${name}(_${name}Must, _${name}May):\n${says}\n\n\n`
  );
}

/** @param {[string, any][]} fields */
function membersOf(fields) {
  if (fields.length === 0) return "{}";
  const lines = fields.map(([key, schema]) => `    ${JSON.stringify(key)}: ${quoted(schema)},\n`);
  return `{\n${lines.join("")}}`;
}

/** Evaluated late: shapes name one another. @param {import("./plan.mjs").Schema} schema */
function quoted(schema) {
  return `'${typeOf(schema)}'`;
}

/** @param {string} type */
function optional(type) {
  return `Optional[${type}] = None`;
}

/** @param {import("./plan.mjs").Operation} operation */
function methodOf(operation) {
  const { id, summary, method, path, params, query, body, reply, ifMatch, once } = operation;
  const given = [
    "self",
    ...params.map((name) => `${snake(name)}: str`),
    ...told([
      [`body: ${optional(String(body?.shape))}`, body?.optional],
      [`body: ${body?.shape}`, body?.optional === false],
      [`query: ${optional(String(query))}`, query],
      ["*", true],
      [`if_match: ${optional("Version")}`, ifMatch],
      [`idempotency_key: ${optional("str")}`, once],
    ]),
    `timeout: ${optional("float")}`,
  ];
  const address = path.replaceAll(/\{(\w+)\}/g, (_all, name) => `{_part(${snake(name)})}`);
  const passed = [
    JSON.stringify(method),
    `${params.length > 0 ? "f" : ""}${JSON.stringify(address)}`,
    ...told([
      ["query=query", query],
      ["body=body", body],
      ["if_match=if_match", ifMatch],
      ["idempotency_key=idempotency_key", once],
      ["once=True", once],
      ["repeatable=True", operation.repeatable],
      ["text=True", reply === undefined],
    ]),
    "timeout=timeout",
  ];
  const name = snake(id);
  return [
    `    def ${name}(${listed(given, `    def ${name}()`, "    ")}) -> ${reply ?? "str"}:`,
    `        """${summary}.`,
    "",
    `        \`${method} ${path}\``,
    '        """',
    `        return self._call(${listed(passed, "        return self._call()", "        ")})`,
    "",
  ].join("\n");
}

/**
 * On one line where it fits, else one below the other.
 *
 * @param {string[]} parts
 * @param {string} around
 * @param {string} indent
 */
function listed(parts, around, indent) {
  const line = parts.join(", ");
  const room = LINE_MAX - around.length - " -> SomeReplyOfTheService:".length;
  if (line.length <= room) return line;
  return `\n${parts.map((part) => `${indent}    ${part},\n`).join("")}${indent}`;
}

/** @param {string} name */
function snake(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** @type {Record<string, (schema: import("./plan.mjs").Schema) => string>} */
const TYPES = {
  string: () => "str",
  boolean: () => "bool",
  null: () => "None",
  integer: () => "int",
  number: () => "float",
  array: ({ items = {} }) => `List[${typeOf(items)}]`,
  object: () => "Dict[str, Any]",
};

/**
 * @param {import("./plan.mjs").Schema} schema
 * @returns {string}
 */
function typeOf(schema) {
  const { $ref: ref, type } = schema;
  if (typeof ref === "string") return nameOf(ref);
  if (typeof schema === "boolean") return "Any";
  const values = schema["enum"] ?? ("const" in schema ? [schema["const"]] : undefined);
  if (values !== undefined) return `Literal[${values.map(literal).join(", ")}]`;
  const some = choicesOf(schema);
  if (some !== undefined) return `Union[${some.map(typeOf).join(", ")}]`;
  return TYPES[type]?.(schema) ?? "Any";
}

/** @param {unknown} value */
function literal(value) {
  return typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value);
}
