/** The service's own OpenAPI document, as far as tests and clients read it. */

export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Reply {
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, Reply>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One operation with its place. */
export interface Route {
  /** `POST` */
  readonly method: string;
  /** `/v1/sessions/{id}` */
  readonly path: string;
  readonly operation: Operation;
}

export function routesOf(document: OpenApi): Route[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** `POST /v1/sessions` */
export function nameOf({ method, path }: Route): string {
  return `${method} ${path}`;
}

/** Who may call it: the first way that the document names. */
export function guardOf({ operation }: Route): "serviceKey" | "session" | "nobody" {
  const names = (operation.security ?? []).flatMap((one) => Object.keys(one));
  if (names.includes("serviceKey")) return "serviceKey";
  return names.length > 0 ? "session" : "nobody";
}

export function parametersOf({ operation }: Route, place: Parameter["in"]): readonly Parameter[] {
  return (operation.parameters ?? []).filter((one) => one.in === place);
}

/** The content type of its body, and the schema. */
export function bodyOf({ operation }: Route): { type: string; schema: Schema } | undefined {
  const [entry] = Object.entries(operation.requestBody?.content ?? {});
  return entry && { type: entry[0], schema: entry[1].schema };
}
