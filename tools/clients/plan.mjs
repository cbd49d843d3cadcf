/** What the clients need of the OpenAPI document: the Backend group, every shape with a name. */

/**
 * @typedef {Record<string, any>} Schema
 * @typedef {object} Document
 * @property {Record<string, Record<string, any>>} paths
 * @property {{ schemas: Record<string, Schema> }} components
 * @typedef {object} Operation
 * @property {string} id
 * @property {string} summary
 * @property {string} method
 * @property {string} path
 * @property {string[]} params Names in the path, in order.
 * @property {string | undefined} query Name of the shape.
 * @property {{ shape: string, optional: boolean } | undefined} body
 * @property {string | undefined} reply Name of the shape; absent: text.
 * @property {boolean} ifMatch
 * @property {boolean} once
 * @property {boolean} repeatable
 * @typedef {{ operations: Operation[], shapes: Map<string, Schema> }} Plan
 */

/**
 * @param {Document} document
 * @returns {Plan}
 */
export function planOf(document) {
  /** @type {Map<string, Schema>} */
  const shapes = new Map();
  const { schemas } = document.components;

  /** @param {Schema} schema */
  const collect = (schema) => {
    for (const value of Object.values(schema)) {
      if (typeof value === "object" && value !== null) collect(value);
    }
    const { $ref: ref } = schema;
    if (typeof ref === "string") keep(nameOf(ref), schemas[lastOf(ref)] ?? {});
  };
  /**
   * @param {string} name
   * @param {Schema} schema
   */
  const keep = (name, schema) => {
    if (shapes.has(name)) return name;
    shapes.set(name, schema);
    collect(schema);
    return name;
  };
  /**
   * @param {Schema} schema
   * @param {string} name For a shape that has none.
   */
  const shapeOf = (schema, name) => {
    const { $ref: ref } = schema;
    return typeof ref === "string"
      ? keep(nameOf(ref), schemas[lastOf(ref)] ?? {})
      : keep(name, schema);
  };

  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { tags }]) => tags.includes("Backend"))
      .map(([method, operation]) => operationOf({ path, method, operation }, shapeOf)),
  );
  return { operations, shapes: new Map([...shapes].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

/**
 * @param {{ path: string, method: string, operation: any }} place
 * @param {(schema: Schema, name: string) => string} shapeOf
 * @returns {Operation}
 */
function operationOf({ path, method, operation }, shapeOf) {
  const { operationId: id, summary, parameters = [], requestBody, responses } = operation;
  const named = id[0].toUpperCase() + id.slice(1);
  const within = (/** @type {string} */ place) =>
    parameters.filter((/** @type {any} */ one) => one.in === place);
  const fields = within("query").map((/** @type {any} */ { name, schema, description }) => [
    name,
    { ...schema, ...(description && { description }) },
  ]);
  const query = { type: "object", properties: Object.fromEntries(fields) };
  const sent = jsonOf(requestBody);
  const body = bodyOf(sent);
  const given = jsonOf(responses["200"] ?? responses["201"]);
  const headers = new Set(within("header").map((/** @type {any} */ { name }) => name));
  return {
    id,
    summary,
    method: method.toUpperCase(),
    path,
    params: within("path").map((/** @type {any} */ { name }) => name),
    query: fields.length === 0 ? undefined : shapeOf(query, `${named}Query`),
    body: body && { shape: shapeOf(body, `${named}Body`), optional: body !== sent },
    reply: given && shapeOf(given, `${named}Reply`),
    ifMatch: headers.has("If-Match"),
    once: headers.has("Idempotency-Key"),
    repeatable: operation["x-repeatable"] === true,
  };
}

/**
 * @param {Schema | undefined} sent
 * @returns {Schema | undefined} Nothing, where all that may come is an empty object.
 */
function bodyOf(sent) {
  if (sent === undefined) return undefined;
  const bare = choicesOf(sent)?.find(({ type }) => type !== "null") ?? sent;
  const { type, properties = {} } = bare;
  return type === "object" && Object.keys(properties).length === 0 ? undefined : bare;
}

/**
 * @param {any} part A request's body or an answer.
 * @returns {Schema | undefined} Nothing, where it is text.
 */
function jsonOf(part) {
  return part?.content["application/json"]?.schema;
}

/**
 * An object whose members are named.
 *
 * @param {Schema} schema
 */
export function hasMembers({ type, properties = {} }) {
  return type === "object" && Object.keys(properties).length > 0;
}

/**
 * @param {Schema} schema
 * @returns {Schema[] | undefined} Where it is one of several.
 */
export function choicesOf({ anyOf, ...schema }) {
  if (Array.isArray(anyOf)) return anyOf;
  const { type } = schema;
  return Array.isArray(type) ? type.map((one) => ({ ...schema, type: one })) : undefined;
}

/**
 * The texts whose condition holds.
 *
 * @param {[text: string, condition: unknown][]} some
 */
export function told(some) {
  return some.filter(([, condition]) => Boolean(condition)).map(([text]) => text);
}

/** @param {string} ref */
function lastOf(ref) {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

/** What is taken and what is given are one shape here. @param {string} ref */
export function nameOf(ref) {
  return lastOf(ref).replace(/Input$/, "");
}
