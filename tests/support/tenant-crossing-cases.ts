/** Operations of an OpenAPI document, with the places of each that may hold what is another's. */
import { at } from "../integration/service-harness.ts";
import type { Json } from "../integration/service-harness.ts";
import { CROSSED, PLAIN, RECIPES } from "./tenant-crossing.ts";
import type { Crossed, Recipe } from "./tenant-crossing.ts";

interface Declared {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Json }> };
}

/** One operation as it is asked, with the places that may hold what is another's. */
export interface Case {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly recipe: Recipe;
  readonly slots: readonly Slot[];
}

export interface Slot {
  readonly where: "path" | "query" | "body" | "form";
  readonly name: string;
  readonly crossed: Crossed;
}

const FORM = "application/x-www-form-urlencoded";

/** @returns `unknown`: what the document has and nobody has thought of, in words. */
export function readCases(document: Json): {
  cases: readonly Case[];
  unknown: readonly string[];
} {
  const cases: Case[] = [];
  const unknown: string[] = [];
  const schemas = at(document, "components.schemas") as Record<string, Json>;
  const paths = document["paths"] as Record<string, Record<string, Declared>>;
  const found = new Set<string>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, declared] of Object.entries(methods)) {
      const { operationId } = declared;
      const title = `${method.toUpperCase()} ${path} (${operationId})`;
      found.add(operationId);
      const recipes = [RECIPES[operationId] ?? []].flat();
      if (recipes.length === 0) unknown.push(`${title}: add it to RECIPES: how is it asked?`);
      for (const recipe of recipes) {
        const slots = slotsOf(declared, recipe, schemas, (name) =>
          unknown.push(
            `${title}, ${name}: add the name to CROSSED, with what another tenant has of it, ` +
              "or to PLAIN when it belongs to nobody",
          ),
        );
        cases.push({ name: title, method: method.toUpperCase(), path, recipe, slots });
      }
    }
  }
  for (const id of Object.keys(RECIPES)) {
    if (!found.has(id)) unknown.push(`RECIPES has ${id}, and the service has no such operation`);
  }
  return { cases, unknown };
}

function slotsOf(
  declared: Declared,
  recipe: Recipe,
  schemas: Readonly<Record<string, Json>>,
  missing: (name: string) => void,
): readonly Slot[] {
  const content = declared.requestBody?.content ?? {};
  const names: (readonly [Slot["where"], string])[] = [
    // Versions and idempotency keys, in headers, are crossed by tests of their own.
    ...(declared.parameters ?? [])
      .filter((one) => one.in !== "header")
      .map((one) => [one.in === "path" ? "path" : "query", one.name] as const),
    ...Object.entries(content).flatMap(([type, { schema }]) =>
      membersOf(schema, schemas).map((name) => [type === FORM ? "form" : "body", name] as const),
    ),
  ];
  return names.flatMap(([where, name]): Slot[] => {
    const crossed = recipe.slots?.[name] === undefined ? CROSSED[name] : recipe.slots[name];
    if (crossed !== undefined && crossed !== null) return [{ where, name, crossed }];
    if (crossed === undefined && !PLAIN.has(name)) missing(name);
    return [];
  });
}

function membersOf(schema: Json, schemas: Readonly<Record<string, Json>>): readonly string[] {
  const ref = schema["$ref"];
  const named = typeof ref === "string" ? schemas[ref.split("/").at(-1) ?? ""] : schema;
  if (named === undefined) return [];
  const parts = ["anyOf", "oneOf", "allOf"].flatMap((word) => (named[word] ?? []) as Json[]);
  return [
    ...Object.keys((named["properties"] as Json | undefined) ?? {}),
    ...parts.flatMap((part) => membersOf(part, schemas)),
  ];
}
