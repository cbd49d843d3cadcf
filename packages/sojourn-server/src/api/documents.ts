/** What routes say of themselves in the OpenAPI document. */
import { z } from "zod";
import { problem } from "./schemas.ts";

const problemContent = {
  description: "What went wrong, as RFC 9457 problem; `code` is stable.",
  content: { "application/problem+json": { schema: problem } },
};

interface Replies<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly description: string;
}

interface Told {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: z.ZodType } };
}

function told({ schema, description }: Replies<z.ZodType>): Told {
  return { description, content: { "application/json": { schema } } };
}

/** 200, and a problem for everything else. */
export function answers<Schema extends z.ZodType>(schema: Schema, description: string): object {
  return { 200: told({ schema, description }), default: problemContent };
}

/** 200, and an error of RFC 6749 section 5.2 for everything else. */
export function oauthAnswers<Schema extends z.ZodType>(schema: Schema, says: string): object {
  const error = z.strictObject({ error: z.string(), error_description: z.string() });
  const refused = told({ schema: error, description: "RFC 6749 section 5.2." });
  return { 200: told({ schema, description: says }), default: refused };
}

/** 201, and a problem for everything else. */
export function creates<Schema extends z.ZodType>(schema: Schema, description: string): object {
  return { 201: told({ schema, description }), default: problemContent };
}

/** Another kind of content than JSON. */
export function answersWith(type: string, description: string): object {
  return {
    200: { description, content: { [type]: { schema: z.string() } } },
    default: problemContent,
  };
}

export const backend = { tags: ["Backend"], security: [{ serviceKey: [] }] };
export const self = { tags: ["Self"], security: [{ sessionCookie: [] }, { sessionToken: [] }] };
export const open = { tags: ["Service"], security: [] };

export const openApi = {
  openapi: "3.1.0" as const,
  info: {
    title: "Sojourn",
    version: "1",
    summary: "Sessions: opened, verified, extended, listed, ended.",
    description:
      "Ids are public handles. A token is a secret: it appears in the reply that makes it and " +
      "in the body that verifies it, never in an address, a list or a log. Errors are RFC 9457 " +
      "problems; switch on `code`.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  tags: [
    { name: "Self", description: "One's own session, by cookie or bearer token; CSRF-checked." },
    { name: "Backend", description: "Sessions of a tenant, by service key." },
    { name: "Service", description: "This service itself." },
  ],
  components: {
    securitySchemes: {
      serviceKey: {
        type: "http" as const,
        scheme: "bearer",
        description: "A service key `sj1k_…`, made by `sojourn keys create`.",
      },
      sessionToken: {
        type: "http" as const,
        scheme: "bearer",
        description: "A session token `sj1s_…`.",
      },
      sessionCookie: {
        type: "apiKey" as const,
        in: "cookie" as const,
        name: "__Host-session",
        description: "Named `session` on plain-HTTP loopback outside production.",
      },
    },
  },
};
