/**
 * Header fields in the OpenAPI document: what every group has, and what a route says of itself in
 * its `config`. Clients are generated from it, and a test holds every answer against it.
 */
import type { OpenAPIV3_1 } from "openapi-types";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A good answer has the `ETag` of what it shows. */
    etag?: boolean;
    /** The change can be bound to a version with `If-Match`. */
    ifMatch?: boolean;
    /** Repeating it with its `Idempotency-Key` does nothing twice. Every 201 of a POST has it. */
    once?: boolean;
    /** Doing it twice is doing it once: clients repeat it after trouble. */
    repeatable?: boolean;
    /** The fields of the form that is its body. */
    form?: z.ZodObject;
  }
}

type Transform = typeof jsonSchemaTransform;
type TransformObject = typeof jsonSchemaTransformObject;
type Told = Parameters<Transform>[0]["route"]["config"];
type Operation = OpenAPIV3_1.OperationObject;
type Parameter = OpenAPIV3_1.ParameterObject;

const text = { type: "string" } as const;

const IF_MATCH: Parameter = {
  name: "If-Match",
  in: "header",
  description: "The ETag that was read: the change is refused with 412 when there is a newer one.",
  schema: text,
};
const IDEMPOTENCY_KEY: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  description: "A repeated request gets the first one's answer, for 24 hours; see API conventions.",
  schema: { ...text, minLength: 1, maxLength: 255 },
};
const ETAG = { description: "The version shown, for `If-Match`.", schema: text };
const RATE = {
  RateLimit: { description: "What is left of the caller's requests.", schema: text },
  "RateLimit-Policy": { description: "The caller's limit; absent without one.", schema: text },
};

interface Transforms {
  readonly transform: Transform;
  readonly transformObject: TransformObject;
}

/** For the plugin that makes the document. */
export function documentTransforms(): Transforms {
  const configs = new Map<string, Told>();
  return {
    transform: (input) => {
      const { schema, route } = input;
      if (typeof schema?.operationId === "string") configs.set(schema.operationId, route.config);
      return jsonSchemaTransform(input);
    },
    transformObject: (input) => {
      const document = jsonSchemaTransformObject(input) as OpenAPIV3_1.Document;
      for (const methods of Object.values(document.paths ?? {})) {
        for (const [method, operation] of Object.entries(methods ?? {})) {
          const one = operation as Operation;
          tell(one, { method, config: configs.get(one.operationId ?? "") });
        }
      }
      return document;
    },
  };
}

interface Place {
  readonly method: string;
  readonly config: Told;
}

function tell(operation: Operation, { method, config = {} }: Place): void {
  const { responses = {} } = operation;
  const creates = method === "post" && "201" in responses;
  tellParameters(operation, { ...config, once: config.once === true || creates });
  const isLimited = (operation.security ?? []).length > 0;
  const headers = { ...(config.etag === true ? { ETag: ETAG } : {}), ...(isLimited ? RATE : {}) };
  for (const [status, reply] of Object.entries(responses)) {
    if (status.startsWith("2")) Object.assign(reply, { headers });
  }
  if (config.repeatable === true) Object.assign(operation, { "x-repeatable": true });
  if (config.form !== undefined) operation.requestBody = formBody(config.form);
}

function tellParameters(operation: Operation, { ifMatch, once }: NonNullable<Told>): void {
  operation.parameters = [
    ...(operation.parameters ?? []),
    ...(ifMatch === true ? [IF_MATCH] : []),
    ...(once === true ? [IDEMPOTENCY_KEY] : []),
  ];
}

function formBody(form: z.ZodObject): OpenAPIV3_1.RequestBodyObject {
  const schema = z.toJSONSchema(form, { target: "draft-2020-12" }) as object;
  return { required: true, content: { "application/x-www-form-urlencoded": { schema } } };
}
