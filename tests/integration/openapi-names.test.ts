/** How things are called, in every operation of the service's own OpenAPI document. */
import { beforeAll, describe, expect, it } from "vitest";
import { nameOf, parametersOf, routesOf } from "../support/openapi/document.ts";
import type { OpenApi, Route, Schema } from "../support/openapi/document.ts";
import { EVERYTHING, Explorer } from "../support/openapi/explorer.ts";

let document: OpenApi;
let routes: readonly Route[];

beforeAll(async () => {
  const explorer = await Explorer.start({ env: EVERYTHING, seed: 1 });
  ({ document } = explorer);
  routes = routesOf(document).filter(({ path }) => !path.startsWith("/dbsc/"));
  await explorer.stop();
});

describe("names", () => {
  const NAME = /^[a-z][A-Za-z0-9]*$/;
  /** What other specifications name. */
  const FOREIGN = new Set(["x5t#S256", "registering_origins"]);

  it("are camelCase in bodies and queries, and instants end in At or Time", () => {
    const own = routes.filter(({ path }) => !path.startsWith("/oauth/"));
    const told = own.flatMap(({ operation }) => [operation.requestBody, operation.responses]);
    const found = [told, document.components.schemas].flatMap(propertiesIn);
    const names = own.flatMap((one) => parametersOf(one, "query").map(({ name }) => name));
    const odd = [...found.map(([name]) => name), ...names].filter((name) => !NAME.test(name));
    expect(odd.filter((name) => !FOREIGN.has(name))).toEqual([]);
    expect(found.length).toBeGreaterThan(50);
    const instants = found.filter(([name]) => /[a-z]At$|Time$/.test(name));
    expect(instants.filter(([, schema]) => schema["format"] !== "date-time")).toEqual([]);
  });

  it("are kebab-case in paths", () => {
    const odd = routes.filter(
      ({ path }) => !/^(?:\/|(?:\/(?:\.?[a-z][a-z0-9-]*(?:\.json)?|\{\w+\}))+)$/.test(path),
    );
    expect(odd.map(nameOf)).toEqual([]);
  });

  function propertiesIn(value: unknown): [string, Schema][] {
    if (typeof value !== "object" || value === null) return [];
    const { properties } = value as { properties?: unknown };
    const own =
      typeof properties === "object" && properties !== null
        ? (Object.entries(properties) as [string, Schema][])
        : [];
    return [...own, ...Object.values(value).flatMap(propertiesIn)];
  }
});
